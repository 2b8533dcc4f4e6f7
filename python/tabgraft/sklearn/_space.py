"""What all estimators have in common: rows in, and a space fitted on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from tabgraft._native import EmbeddingSpace, _n_weighted_rows
from tabgraft.sklearn._targets import _n_rows

if TYPE_CHECKING:
    from tabgraft._native import _Decimal, _Errors, _Kind

# Below this, no row is spared to choose the epoch of a space.
_LEAST_ROWS_TO_VALIDATE = 50


def _renamed(X: Any, names: list[str]) -> Any:
    """A frame with other names for its columns."""
    if hasattr(X, "iloc"):
        return X.set_axis(names, axis=1)
    if hasattr(X, "rename_columns"):
        return X.rename_columns(names)
    return X.rename(dict(zip(X.columns, names)))


class _OnASpace(BaseEstimator):
    """What all three have in common: rows in, and a space fitted on them.

    scikit-learn reads an estimator's parameters from the signature of its ``__init__``, so each spells them out; what
    they are is said here once.
    """

    n_epochs: int | None
    batch_size: int | None
    d_model: int
    learning_rate: float
    kinds: dict[str, _Kind] | None
    date_formats: dict[str, str] | None
    missing: list[str] | None
    decimal: _Decimal | None
    thousands: str | None
    rename: dict[str, str] | None
    min_category_rows: int
    key: str | None
    private: bool
    errors: _Errors
    random_state: Any
    progress: bool | None

    def _hold(self, arguments: dict[str, Any]) -> None:
        """Keeps each parameter of ``__init__`` as it was given."""
        for name in self._get_param_names():
            setattr(self, name, arguments[name])

    def _rows(self, X: Any, *, reset: bool) -> tuple[Any, list[str] | None]:
        """X as the native classes take it, and names for the columns of an array: where either side has no
        names, columns go by their position, as scikit-learn has it."""
        is_frame = hasattr(X, "__arrow_c_stream__") or hasattr(X, "iloc")
        # A frame whose columns are only numbered is an array to scikit-learn.
        if is_frame and all(isinstance(name, str) for name in getattr(X, "columns", ())):
            validate_data(self, X, reset=reset, skip_check_array=True)
            if not hasattr(self, "feature_names_in_"):
                X = _renamed(X, self._positions())
            return X, None
        mask = np.ma.getmaskarray(X) if isinstance(X, np.ma.MaskedArray) else None
        if mask is not None:
            X = X.filled(np.nan) if X.dtype.kind == "f" else X.data
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype=None,
            ensure_all_finite="allow-nan",
            ensure_min_samples=2 if reset else 1,
        )
        if mask is not None:
            X = np.ma.array(X, mask=mask)
        return X, self._positions()

    def _positions(self) -> list[str]:
        """Names of the columns that X was fitted with, by position."""
        names = getattr(self, "feature_names_in_", None)
        return [f"x{i}" for i in range(self.n_features_in_)] if names is None else list(names)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _fit_space(
        self, X: Any, columns: list[str] | None, seed: int, weights: NDArray[np.float64] | None = None
    ) -> EmbeddingSpace:
        n_rows = _n_rows(X) if weights is None else _n_weighted_rows(weights)
        return EmbeddingSpace.fit(
            X,
            columns=columns,
            min_category_rows=self.min_category_rows,
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            d_model=self.d_model,
            learning_rate=self.learning_rate,
            p_valid=0.15 if n_rows >= _LEAST_ROWS_TO_VALIDATE else 0.0,
            p_test=0.0,
            key=self.key,
            private=self.private,
            split_seed=seed,
            seed=seed,
            sample_weight=weights,
            progress=self.progress,
            **self._known(),
        )

    def _known(self) -> dict[str, Any]:
        """What the user knows of the columns and of how they are written."""
        return {
            "kinds": self.kinds,
            "date_formats": self.date_formats,
            "missing": self.missing,
            "decimal": self.decimal,
            "thousands": self.thousands,
            "rename": self.rename,
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags
