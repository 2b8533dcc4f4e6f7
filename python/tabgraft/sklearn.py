"""scikit-learn estimators: an embedding space, and a predictor on top of it.

Needs scikit-learn 1.6 or later. Columns may be numbers, text, booleans or dates, with missing
cells; nothing has to be encoded or imputed before.

>>> from tabgraft.sklearn import TabgraftClassifier
>>> TabgraftClassifier is tabgraft.TabgraftClassifier
True
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from tabgraft._native import EmbeddingSpace, Predictor

if TYPE_CHECKING:
    from typing_extensions import Self

    from tabgraft._native import _Kind, _Mode

__all__ = ["TabgraftClassifier", "TabgraftEmbedder", "TabgraftRegressor"]

# Below this, no row is spared to choose the epoch of a space.
_LEAST_ROWS_TO_VALIDATE = 50


class _OnASpace(BaseEstimator):
    """What all three have in common: rows in, and a space fitted on them."""

    def _rows(self, X: Any, *, reset: bool) -> tuple[Any, list[str] | None]:
        """X as the native classes take it, and names for the columns of an array."""
        is_frame = hasattr(X, "__arrow_c_stream__") or hasattr(X, "iloc")
        # A frame whose columns are only numbered is an array to scikit-learn.
        if is_frame and all(isinstance(name, str) for name in getattr(X, "columns", ())):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X, None
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype=None,
            ensure_all_finite="allow-nan",
            ensure_min_samples=2 if reset else 1,
        )
        return X, [f"x{i}" for i in range(X.shape[1])]

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _fit_space(self, X: Any, columns: list[str] | None, seed: int) -> EmbeddingSpace:
        n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
        return EmbeddingSpace.fit(
            X,
            columns=columns,
            kinds=self.kinds,
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            d_model=self.d_model,
            learning_rate=self.learning_rate,
            p_valid=0.15 if n_rows >= _LEAST_ROWS_TO_VALIDATE else 0.0,
            p_test=0.0,
            seed=seed,
            progress=self.progress,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


class _OnAPredictor(_OnASpace):
    """A space, and a predictor on top of it."""

    def __init__(
        self,
        *,
        n_epochs: int | None = None,
        predictor_epochs: int = 100,
        patience: int = 14,
        batch_size: int | None = None,
        d_model: int = 128,
        d_hidden: int = 128,
        n_networks: int | None = None,
        learning_rate: float = 2e-3,
        kinds: dict[str, _Kind] | None = None,
        random_state: Any = 0,
        progress: bool | None = False,
    ) -> None:
        self.n_epochs = n_epochs
        self.predictor_epochs = predictor_epochs
        self.patience = patience
        self.batch_size = batch_size
        self.d_model = d_model
        self.d_hidden = d_hidden
        self.n_networks = n_networks
        self.learning_rate = learning_rate
        self.kinds = kinds
        self.random_state = random_state
        self.progress = progress

    def _fit_predictor(
        self,
        X: Any,
        y: NDArray[Any],
        sample_weight: ArrayLike | None,
        columns: list[str] | None,
        seed: int,
    ) -> None:
        self.predictor_ = Predictor.fit(
            self.space_,
            X,
            y,
            columns=columns,
            target_kind=self._target_kind,
            sample_weight=None if sample_weight is None else np.asarray(sample_weight, dtype=float).tolist(),
            n_epochs=self.predictor_epochs,
            patience=self.patience,
            batch_size=self.batch_size,
            n_networks=self.n_networks,
            d_hidden=self.d_hidden,
            hold_out_test=False,
            seed=seed,
            progress=self.progress,
        )

    if TYPE_CHECKING:

        # scikit-learn adds it: metadata routing asks for weights by it.
        def set_fit_request(self, *, sample_weight: bool | str | None = ...) -> Self: ...

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learns a space from ``X`` and a predictor of ``y`` on top of it.

        >>> classifier.fit(X, y).n_features_in_
        20
        """
        rows, columns = self._rows(X, reset=True)
        targets = self._target(y, rows)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, rows)
        seed = self._seed()
        self.space_ = self._fit_space(rows, columns, seed)
        self._fit_predictor(rows, targets, sample_weight, columns, seed)
        return self

    def extend(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        mode: _Mode = "frozen",
    ) -> Self:
        """A new estimator that knows the new columns of ``X`` too: they are grafted onto a copy of
        this one's space, and a predictor is fitted on it. This estimator stays as it is.

        ``mode`` is "frozen" or "joint", as for ``EmbeddingSpace.extend``; the epochs of the graft are
        that method's default.

        >>> fitted = classifier.fit(X.drop(columns=["savings_status"]), y)
        >>> fitted.extend(X, y).n_features_in_, fitted.n_features_in_
        (20, 19)
        """
        check_is_fitted(self)
        extended = copy.copy(self)
        rows, columns = extended._rows(X, reset=True)
        targets = extended._target(y, rows)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, rows)
        seed = self._seed()
        extended.space_ = self.space_.extend(
            rows, columns=columns, kinds=self.kinds, mode=mode, seed=seed, progress=self.progress
        )
        extended._fit_predictor(rows, targets, sample_weight, columns, seed)
        return extended


