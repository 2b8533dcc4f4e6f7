//! The family as a drawing: boxes in the order of generations, from left to right.
//!
//! Each piece names its colour twice: as an attribute, which every program that shows a drawing knows, and as a class,
//! for which a style sheet has the last word. A page colours the classes as its own style says, light or dark; a drawing
//! that stands alone brings a sheet along, which knows dark screens. All text is escaped; what is shortened stands in
//! full in a tooltip.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Lineage, Node};
use crate::draw::{escape, number, shorten};
use crate::store::ContentHash;

/// Size of a box, and the room between boxes.
const BOX: (f64, f64) = (228.0, 84.0);
const GAP: (f64, f64) = (64.0, 18.0);
/// Room around everything, and above for the title.
const MARGIN: f64 = 24.0;
const HEAD: f64 = 44.0;
/// Characters of a box's name and of its other lines.
const MOST_NAME_CHARS: usize = 24;
const MOST_CHARS: usize = 30;

/// A colour by the class that a style sheet knows it by, with what it is in light and dark where no page says otherwise.
/// Light and dark are those of the pages' own style sheets.
struct Colour {
    class: &'static str,
    /// What it colours: `fill` or `stroke`.
    of: &'static str,
    light: &'static str,
    dark: &'static str,
}

const fn fill(class: &'static str, light: &'static str, dark: &'static str) -> Colour {
    Colour { class, of: "fill", light, dark }
}

const fn stroke(class: &'static str, light: &'static str, dark: &'static str) -> Colour {
    Colour { class, of: "stroke", light, dark }
}

/// Text, what is less, the paper, and boxes of spaces and of predictors.
const INK: Colour = fill("ink", "#1b2430", "#e6ebf1");
const DIM: Colour = fill("dim", "#4d5a68", "#aab6c3");
const PAPER: Colour = fill("paper", "#ffffff", "#12171d");
const SPACE: Colour = fill("space", "#eaf2fb", "#182b40");
const PREDICTOR: Colour = fill("predictor", "#fdf3e3", "#38280f");
/// Lines between boxes, and the borders of boxes.
const LINE: Colour = stroke("line", "#75828f", "#8492a1");
const SPACE_EDGE: Colour = stroke("space-edge", "#3f7cbf", "#6ba6e6");
const PREDICTOR_EDGE: Colour = stroke("predictor-edge", "#b57717", "#d9a04a");
const COLOURS: [&Colour; 8] = [&INK, &DIM, &PAPER, &SPACE, &PREDICTOR, &LINE, &SPACE_EDGE, &PREDICTOR_EDGE];

/// Where the colours come from where no page says so.
#[derive(Clone, Copy)]
pub(super) enum Setting {
    /// A file of its own: light or dark as the screen is.
    Alone,
    /// A notebook, whose colours nobody knows: its own ink on its own paper.
    Notebook,
    /// A page that has colours for the classes.
    Page,
}

impl Setting {
    /// The sheet that goes along; what a program does not know of it, the attributes say.
    fn sheet(self) -> String {
        let mut rules = String::new();
        for colour in COLOURS {
            let value = match (self, colour.class) {
                (Setting::Page, _) => return String::new(),
                (Setting::Alone, _) => colour.dark.to_owned(),
                (Setting::Notebook, "ink" | "dim") => "currentColor".to_owned(),
                (Setting::Notebook, "paper") => "none".to_owned(),
                // A veil over whatever the paper is.
                (Setting::Notebook, "space") => format!("{}22", SPACE_EDGE.light),
                (Setting::Notebook, "predictor") => format!("{}22", PREDICTOR_EDGE.light),
                (Setting::Notebook, _) => continue,
            };
            let _ = write!(rules, ".lineage .{}{{{}:{value}}}", colour.class, colour.of);
        }
        match self {
            Setting::Alone => format!("<style>@media (prefers-color-scheme:dark){{{rules}}}</style>"),
            _ => format!("<style>{rules}</style>"),
        }
    }
}

