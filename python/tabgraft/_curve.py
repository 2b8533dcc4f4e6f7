"""The curve of a training in a notebook that has anywidget; elsewhere there is a line, and no curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Curve:
    """A widget in a place of its own, which is empty again in the end: a notebook is saved with what it shows."""

    def __init__(self, title: str, widget: Any, display: Any) -> None:
        self._widget = widget(title=title)
        self._place = display(self._widget, display_id=True)

    def add(self, epoch: int, n_epochs: int, train_loss: float, validation_loss: float | None) -> None:
        """One more epoch."""
        self._widget.n_epochs = n_epochs
        self._widget.epochs = [*self._widget.epochs, [epoch, train_loss, validation_loss]]

    def end(self) -> None:
        """Takes it away."""
        self._widget.close()
        self._place.update({"text/plain": ""}, raw=True)


def begin(title: str) -> Curve | None:
    """A curve without epochs below the cell that runs; None without anywidget."""
    try:
        import anywidget
        import traitlets
        from IPython.display import display
    except ImportError:
        return None

    parts = {
        "_esm": Path(__file__).with_name("_curve.js"),
        "title": traitlets.Unicode().tag(sync=True),
        "n_epochs": traitlets.Int(1).tag(sync=True),
        "epochs": traitlets.List().tag(sync=True),
    }
    return Curve(title, type("Losses", (anywidget.AnyWidget,), parts), display)