class TabgraftClassifier(ClassifierMixin, _OnAPredictor):
    """Classes from tables with mixed columns.

    Parameters
    ----------
    n_epochs : int, optional
        Most epochs of the space; by default as many as make about 1,500 steps of 128 rows, 4 to 60.
    predictor_epochs, patience : int
        Most epochs of a network, and how many without a better held-out loss end it.
    batch_size : int, optional
        Rows of a step, of space and networks.
    d_model, d_hidden : int
        Length of a row's vector; width of the head's hidden layer.
    n_networks : int, optional
        Networks of the bag; by default 5 below 10,000 rows, 3 below 100,000, else 2.
    learning_rate : float
        Peak learning rate of the space.
    kinds : dict, optional
        Column to kind: numeric, categorical, boolean, timestamp or text.
    random_state : int, RandomState or None
    progress : bool, optional
        Whether a bar is drawn; None draws it on a terminal and in a notebook.

    Attributes
    ----------
    classes_ : the classes
    space_ : EmbeddingSpace
    predictor_ : Predictor

    Examples
    --------
    >>> X, y = credit.drop(columns="target"), credit["target"]
    >>> classifier = tabgraft.TabgraftClassifier(n_epochs=2, d_model=16, predictor_epochs=4)
    >>> classifier.fit(X, y).predict_proba(X).shape
    (1000, 2)
    """

    _target_kind = "set"

    if TYPE_CHECKING:

        def set_score_request(self, *, sample_weight: bool | str | None = ...) -> Self: ...

    def _target(self, y: ArrayLike, rows: Any) -> NDArray[Any]:
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_, encoded = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class ({self.classes_[0]!r}), at least 2 are needed")
        return encoded

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """``[n_rows, n_classes]``, in the order of ``classes_``.

        >>> classifier.fit(X, y).predict_proba(X.head(3)).shape
        (3, 2)
        """
        check_is_fitted(self)
        rows, columns = self._rows(X, reset=False)
        probabilities = self.predictor_.predict(rows, columns=columns).probabilities
        assert probabilities is not None, "classes have probabilities"
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row.

        >>> classifier.fit(X, y).predict(X.head(3)).shape
        (3,)
        """
        most_probable = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[most_probable]
        return labels


class TabgraftRegressor(RegressorMixin, _OnAPredictor):
    """Numbers from tables with mixed columns; parameters as :class:`TabgraftClassifier`.

    >>> regressor = tabgraft.TabgraftRegressor(n_epochs=2, d_model=16, predictor_epochs=4)
    >>> regressor.fit(X.drop(columns="credit_amount"), X["credit_amount"]).n_features_in_
    19
    """

    _target_kind = "scalar"

    if TYPE_CHECKING:

        def set_score_request(self, *, sample_weight: bool | str | None = ...) -> Self: ...

    def _target(self, y: ArrayLike, rows: Any) -> NDArray[Any]:
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        targets: NDArray[np.float64] = column_or_1d(y, warn=True, dtype=np.float64)
        return targets

    def predict(self, X: Any) -> NDArray[np.float64]:
        """A number for each row, in the target's unit.

        >>> rows = X.drop(columns="credit_amount")
        >>> regressor.fit(rows, X["credit_amount"]).predict(rows).shape
        (1000,)
        """
        check_is_fitted(self)
        rows, columns = self._rows(X, reset=False)
        return self.predictor_.predict(rows, columns=columns).labels


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
        random_state: Any = 0,
        progress: bool | None = False,
    ) -> None:
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.d_model = d_model
        self.learning_rate = learning_rate
        self.kinds = kinds
        self.random_state = random_state
        self.progress = progress

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
            rows, columns=columns, kinds=self.kinds, mode=mode, seed=self._seed(), progress=self.progress
        )
        return extended

    def transform(self, X: Any) -> NDArray[np.float32]:
        """``[n_rows, d_model]``: one vector per row.

        >>> embedder.fit(X).transform(X.head(3)).shape
        (3, 16)
        """
        check_is_fitted(self)
        rows, columns = self._rows(X, reset=False)
        return self.space_.embed(rows, columns=columns)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.space_.d_model
