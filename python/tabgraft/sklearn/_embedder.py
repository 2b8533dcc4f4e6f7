"""A space alone: rows to vectors."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from tabgraft.sklearn._space import _OnASpace

if TYPE_CHECKING:
    from tabgraft._native import _Decimal, _Errors, _Kind, _Mode


class TabgraftEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, _OnASpace):
    """Rows to vectors, learned without a target; parameters as :class:`TabgraftClassifier`.

    >>> embedder = tabgraft.TabgraftEmbedder(n_epochs=2, d_model=16)
    >>> embedder.fit_transform(X).shape
    (1000, 16)
    """

    def __init__(
        self,
        *,
        n_epochs: int | None = None,
        batch_size: int | None = None,
        d_model: int = 128,
        learning_rate: float = 2e-3,
        kinds: dict[str, _Kind] | None = None,
        date_formats: dict[str, str] | None = None,
        missing: list[str] | None = None,
        decimal: _Decimal | None = None,
        thousands: str | None = None,
        rename: dict[str, str] | None = None,
        min_category_rows: int = 2,
        key: str | None = None,
        private: bool = False,
        errors: _Errors = "error",
        random_state: Any = 0,
        progress: bool | None = False,
    ) -> None:
        self._hold(locals())

    def fit(self, X: Any, y: object = None) -> TabgraftEmbedder:
        """Learns a space from ``X``; ``y`` is not looked at.

        >>> embedder.fit(X).space_.name
        'embedding_space'
        """
        rows, columns = self._rows(X, reset=True)
        self.space_ = self._fit_space(rows, columns, self._seed())
        return self

    def extend(self, X: Any, *, mode: _Mode = "frozen") -> TabgraftEmbedder:
        """A new embedder that knows the new columns of ``X`` too; this one stays as it is.

        >>> fitted = embedder.fit(X.drop(columns=["savings_status"]))
        >>> vectors, grown = fitted.transform(X.drop(columns=["savings_status"])), fitted.extend(X)
        >>> np.array_equal(grown.transform(X)[:, :16], vectors)
        True
        """
        check_is_fitted(self)
        extended = copy.copy(self)
        rows, columns = extended._rows(X, reset=True)
        extended.space_ = self.space_.extend(
            rows, columns=columns, mode=mode, seed=self._seed(), progress=self.progress, **self._known()
        )
        return extended

    def transform(self, X: Any) -> NDArray[np.float32]:
        """``[n_rows, d_model]``: one vector per row.

        >>> embedder.fit(X).transform(X.head(3)).shape
        (3, 16)
        """
        check_is_fitted(self)
        rows, columns = self._rows(X, reset=False)
        return self.space_.embed(rows, columns=columns, errors=self.errors)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.space_.d_model
