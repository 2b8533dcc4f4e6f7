"""Drawings of models by matplotlib, from the facts of their reports.

Every function takes a model, or the :class:`tabgraft.Report` of one: what needs rows, such as calibration, is in a report
that was made with a table. It draws into ``ax``, or into a figure of its own, and returns the axes, so that titles, limits
and sizes are matplotlib's. Nothing is computed here: intervals, bins and components are those of the report's page. Needs
``matplotlib``, which is imported by the first drawing.

>>> from tabgraft import plot
>>> axes = plot.losses(space, child)
>>> axes.get_xlabel()
'epoch'
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import tabgraft
from tabgraft._native import _metric_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["calibration", "differences", "drift", "lineage", "losses", "map", "scores", "worth"]

_Shown: TypeAlias = tabgraft.Report | tabgraft.EmbeddingSpace | tabgraft.Predictor
_Facts: TypeAlias = dict[str, Any]

#: Those of a report's page; with a shape or a dash beside them where they tell things apart.
_COLOURS = ("#1d4f91", "#d98207", "#7b1e5a", "#4a9c72", "#3b4048", "#9a80d6")
_MARKERS = "osD^vP"
_GOOD, _BAD, _DIM = "#0b6b3a", "#a3161f", "#7f8a96"
#: Characters of a name.
_MOST_CHARS = 48


def losses(*shown: _Shown, ax: Axes | None = None) -> Axes:
    """Losses of the last training of each model's space by epoch: validation as a line, training dashed, and a dot at the
    epoch whose weights were kept. A loss of 1 is a uniform guess.

    >>> plot.losses(space).get_ylabel()
    'loss (1: a uniform guess)'
    """
    models, handles = list(_models(shown)), []
    ax = _axes(ax)
    for i, model in enumerate(models):
        style, epochs = _style(i), model["epochs"]
        trained = [(e["epoch"], e["train_loss"]) for e in epochs]
        validated = [(e["epoch"], e["validation_loss"]) for e in epochs if e["validation_loss"] is not None]
        kept = [point for point, e in zip(validated or trained, epochs) if e["is_kept"]]
        name = _name(model)
        handles += _line(ax, trained, f"{name}, training", color=style["color"], linestyle="--", linewidth=1)
        handles += _line(ax, validated, f"{name}, validation", color=style["color"])
        handles += _line(ax, kept, f"{name}, kept", linestyle="", **style)
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss (1: a uniform guess)")
    _whole_numbers(ax)
    ax.legend(handles=handles)
    return ax


def scores(*shown: _Shown, metric: str | None = None, ax: Axes | None = None) -> Axes:
    """One metric of each predictor with its 95 % interval: on the rows of the report's table, or, where it had none, on the
    rows held out of the fit. ``metric`` is a name such as ``"roc_auc"``; by default the first one of the first predictor.

    >>> plot.scores(predictor).get_xlabel()
    'ROC AUC, 95 % interval, higher is better'
    """
    rows = []
    for model in _models(shown):
        found = {score["metric"]: score for score in (model["evaluation"] or model["card"])["scores"]}
        metric = metric or next(iter(found), None)
        if metric not in found:
            raise tabgraft.OptionError(
                f"`{_plain(model)}` has no score{f' {metric}' if metric else ''}"
                f"\nhint: {_known(found) if found else 'give a predictor that was scored, or its report with a table'}"
            )
        score = found[metric]
        rows.append((_name(model), score["value"], (score["low"], score["high"]), _COLOURS[0]))
    words, higher_is_better = _metric_words(str(metric))
    ax = _intervals(_axes(ax), rows)
    ax.set_xlabel(f"{words}, 95 % interval, {'higher' if higher_is_better else 'lower'} is better")
    return ax


def differences(*shown: tabgraft.Comparison | tabgraft.Report, ax: Axes | None = None) -> Axes:
    """How much better the second of two models is, with the 95 % interval, for each comparison or report of two models;
    what lies right of 0 is better. All are of one metric.

    >>> plot.differences(comparison).get_xlabel()
    'difference in ROC AUC, 95 % interval (right: better)'
    """
    rows, metrics = [], set()
    for item in shown:
        found = item.to_dict() if isinstance(item, tabgraft.Comparison) else (item.to_dict()["pair"] or {}).get("comparison")
        if not found:
            raise tabgraft.OptionError(
                "the report compares nothing\nhint: make it of two models with a table: v2.report(table, before=v1)"
            )
        difference = found["difference"]
        metrics.add(difference["metric"])
        colour = {"better": _GOOD, "worse": _BAD}.get(difference["verdict"], _DIM)
        verdict = difference["verdict"].replace("_", " ")
        label = f"{_text(found['b']['name'])} against {_text(found['a']['name'])}:\n{verdict}"
        rows.append((label, difference["difference"], (difference["low"], difference["high"]), colour))
    if len(metrics) != 1:
        raise tabgraft.OptionError(f"differences of one metric are drawn, not of {len(metrics)}: {_listed(metrics)}")
    ax = _axes(ax)
    ax.axvline(0, color=_DIM, linewidth=1)
    _intervals(ax, rows)
    ax.set_xlabel(f"difference in {_metric_words(metrics.pop())[0]}, 95 % interval (right: better)")
    return ax


def calibration(*shown: tabgraft.Report, ax: Axes | None = None) -> Axes:
    """What predictors say of themselves against what was so: of rows that got a probability the share that was of the
    class, or of intervals around numbers the share that they covered. On the diagonal both are the same.

    >>> plot.calibration(predictor.report(early)).get_xlabel()
    'probability that was said'
    """
    lines, axes_words = [], set()
    for model in _models(shown):
        found = _part(model, "evaluation", "a table that has the target")["reliability"]
        if found is None:
            raise tabgraft.OptionError(f"`{_plain(model)}` says nothing of itself that could be held against the truth")
        if found["of"] == "probabilities":
            axes_words.add(("probability that was said", "share that was so"))
            points = [(b["predicted"], b["observed"]) for b in found["bins"]]
            lines.append((points, f"{_name(model)}: {found['ece']:.3f} apart on average"))
        else:
            axes_words.add(("level of the interval", "share of rows inside"))
            lines.append(([(level["level"], level["covered"]) for level in found["levels"]], _name(model)))
    if len(axes_words) != 1:
        raise tabgraft.OptionError("probabilities of classes and intervals around numbers are two drawings")
    ax, handles = _axes(ax), []
    ax.axline((0, 0), slope=1, color=_DIM, linestyle="--", linewidth=1)
    for i, (points, label) in enumerate(lines):
        handles += _line(ax, points, label, **_style(i))
    (x_words, y_words), = axes_words
    ax.set_xlabel(x_words)
    ax.set_ylabel(y_words)
    ax.legend(handles=handles)
    return ax


def worth(shown: tabgraft.Report | tabgraft.Explanation, *, n_columns: int = 15, ax: Axes | None = None) -> Axes:
    """What each column is worth, the greatest first, with 95 % intervals where they are known: of the report of a
    predictor or a space with a table, or of an explanation of many rows.

    >>> axes = plot.worth(predictor.report(early), n_columns=3)
    >>> len(axes.get_yticks())
    3
    """
    if isinstance(shown, tabgraft.Explanation):
        axis = f"mean size of contribution, {shown.scale.replace('_', ' ')}"
        columns = [(c["column"], c["mean_absolute"], c["interval"]) for c in shown.importance]
    else:
        found = _part(_only(shown), "worth", "a table")
        axis = found["explanation"]
        columns = [(c["column"], c["value"], c["interval"]) for c in found["columns"]]
    rows = [(_text(name), value, interval, _COLOURS[0]) for name, value, interval in columns[:n_columns]]
    ax = _intervals(_axes(ax), rows)
    ax.set_xlabel(_wrapped(axis))
    return ax


def map(shown: tabgraft.Report, *, ax: Axes | None = None) -> Axes:
    """The rows of the report's table by their vectors: the plane in which these differ most, coloured by the column that
    the report was told, ``space.report(table, colour_by=...)``. Of a predictor as its network sees the rows, or, where it
    has none, by what each column gave to their predictions; coloured by the target unless a column was told.

    >>> axes = plot.map(space.report(early, colour_by="age"))
    >>> axes.get_xlabel().startswith("first component, ")
    True
    """
    found = _part(_only(shown), "map", "a table")
    ax, handles = _axes(ax), []
    for i, group in enumerate(found["groups"]):
        points = [(p["x"], p["y"]) for p in found["points"] if p["group_idx"] == i]
        handles += _line(ax, points, _text(group), linestyle="", markersize=4, alpha=0.7, **_style(i))
    first, second = (f"{100 * share:.0f} % of the variance" for share in found["explained"])
    ax.set_xlabel(f"first component, {first}")
    ax.set_ylabel(f"second component, {second}")
    if found["coloured_by"]:
        ax.legend(handles=handles, title=_text(found["coloured_by"]))
    return ax


def lineage(shown: tabgraft.Lineage | _Shown, *, ax: Axes | None = None) -> Axes:
    """Who comes from whom: a line for each version, its generation to the right. Spaces are filled, predictors are not;
    versions whose file is not there are pale.

    >>> [text.get_text() for text in plot.lineage(child).get_yticklabels()]
    ['v1: 17 columns', 'v2: graft, frozen, + 3 columns']
    """
    if isinstance(shown, tabgraft.Lineage):
        found = shown.to_dict()
    else:
        report = _report(shown).to_dict()
        found = (report["family"] or _only(shown))["lineage"]
    ax = _axes(ax)
    place = {node["id"]: (node["generation"], row) for row, node in enumerate(found["nodes"])}
    made: dict[str, _Facts] = {}
    for edge in found["edges"]:
        made.setdefault(edge["child"], edge)
        (x, y), (x_child, y_child) = place[edge["parent"]], place[edge["child"]]
        ax.plot([x, x, x_child], [y, y_child, y_child], color=_DIM, linewidth=1.5, zorder=1)
    for node in found["nodes"]:
        colour = _COLOURS[1 if node["kind"] == "predictor" else 0]
        face = "none" if node["kind"] == "predictor" else colour
        ax.plot(*place[node["id"]], "o", color=colour, markerfacecolor=face, markersize=9, alpha=1 if node["paths"] else 0.4)
    labels = [f"{_text(node['name'])}: {_how(node, made.get(node['id']))}" for node in found["nodes"]]
    ax.set_yticks(range(len(labels)), labels)
    ax.yaxis.tick_right()
    ax.invert_yaxis()
    ax.set_xlabel("generation")
    _whole_numbers(ax)
    ax.spines[["top", "left", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.margins(x=0.2, y=0.1)
    return ax


def drift(shown: _Shown, *, ax: Axes | None = None) -> Axes:
    """How far each step of a lineage moved old vectors, as mean cosine distance on validation rows: 0 where they kept
    their bits, and a mark at the bound of an anchored graft. Steps where it was not measured say so.

    >>> [text.get_text() for text in plot.drift(child).get_yticklabels()]
    ['+ 3 columns\\ngraft, frozen']
    """
    model = _only(shown)
    steps = model["steps"]
    if not steps:
        raise tabgraft.OptionError(f"`{_plain(model)}` was trained once: no step moved old vectors")
    ax = _axes(ax)
    labels = []
    for row, step in enumerate(steps):
        measured = step["drift"]
        more = "" if measured else "\nnot measured"
        labels.append(f"{_changed(step)}\n{step['operation']}, {step['mode']}{more}")
        if measured:
            distance = measured["mean_cosine_distance"]
            ax.hlines(row, 0, distance, color=_COLOURS[0])
            ax.plot([distance], [row], "o", color=_COLOURS[0], clip_on=False)
        if step["drift_bound"] is not None:
            ax.plot([step["drift_bound"]], [row], "|", color=_BAD, markersize=18, markeredgewidth=2)
    _rows(ax, labels)
    ax.set_xlim(left=0)
    ax.set_xlabel("mean cosine distance of old vectors (mark: the bound)")
    return ax


def _axes(ax: Axes | None) -> Axes:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("tabgraft.plot needs matplotlib\nhint: pip install 'tabgraft[plot]'") from error
    if ax is None:
        _, ax = pyplot.subplots(layout="constrained")
    return ax


def _report(shown: _Shown) -> tabgraft.Report:
    return shown if isinstance(shown, tabgraft.Report) else shown.report()


def _models(shown: Sequence[_Shown]) -> Iterator[_Facts]:
    """What reports say of each of their models."""
    if not shown:
        raise tabgraft.OptionError("there is nothing to draw\nhint: give a model, or its report")
    for item in shown:
        models = _report(item).to_dict()["models"]
        if not models:
            raise tabgraft.OptionError("the report is of no single model\nhint: give a model, or its report")
        yield from models


def _only(shown: _Shown) -> _Facts:
    """The model that a report is of; of two the later one."""
    return list(_models([shown]))[-1]


def _part(model: _Facts, part: str, needed: str) -> _Facts:
    found: _Facts | None = model[part]
    if found is None:
        raise tabgraft.OptionError(f"the report of `{_plain(model)}` has no {part}\nhint: make it with {needed}")
    return found


def _how(node: _Facts, edge: _Facts | None) -> str:
    """How a version came about, in a few words."""
    if node["prediction"]:
        return f"predicts {_text(node['prediction']['target'])}"
    if edge is None:
        return _counted(node["n_columns"])
    return f"{edge['step']}, {edge['mode']}, {_changed(edge)}"


def _changed(step: _Facts) -> str:
    """What columns came and left in a step."""
    signs = [("+", "columns_added"), ("\N{MINUS SIGN}", "columns_removed")]
    found = [f"{sign} {_counted(len(step[key]))}" for sign, key in signs if step[key]]
    return ", ".join(found) or "the same columns"


def _counted(n: int) -> str:
    return f"{n} column{'' if n == 1 else 's'}"


def _style(i: int) -> dict[str, Any]:
    return {"color": _COLOURS[i % len(_COLOURS)], "marker": _MARKERS[i % len(_MARKERS)]}


def _line(ax: Axes, points: Sequence[tuple[float, float]], label: str, **style: Any) -> list[Any]:
    """A line or dots through points; no handle where there are none."""
    return ax.plot([x for x, _ in points], [y for _, y in points], label=label, **style) if points else []


def _intervals(ax: Axes, rows: Sequence[tuple[str, float, Sequence[float] | None, str]]) -> Axes:
    """A row for each value, the first one on top, with a whisker where its interval is known."""
    for row, (_, value, interval, colour) in enumerate(rows):
        if interval is not None:
            low, high = interval
            ax.hlines(row, low, high, color=colour)
        ax.plot([value], [row], "o", color=colour)
    _rows(ax, [label for label, *_ in rows])
    return ax


def _whole_numbers(ax: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _rows(ax: Axes, labels: Sequence[str]) -> None:
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.grid(axis="x", alpha=0.3)


def _name(model: _Facts) -> str:
    return _text(_plain(model))


def _plain(model: _Facts) -> str:
    return str(model["card"]["name"])


def _text(name: str) -> str:
    """A name, which may hold anything, as text: on one line, not too long, no formula, and no label that legends hide."""
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    name = name if len(name) <= _MOST_CHARS else name[: _MOST_CHARS - 1] + "\N{HORIZONTAL ELLIPSIS}"
    name = name.replace("$", r"\$")
    return f"\N{HAIR SPACE}{name}" if name.startswith("_") else name


def _wrapped(sentence: str) -> str:
    """A sentence of a report, in which a column may be named, below an axis."""
    import textwrap

    return "\n".join(textwrap.wrap(sentence.replace("$", r"\$"), 60))


def _known(names: Sequence[str] | dict[str, Any]) -> str:
    return f"it has {_listed(names)}"


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
