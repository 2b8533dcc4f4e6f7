"""Targets and weights as scikit-learn wants them: one value per row, every one of them there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import column_or_1d

from tabgraft._native import _n_weighted_rows


def _n_rows(X: Any) -> int:
    return int(X.shape[0] if hasattr(X, "shape") else len(X))


def _weights(sample_weight: ArrayLike | None, rows: Any) -> NDArray[np.float64]:
    """One weight per row; unusable ones are refused natively."""
    if sample_weight is None:
        return np.ones(_n_rows(rows))
    weights = np.asarray(sample_weight, dtype=np.float64)
    weights = np.full(_n_rows(rows), weights) if weights.ndim == 0 else weights
    _n_weighted_rows(weights)
    return weights


def _one_dimensional(y: Any) -> NDArray[Any]:
    """The target as an array: every value is there, and objects of one type have that type."""
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None")
    mask = np.ma.getmaskarray(y).ravel() if isinstance(y, np.ma.MaskedArray) else None
    # An extension type of pandas may hold pandas.NA, which only objects can.
    cells = y.to_numpy(dtype=object) if hasattr(y, "dtype") and hasattr(y.dtype, "na_value") else y
    values: NDArray[Any] = column_or_1d(cells, warn=True)
    if mask is not None and mask.any():
        _refuse("masked values", mask)
    if values.dtype.kind in "fc":
        _refuse("NaN", np.isnan(values))
        _refuse("infinity", np.isinf(values))
    elif values.dtype.kind in "mM":
        _refuse("NaT", np.isnat(values))
    elif values.dtype.kind == "O":
        _refuse("missing values (None, NaN, NaT or NA)", np.array([_is_missing(v) for v in values], dtype=bool))
        if len({type(value) for value in values}) == 1:
            typed = np.array(values.tolist())
            values = typed if typed.dtype.kind in "biuf" else values
    return values


def _is_missing(value: Any) -> bool:
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA
        return True


def _refuse(what: str, is_bad: NDArray[np.bool_]) -> None:
    if is_bad.any():
        first = int(is_bad.argmax())
        raise ValueError(
            f"Input y contains {what}: {int(is_bad.sum())} of {len(is_bad)} values, the first of them y[{first}]"
        )
