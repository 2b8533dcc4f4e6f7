"""The curve of a training in a notebook: fed by the training, drawn by a browser, gone in the end."""

import json
import sys

import pytest

from conftest import ROOT
from test_page import CHROMIUM, DRIVER, Browser

SCRIPT = (ROOT / "python" / "tabgraft" / "_curve.js").read_text(encoding="utf-8")


def test_it_shows_what_it_is_fed_and_is_taken_away(monkeypatch):
    pytest.importorskip("anywidget")
    display = pytest.importorskip("IPython.display")
    from tabgraft import _curve

    shown = []

    class Place:
        def update(self, data, raw):
            shown.append(data)

    monkeypatch.setattr(display, "display", lambda widget, display_id: shown.append(widget) or Place())
    curve = _curve.begin("v1")
    curve.add(1, 3, 0.9, None)
    curve.add(2, 3, 0.8, 0.85)
    widget = shown[0]
    assert (widget.title, widget.n_epochs, widget.epochs) == ("v1", 3, [[1, 0.9, None], [2, 0.8, 0.85]])
    curve.end()
    assert shown[-1] == {"text/plain": ""} and widget.comm is None


def test_without_anywidget_there_is_the_line(monkeypatch):
    from tabgraft import _curve

    monkeypatch.setitem(sys.modules, "anywidget", None)
    assert _curve.begin("v1") is None


def test_a_training_in_a_notebook_feeds_it(tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    pytest.importorskip("anywidget")
    cell = f"""
import sys
sys.path[:0] = {sys_path()!r}
import tabgraft
from tabgraft import _curve
fed, add, end = [], _curve.Curve.add, _curve.Curve.end
_curve.Curve.add = lambda self, *epoch: (fed.append(epoch), add(self, *epoch))
_curve.Curve.end = lambda self: (fed.append("end"), end(self))
rows = {{"a": [i % 7 for i in range(400)], "b": [i * i % 11 for i in range(400)]}}
space = tabgraft.EmbeddingSpace.fit(rows, d_model=16, n_epochs=4, auto_epochs=False)
losses = [(e["epoch"], 4, e["train_loss"], e["validation_loss"]) for e in space.training_info["epochs"]]
assert fed == [*losses, "end"], fed
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    left = [output.get("data", {}) for output in notebook.cells[0].outputs]
    assert all(data.get("text/plain", "") == "" for data in left), left


def sys_path() -> list[str]:
    return [path for path in sys.path if path]


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")
def test_a_browser_draws_it_and_names_are_text(tmp_path):
    title = "<img src=x onerror=alert(1)>"
    epochs = [[1, 0.9, 0.95], [2, 0.8, 0.85], [3, 0.7, 0.9]]
    script = SCRIPT.replace("export default", "const curve =")
    state = json.dumps({"title": title, "n_epochs": 4, "epochs": []}).replace("<", "\\u003c")
    (tmp_path / "page.html").write_text(
        f"""<!DOCTYPE html><meta charset="utf-8"><title>curve</title><link rel="icon" href="data:,"><div id="place"></div>
        <script>{script}
        const state = {state}, listeners = [];
        const model = {{ get: (name) => state[name], on: (_, f) => listeners.push(f), off: () => listeners.pop() }};
        const away = curve.render({{ model, el: document.getElementById("place") }});
        window.feed = (epochs) => {{ state.epochs = epochs; listeners.forEach((f) => f()); }};
        window.leave = () => {{ away(); return listeners.length; }};</script>""",
        encoding="utf-8",
    )
    browser = Browser(tmp_path / "profile")
    try:
        browser.open(f"file://{tmp_path}/page.html")
        assert browser.run("return document.querySelector('svg') === null"), "there is nothing to draw yet"
        for n in (1, 2, 3):
            browser.run("feed(arguments[0])", epochs[:n])
            assert browser.run("return document.querySelectorAll('#place svg').length") == 1
        words = browser.run("return [...document.querySelectorAll('text')].map((one) => one.textContent)")
        assert words[-1] == f"{title}: epoch 3 of 4, validation loss 0.9000 (training dashed)"
        assert browser.run("return document.querySelectorAll('path').length") == 2
        # The lowest validation loss is the second epoch's, a third of the way.
        assert abs(browser.run("return +document.querySelector('circle').getAttribute('cx')") - (48 + 362 / 3)) < 0.1
        assert browser.run("return document.querySelector('img') === null && leave() === 0")
        assert browser.complaints() == []
    finally:
        browser.close()
