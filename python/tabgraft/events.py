"""What long work tells while it runs, for programs: epochs and their losses, notes, warnings.

People have the bar and the logger ``tabgraft``; a program listens:

>>> from tabgraft.events import listening
>>> losses = []
>>> def note_loss(event):
...     if event["event"] == "epoch":
...         losses.append(event["info"]["validation_loss"])
>>> with listening(note_loss):
...     made = tabgraft.EmbeddingSpace.fit(early, n_epochs=3, d_model=16)
>>> len(losses)
3
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

__all__ = ["listening"]

#: What happened, under ``event``, and what there is to say of it.
Event: TypeAlias = dict[str, Any]

# Those who listen in this thread or task; the native code asks for them when work begins.
_listeners: ContextVar[tuple[Callable[[Event], object], ...]] = ContextVar("tabgraft.events", default=())


@contextmanager
def listening(listener: Callable[[Event], object]) -> Iterator[None]:
    """Hands every event of the work below to a function, as it comes and in the thread that called.

    ``event`` says which it is: ``task`` (``name``), ``note`` and ``warning`` (``text``), ``memory`` (``bytes``, an estimate),
    ``started`` (``n_epochs``, ``n_rows``, ``n_columns``), ``batch`` (``epoch``, ``n_epochs``, ``step``, ``n_steps``; at most ten
    a second), ``epoch`` (``info`` with its losses, ``n_epochs``, ``is_best``), ``contained`` (``column``, ``n_cells``), ``progress``
    (``done``, ``total``), ``finished`` (``seconds``, ``best_epoch``, ``stop_reason``). Others may come. What the function raises
    ends the work, and is raised by it.

    Parameters
    ----------
    listener : callable
        Takes one event, a dict.

    >>> from tabgraft.events import listening
    >>> heard = []
    >>> with listening(heard.append):
    ...     made = tabgraft.EmbeddingSpace.fit(early, n_epochs=2, d_model=16)
    >>> [event["info"]["epoch"] for event in heard if event["event"] == "epoch"]
    [1, 2]
    """
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield
    finally:
        _listeners.reset(token)
