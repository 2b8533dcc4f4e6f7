"""Documents that answer as dictionaries and lists do, and show themselves as tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, overload

from tabgraft import _native


class Score(dict[str, Any]):
    """One metric on `n` rows with its 95 % interval: a dictionary whose entries are attributes, too.

    >>> score = predictor.scores["roc_auc"]
    >>> score.value == score["value"], score.low <= score.value <= score.high
    (True, True)
    """

    __slots__ = ()

    if TYPE_CHECKING:
        metric: str
        value: float
        low: float
        high: float
        n: int
        n_copies: int
        n_unseen: int

        @overload
        def __getitem__(self, key: Literal["value", "low", "high"], /) -> float: ...
        @overload
        def __getitem__(self, key: Literal["n", "n_copies", "n_unseen"], /) -> int: ...
        @overload
        def __getitem__(self, key: Literal["metric"], /) -> str: ...
        @overload
        def __getitem__(self, key: str, /) -> Any: ...
        def __getitem__(self, key: str, /) -> Any: ...

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"a score has no {name!r}; it has {', '.join(self)}") from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self})

    def _repr_html_(self) -> str:
        return _native._scores_html(json.dumps([self]))


class Scores(list[Score]):
    """Scores of several metrics: a list that also answers to a metric's name.

    >>> 0.5 < predictor.scores["roc_auc"].value < 1
    True
    >>> "roc_auc" in predictor.scores, predictor.scores[0].metric
    (True, 'roc_auc')
    """

    __slots__ = ()

    @overload
    def __getitem__(self, key: str | SupportsIndex, /) -> Score: ...
    @overload
    def __getitem__(self, key: slice, /) -> list[Score]: ...
    def __getitem__(self, key: str | SupportsIndex | slice, /) -> Score | list[Score]:
        if not isinstance(key, str):
            return super().__getitem__(key)
        for score in self:
            if score["metric"] == key:
                return score
        known = ", ".join(repr(score["metric"]) for score in self) or "none"
        raise KeyError(f"there is no score {key!r}; there are {known}")

    def __contains__(self, key: object, /) -> bool:
        return any(score["metric"] == key for score in self) if isinstance(key, str) else super().__contains__(key)

    def __repr__(self) -> str:
        return _native._scores_text(json.dumps(self)) if self else "no scores: no rows were held out"

    def _repr_html_(self) -> str:
        return _native._scores_html(json.dumps(self))


class Document(dict[str, Any]):
    """A dictionary that shows itself as a table in notebooks.

    >>> child.extension_metadata._repr_html_().startswith("<div>")
    True
    """

    __slots__ = ()

    def _repr_html_(self) -> str:
        return _native._document_html(json.dumps(self))