/// The drawing; a box whose version `link` has an address for leads there.
pub(super) fn draw(lineage: &Lineage, setting: Setting, link: &dyn Fn(&Node) -> Option<String>) -> String {
    let places = places(lineage);
    let (w, h) = BOX;
    let n_columns = lineage.nodes.iter().map(|n| n.generation + 1).max().unwrap_or(0) as f64;
    let bottom = places.values().fold(HEAD, |bottom: f64, (_, y)| bottom.max(y + h));
    let width = (2.0 * MARGIN + n_columns * (w + GAP.0) - GAP.0).max(2.0 * w);
    let height = bottom + MARGIN;
    let n_predictors = lineage.nodes.iter().filter(|n| n.prediction.is_some()).count();
    let n_spaces = lineage.nodes.len() - n_predictors;
    let title = format!("Lineage: {}, {}", counted(n_spaces, "space"), counted(n_predictors, "predictor"));
    // What is in a picture cannot be reached, and links shall be.
    let role = if lineage.nodes.iter().any(|node| link(node).is_some()) { "group" } else { "img" };
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" role="{role}" class="lineage" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"><title>{title}</title>{}"#,
        setting.sheet()
    );
    let _ = write!(svg, r#"<rect width="{width:.0}" height="{height:.0}" {}/>"#, coloured(&[&PAPER]));
    let strong = format!(r#"font-size="15" font-weight="600" {}"#, coloured(&[&INK]));
    text(&mut svg, (MARGIN, 28.0), &strong, &title, 200);
    for (i, edge) in lineage.edges.iter().enumerate() {
        let (Some(from), Some(to)) = (places.get(&edge.parent), places.get(&edge.child)) else { continue };
        let is_first = i == 0 || lineage.edges[i - 1].child != edge.child;
        line(&mut svg, (from.0 + w, from.1 + h / 2.0), (to.0, to.1 + h / 2.0), is_first);
    }
    for node in &lineage.nodes {
        if let Some(place) = places.get(&node.id) {
            let address = link(node);
            if let Some(address) = &address {
                let _ = write!(svg, r#"<a href="{}">"#, escape(address));
            }
            draw_box(&mut svg, lineage, node, *place);
            svg += if address.is_some() { "</a>" } else { "" };
        }
    }
    svg + "</svg>\n"
}

/// The corner of each box: its generation across; down, its children's middle, or the next free place.
fn places(lineage: &Lineage) -> BTreeMap<&ContentHash, (f64, f64)> {
    let (w, h) = BOX;
    // Each version hangs below the first of its parents.
    let mut children: BTreeMap<&ContentHash, Vec<&Node>> = BTreeMap::new();
    let mut roots = Vec::new();
    for node in &lineage.nodes {
        match lineage.parents(&node.id).next() {
            Some(edge) => children.entry(&edge.parent).or_default().push(node),
            None => roots.push(node),
        }
    }
    let mut rows: BTreeMap<&ContentHash, f64> = BTreeMap::new();
    let mut next_free = 0.0;
    // Twice on the stack: on the way down, and when all below is placed.
    let mut waiting: Vec<(&Node, bool)> = roots.into_iter().rev().map(|root| (root, false)).collect();
    while let Some((node, is_done)) = waiting.pop() {
        let below = children.get(&node.id).map_or(&[][..], Vec::as_slice);
        if below.is_empty() {
            rows.insert(&node.id, next_free);
            next_free += 1.0;
        } else if is_done {
            let ends = [below.first(), below.last()].map(|n| n.and_then(|n| rows.get(&n.id)).copied());
            rows.insert(&node.id, ends.into_iter().flatten().sum::<f64>() / 2.0);
        } else {
            waiting.push((node, true));
            waiting.extend(below.iter().rev().map(|child| (*child, false)));
        }
    }
    let place =
        |node: &Node, row: f64| (MARGIN + node.generation as f64 * (w + GAP.0), HEAD + row * (h + GAP.1));
    lineage.nodes.iter().filter_map(|n| rows.get(&n.id).map(|row| (&n.id, place(n, *row)))).collect()
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), is_first: bool) {
    let middle = (from.0 + to.0) / 2.0;
    let dash = if is_first { "" } else { r#" stroke-dasharray="5 4""# };
    let _ = write!(
        svg,
        r#"<path d="M{:.1} {:.1}C{middle:.1} {:.1} {middle:.1} {:.1} {:.1} {:.1}" fill="none" {} stroke-width="1.5"{dash}/>"#,
        from.0,
        from.1,
        from.1,
        to.1,
        to.0,
        to.1,
        coloured(&[&LINE])
    );
}

fn draw_box(svg: &mut String, lineage: &Lineage, node: &Node, (x, y): (f64, f64)) {
    let (w, h) = BOX;
    let (fill, edge, round) = match &node.prediction {
        Some(_) => (&PREDICTOR, &PREDICTOR_EDGE, 20),
        None => (&SPACE, &SPACE_EDGE, 6),
    };
    let (fill, dash) = if node.is_absent() { (&PAPER, r#" stroke-dasharray="4 3""#) } else { (fill, "") };
    let _ = write!(
        svg,
        r#"<rect x="{x:.1}" y="{y:.1}" width="{w}" height="{h}" rx="{round}" {} stroke-width="1.5"{dash}/>"#,
        coloured(&[fill, edge])
    );
    let [what, more] = words(lineage, node);
    let last = match node.is_absent() {
        true => format!("{}, file not here", node.id.short()),
        false => format!("{}, {} columns", node.id.short(), node.n_columns),
    };
    let left = x + 14.0;
    let small = |fill: &Colour| format!(r#"font-size="11.5" {}"#, coloured(&[fill]));
    let strong = format!(r#"font-size="14" font-weight="600" {}"#, coloured(&[&INK]));
    text(svg, (left, y + 23.0), &strong, &node.name, MOST_NAME_CHARS);
    text(svg, (left, y + 41.0), &small(&INK), &what, MOST_CHARS);
    text(svg, (left, y + 57.0), &small(&INK), &more, MOST_CHARS);
    text(svg, (left, y + 73.0), &small(&DIM), &last, MOST_CHARS);
}

/// The two lines below a name: how it came about, and what changed.
fn words(lineage: &Lineage, node: &Node) -> [String; 2] {
    if let Some(prediction) = &node.prediction {
        let score = prediction.scores.first().map(|s| format!("{} {}", s.metric.words(), number(s.value, 4)));
        return [format!("predictor of {}", prediction.target), score.unwrap_or_default()];
    }
    let Some(edge) = lineage.parents(&node.id).next() else {
        let wide = node.d_model.map(|d| format!("{d} coordinates"));
        return ["first training".to_owned(), wide.unwrap_or_default()];
    };
    let drift = edge.drift.filter(|drift| *drift > 0.0).map(|drift| format!(", drift {drift:.3}"));
    let changes = lineage.changes(edge, '\u{2212}', usize::MAX);
    [edge.how() + &drift.unwrap_or_default(), changes.join("; ")]
}

/// The attributes of a piece in these colours.
fn coloured(colours: &[&Colour]) -> String {
    let classes: Vec<&str> = colours.iter().map(|colour| colour.class).collect();
    let values: Vec<String> =
        colours.iter().map(|colour| format!(r#"{}="{}""#, colour.of, colour.light)).collect();
    format!(r#"class="{}" {}"#, classes.join(" "), values.join(" "))
}

fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Text that is shortened where it is long, with the whole of it as tooltip.
fn text(svg: &mut String, (x, y): (f64, f64), style: &str, text: &str, most: usize) {
    let short = shorten(text, most);
    let tooltip = if short == text { String::new() } else { format!("<title>{}</title>", escape(text)) };
    let _ = write!(svg, r#"<text x="{x:.1}" y="{y:.1}" {style}>{tooltip}{}</text>"#, escape(&short));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `--name` in a style sheet: light, dark and on paper.
    fn values<'a>(sheet: &'a str, name: &str) -> Vec<&'a str> {
        let begin = format!("--{name}: ");
        sheet.split(begin.as_str()).skip(1).filter_map(|rest| rest.split(';').next()).collect()
    }

    #[test]
    fn a_page_of_a_report_has_the_same_colours() {
        let sheet = include_str!("../report/page/style.css");
        for Colour { class, of, light, dark } in COLOURS {
            let rule = format!(".lineage .{class} {{ {of}: var(--{class}); }}");
            assert!(sheet.contains(&rule), "{rule}");
            let found = values(sheet, class);
            assert_eq!(found[..2], [*light, *dark], "{class}");
            assert_eq!(found.len(), 3, "{class}: ink on paper");
        }
    }
}
