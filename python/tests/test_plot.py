"""Drawings: what stands in them is what the report says; names are text; matplotlib is needed by drawings alone."""

import re
import subprocess
import sys

import pytest

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
matplotlib.use("agg")

from matplotlib import pyplot  # noqa: E402

import tabgraft  # noqa: E402
from conftest import ROOT  # noqa: E402
from tabgraft import plot  # noqa: E402

FAST = {"n_epochs": 3, "progress": False}
HOSTILE = "_$x^{ \n\u202e`a` & <b>" + "long " * 20


@pytest.fixture(scope="module")
def models(space, predictor, credit):
    """A chain of an anchored and a frozen graft, and predictors of two kinds."""
    anchored = space.extend(credit, mode="anchored", drift_bound=0.05, name="v2", **FAST)
    twice = anchored.extend(credit.assign(**{HOSTILE: credit["age"] * 7 % 5}), name=HOSTILE, **FAST)
    better = tabgraft.Predictor.fit(anchored, credit, "target", n_networks=2, name=HOSTILE, **FAST)
    number = tabgraft.Predictor.fit(space, credit, "target", target_kind="scalar", n_networks=2, name="amount", **FAST)
    return {"space": space, "anchored": anchored, "twice": twice, "predictor": predictor, "better": better, "number": number}


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def ticks(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def dots(axes):
    """Where single dots lie."""
    return [line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o" and len(line.get_xydata()) == 1]


def drawn(axes):
    """Draws for good, so that what matplotlib cannot set fails here."""
    axes.figure.canvas.draw()
    return axes


def facts(shown):
    return shown.report().to_dict()["models"][0]


def test_losses_are_those_of_the_report(models):
    axes = drawn(plot.losses(models["space"], models["twice"]))
    lines = {line.get_label(): line for line in axes.lines}
    epochs = facts(models["space"])["epochs"]
    assert lines["v1, validation"].get_ydata().tolist() == [e["validation_loss"] for e in epochs]
    assert lines["v1, training"].get_ydata().tolist() == [e["train_loss"] for e in epochs]
    assert lines["v1, kept"].get_xdata().tolist() == [e["epoch"] for e in epochs if e["is_kept"]]
    assert len(axes.get_legend().get_texts()) == 6


def test_scores_and_differences_have_their_intervals(models, early, credit):
    predictor, better = models["predictor"], models["better"]
    axes = drawn(plot.scores(predictor, better))
    value = predictor.scores["roc_auc"]
    assert dots(axes)[0].tolist() == [value.value, 0]
    assert axes.collections[0].get_segments()[0][:, 0].tolist() == [value.low, value.high]
    assert ticks(axes)[0] == "predictor" and axes.get_ylim() == (1.5, -0.5), "the first one is on top"
    assert drawn(plot.scores(predictor.report(early), metric="log_loss")).get_xlabel() == "log loss, 95 % interval, lower is better"
    found = predictor.compare(better, credit)
    axes = drawn(plot.differences(found, better.report(credit, before=predictor)))
    assert dots(axes)[0][0] == found.difference
    assert axes.collections[0].get_segments()[0][:, 0].tolist() == list(found.interval)
    assert found.verdict.replace("_", " ") in ticks(axes)[0]


def test_calibration_is_that_of_the_report(models, early, credit):
    report = models["predictor"].report(early)
    axes = drawn(plot.calibration(report))
    bins = report.to_dict()["models"][0]["evaluation"]["reliability"]["bins"]
    assert axes.lines[-1].get_ydata().tolist() == [b["observed"] for b in bins]
    numbers = models["number"].report(credit)
    assert drawn(plot.calibration(numbers)).get_ylabel() == "share of rows inside"
    with pytest.raises(tabgraft.OptionError, match="two drawings"):
        plot.calibration(report, numbers)


def test_worth_is_that_of_the_report_or_of_an_explanation(models, early):
    report = models["predictor"].report(early)
    axes = drawn(plot.worth(report, n_columns=4))
    columns = report.to_dict()["models"][0]["worth"]["columns"]
    assert ticks(axes) == [c["column"] for c in columns[:4]]
    assert [dot[0] for dot in dots(axes)] == [c["value"] for c in columns[:4]]
    reasons = models["predictor"].explain(early.head(20), n_evaluations=100)
    axes = drawn(plot.worth(reasons, n_columns=2))
    assert [dot[0] for dot in dots(axes)] == [c["mean_absolute"] for c in reasons.importance[:2]]


def test_the_map_has_every_point_in_its_group(models, credit):
    report = models["anchored"].report(credit, colour_by="target")
    axes = drawn(plot.map(report))
    found = report.to_dict()["models"][0]["map"]
    assert sum(len(line.get_xdata()) for line in axes.lines) == len(found["points"])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == found["groups"]
    assert len({line.get_marker() for line in axes.lines}) == len(found["groups"]), "not by colour alone"
    by_target = drawn(plot.map(models["predictor"].report(credit))).get_legend()
    assert by_target.get_title().get_text() == models["predictor"].target


def test_lineage_and_drift_tell_every_step(models, tmp_path):
    for name in ("space", "anchored", "predictor"):
        models[name].save(tmp_path / f"{name}.tabgraft")
    axes = drawn(plot.lineage(tabgraft.lineage(tmp_path)))
    assert set(ticks(axes)) == {"v1: 17 columns", "v2: graft, anchored, + 3 columns", "predictor: predicts target"}
    assert ticks(axes) == ticks(plot.lineage(tabgraft.Report.of_folder(tmp_path)))
    assert len(ticks(plot.lineage(models["twice"]))) == 3
    axes = drawn(plot.drift(models["twice"]))
    assert ticks(axes) == ["+ 3 columns\ngraft, anchored", "+ 1 column\ngraft, frozen"]
    measured = [step["drift"]["mean_cosine_distance"] for step in facts(models["twice"])["steps"]]
    assert [dot[0] for dot in dots(axes)] == measured and measured[1] == 0
    assert [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "|"] == [0.05]


def test_names_are_text_and_no_legend_hides_them(models):
    axes = drawn(plot.losses(models["twice"]))
    shown = axes.get_legend().get_texts()[0].get_text()
    assert "\n" not in shown and "\u202e" not in shown and len(shown) < 70 and "_" in shown
    assert any("<b>" in label for label in ticks(drawn(plot.lineage(models["twice"]))))


def test_drawings_go_into_axes_that_are_given(models):
    _, (left, right) = pyplot.subplots(ncols=2)
    assert plot.losses(models["space"], ax=left) is left and plot.drift(models["anchored"], ax=right) is right
    assert left.lines and right.lines and len(pyplot.get_fignums()) == 1


def test_what_cannot_be_drawn_says_what_is_missing(models, early, tmp_path):
    space, predictor = models["space"], models["predictor"]
    for make, said in [
        (lambda: plot.calibration(predictor.report()), "has no evaluation\nhint: make it with a table that has the target"),
        (lambda: plot.worth(space.report()), "has no worth\nhint: make it with a table"),
        (lambda: plot.map(predictor.report()), "has no map\nhint: make it with a table"),
        (lambda: plot.differences(space.report()), "compares nothing\nhint: make it of two models"),
        (lambda: plot.scores(predictor, metric="rmse"), "has no score rmse\nhint: it has `accuracy`"),
        (lambda: plot.scores(space), "has no score\nhint: give a predictor"),
        (lambda: plot.drift(space), "was trained once"),
        (lambda: plot.losses(), "nothing to draw"),
    ]:
        with pytest.raises(tabgraft.OptionError, match=re.escape(said)):
            make()
    space.save(tmp_path / "v1.tabgraft")
    with pytest.raises(tabgraft.OptionError, match="no single model"):
        plot.losses(tabgraft.Report.of_folder(tmp_path))
    assert pyplot.get_fignums() == [], "an error leaves no empty figure behind"


def test_colours_are_those_of_pages():
    style = (ROOT / "crates/model/src/report/page/style.css").read_text(encoding="utf-8")
    light = style.split("@media")[0]
    assert tuple(re.search(rf"--g{i}: (#\w+)", light)[1] for i in range(6)) == plot._COLOURS


def test_matplotlib_is_imported_by_the_first_drawing_and_named_where_it_is_absent():
    program = """
import sys, tabgraft, tabgraft.plot
assert not [name for name in sys.modules if name.startswith("matplotlib")]
sys.modules["matplotlib"] = None
try:
    tabgraft.plot.losses(tabgraft.EmbeddingSpace.fit({"a": [i * i % 37 for i in range(400)], "b": [i % 11 for i in range(400)]}, n_epochs=1, progress=False))
except ImportError as error:
    assert "needs matplotlib\\nhint: pip install 'tabgraft[plot]'" in str(error)
else:
    raise SystemExit("drawn without matplotlib")
"""
    subprocess.run([sys.executable, "-c", program], check=True)
