// Losses by epoch as they come: validation as a line with a dot at the lowest, training dashed. In the page's own ink.
const WIDTH = 420, HEIGHT = 150, LEFT = 48, BOTTOM = 128, TOP = 10, RIGHT = 410;

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function draw(model, el) {
  const epochs = model.get("epochs");
  if (!epochs.length) return;
  const losses = epochs.flatMap(([, train, valid]) => [train, valid]).filter(Number.isFinite);
  const low = Math.min(...losses), high = Math.max(...losses);
  const x = (epoch) => LEFT + ((RIGHT - LEFT) * (epoch - 1)) / Math.max(1, model.get("n_epochs") - 1);
  const y = (loss) => BOTTOM - ((BOTTOM - TOP) * (loss - low)) / Math.max(1e-12, high - low);
  const [last, , validated] = epochs[epochs.length - 1];
  const said = `${model.get("title")}: epoch ${last} of ${model.get("n_epochs")}`;
  const svg = element("svg", {
    width: WIDTH, height: HEIGHT, role: "img", "aria-label": said, fill: "none", stroke: "currentColor",
  });
  const line = (column, dash) => {
    const points = epochs.filter((epoch) => Number.isFinite(epoch[column]));
    const path = points.map((epoch, i) => `${i ? "L" : "M"}${x(epoch[0]).toFixed(1)} ${y(epoch[column]).toFixed(1)}`);
    if (points.length) svg.append(element("path", { d: path.join(""), "stroke-width": 1.8, "stroke-dasharray": dash }));
    return points;
  };
  line(1, "5 4");
  const points = line(2, "none");
  if (points.length) {
    const best = points.reduce((a, b) => (b[2] < a[2] ? b : a));
    svg.append(element("circle", { cx: x(best[0]), cy: y(best[2]), r: 4, fill: "currentColor" }));
  }
  const text = { fill: "currentColor", stroke: "none", "font-size": 11 };
  for (const loss of new Set([low, high])) {
    svg.append(element("text", { ...text, x: LEFT - 6, y: y(loss) + 4, "text-anchor": "end" }, loss.toFixed(3)));
  }
  const words = Number.isFinite(validated) ? `${said}, validation loss ${validated.toFixed(4)}` : said;
  svg.append(element("text", { ...text, x: LEFT, y: HEIGHT - 5 }, `${words} (training dashed)`));
  el.replaceChildren(svg);
}

export default {
  render({ model, el }) {
    const again = () => draw(model, el);
    model.on("change:epochs", again);
    again();
    return () => model.off("change:epochs", again);
  },
};
