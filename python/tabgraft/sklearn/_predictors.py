"""A space, and a predictor of classes or numbers on top of it."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from tabgraft._native import Predictor, _spelling_note
from tabgraft.sklearn._space import _OnASpace
from tabgraft.sklearn._targets import _one_dimensional, _refuse, _weights

if TYPE_CHECKING:
    from typing_extensions import Self

    from tabgraft._native import _Decimal, _Effort, _Errors, _Kind, _Mode


class _OnAPredictor(_OnASpace):
    """A space, and a predictor on top of it."""

    effort: _Effort
    predictor_epochs: int
    patience: int
    d_hidden: int
    n_networks: int | None

    def __init__(
        self,
        *,
        n_epochs: int | None = None,
        effort: _Effort = "default",
        predictor_epochs: int = 100,
        patience: int = 2,
        batch_size: int | None = None,
        d_model: int = 128,
        d_hidden: int = 64,
        n_networks: int | None = None,
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

    def _fit_predictor(
        self,
        X: Any,
        y: NDArray[Any],
        weights: NDArray[np.float64],
        columns: list[str] | None,
        seed: int,
    ) -> None:
        self.predictor_ = Predictor.fit(
            self.space_,
            X,
            y,
            columns=columns,
            rename=self.rename,
            target_kind=self._target_kind,
            sample_weight=weights,
            effort=self.effort,
            n_epochs=self.predictor_epochs,
            patience=self.patience,
            batch_size=self.batch_size,
            n_networks=self.n_networks,
            d_hidden=self.d_hidden,
            hold_out_test=False,
            class_weight=self._class_weight(),
            seed=seed,
            progress=self.progress,
        )

    def _class_weight(self) -> Literal["balanced"] | dict[str, float] | None:
        return None

    if TYPE_CHECKING:

        # scikit-learn adds it: metadata routing asks for weights by it.
        def set_fit_request(self, *, sample_weight: bool | str | None = ...) -> Self: ...

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learns a space from ``X`` and a predictor of ``y`` on top of it.

        A row of weight 0 is not there. Whole weights, up to 4 on average, repeat their rows, in the space and
        in the predictor; others weigh what the predictor learns. The order of the rows does not matter.

        >>> classifier.fit(X, y).n_features_in_
        20
        """
        rows, columns = self._rows(X, reset=True)
        weights = _weights(sample_weight, rows)
        targets = self._target(y, rows, weights)
        seed = self._seed()
        self.space_ = self._fit_space(rows, columns, seed, weights)
        self._fit_predictor(rows, targets, weights, columns, seed)
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
        this one's space, and its predictor grows with it, as ``Predictor.extend`` has it. This estimator stays as
        it is.

        ``X``, ``y`` and ``sample_weight`` are those of ``fit`` with the new columns; rows may have come. Where ``y``
        has other classes than in ``fit``, a predictor is fitted from nothing. ``mode`` is "frozen", "anchored" or
        "joint", as for ``EmbeddingSpace.extend``; the epochs of the graft are that method's default.

        >>> fitted = classifier.fit(X.drop(columns=["savings_status"]), y)
        >>> fitted.extend(X, y).n_features_in_, fitted.n_features_in_
        (20, 19)
        """
        check_is_fitted(self)
        extended = copy.copy(self)
        rows, columns = extended._rows(X, reset=True)
        weights = _weights(sample_weight, rows)
        targets = extended._target(y, rows, weights)
        seed = self._seed()
        extended.space_ = self.space_.extend(
            rows,
            columns=columns,
            mode=mode,
            seed=seed,
            sample_weight=weights,
            progress=self.progress,
            **self._known(),
        )
        if not self._predicts_what(extended):
            extended._fit_predictor(rows, targets, weights, columns, seed)
            return extended
        extended.predictor_ = self.predictor_.extend(
            extended.space_,
            rows,
            targets,
            columns=columns,
            rename=self.rename,
            sample_weight=weights,
            seed=seed,
            progress=self.progress,
        )
        return extended

    def _predicts_what(self, other: Self) -> bool:
        """Whether the targets of both mean the same."""
        return True


class TabgraftClassifier(ClassifierMixin, _OnAPredictor):
    """Classes from tables with mixed columns.

    Parameters
    ----------
    n_epochs : int, optional
        Most epochs of the space; by default as many as make about 1,500 steps of 128 rows, 4 to 60, fewer
        where more than 2 million rows would be shown.
    effort : "quick", "default" or "best"
        How much the predictor may cost: "quick" leaves its networks out, "best" fits ten learners of each kind.
    predictor_epochs, patience : int
        Most epochs of a network, and how many without a clearly better held-out loss end it.
    batch_size : int, optional
        Rows of a step, of space and networks.
    d_model, d_hidden : int
        Length of a row's vector; width of the head's hidden layer.
    n_networks : int, optional
        Networks, and forests, of the bag; by default 5 below 4,000 rows, 3 below 100,000, else 2.
    learning_rate : float
        Peak learning rate of the space.
    kinds : dict, optional
        Column to kind: numeric, categorical, boolean, timestamp or text.
    date_formats : dict, optional
        Column to the format of its dates, such as "%d/%m/%Y".
    missing : list of str, optional
        Texts that stand for a missing cell; by default empty, "NA", "N/A", "null", "NaN" and "?".
    decimal, thousands : str, optional
        What marks the decimals of numbers in text, "." or ",", and the only character that may group their
        digits; by default found in the table.
    rename : dict, optional
        Column to the name that it gets before anything else, in every table.
    min_category_rows : int
        Training rows that give a category a code of its own where a column has more than 256 of them.
    key : str, optional
        Column that says which row is which; rows that are alike in it stay together, and it is no feature.
    private : bool
        Whether nothing of single rows is kept: no row by a hash, no category or word of fewer than 10 rows, no notes.
    errors : "error" or "missing"
        What becomes of a cell, of a table to predict or to embed, that cannot be read as its column's kind.
    class_weight : "balanced" or dict, optional
        How much rows of each class count, as in scikit-learn: a row counts as the weight of its class times its own.
        "balanced": all classes count alike.
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

    class_weight: Literal["balanced"] | dict[Any, float] | None

    def __init__(
        self,
        *,
        n_epochs: int | None = None,
        effort: _Effort = "default",
        predictor_epochs: int = 100,
        patience: int = 2,
        batch_size: int | None = None,
        d_model: int = 128,
        d_hidden: int = 64,
        n_networks: int | None = None,
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
        class_weight: Literal["balanced"] | dict[Any, float] | None = None,
        random_state: Any = 0,
        progress: bool | None = False,
    ) -> None:
        self._hold(locals())

    def _predicts_what(self, other: Self) -> bool:
        # The predictor learns the places of classes.
        return np.array_equal(self.classes_, other.classes_)

    def _class_weight(self) -> Literal["balanced"] | dict[str, float] | None:
        if self.class_weight is None or isinstance(self.class_weight, str):
            return self.class_weight
        places = {label: str(i) for i, label in enumerate(self.classes_.tolist())}
        unknown = [label for label in self.class_weight if label not in places]
        if unknown:
            raise ValueError(f"class_weight names {unknown}, which y does not have; it has {list(places)}")
        return {places[label]: weight for label, weight in self.class_weight.items()}

    if TYPE_CHECKING:

        def set_score_request(self, *, sample_weight: bool | str | None = ...) -> Self: ...

    def _target(self, y: ArrayLike, rows: Any, weights: NDArray[np.float64]) -> NDArray[Any]:
        labels = _one_dimensional(y)
        check_consistent_length(rows, labels)
        check_classification_targets(labels)
        self.classes_, encoded, counts = np.unique(labels, return_inverse=True, return_counts=True)
        if len(weights) == len(encoded):
            learned = self.classes_[np.unique(encoded[weights > 0])]
            if len(learned) == 1:
                raise ValueError(f"y has one class ({learned[0]!r}) to learn from, at least 2 are needed")
        if all(isinstance(label, str) for label in self.classes_):
            note = _spelling_note("y", self.classes_.tolist(), counts.tolist())
            if note is not None:
                warnings.warn(note, stacklevel=3)
        return encoded

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """``[n_rows, n_classes]``, in the order of ``classes_``; 0 for a class of which all rows had weight 0.

        >>> classifier.fit(X, y).predict_proba(X.head(3)).shape
        (3, 2)
        """
        check_is_fitted(self)
        rows, columns = self._rows(X, reset=False)
        found = self.predictor_.predict(rows, columns=columns, errors=self.errors).probabilities
        assert found is not None, "classes have probabilities"
        probabilities = np.zeros((len(found), len(self.classes_)))
        probabilities[:, self.predictor_.classes] = found
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row.

        >>> classifier.fit(X, y).predict(X.head(3)).shape
        (3,)
        """
        most_probable = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[most_probable]
        return labels

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Share of rows whose class is right; ``y`` may be of any type that ``fit`` takes.

        >>> 0 <= classifier.fit(X, y).score(X, y) <= 1
        True
        """
        return float(accuracy_score(_one_dimensional(y), self.predict(X), sample_weight=sample_weight))


class TabgraftRegressor(RegressorMixin, _OnAPredictor):
    """Numbers from tables with mixed columns; parameters as :class:`TabgraftClassifier`.

    >>> regressor = tabgraft.TabgraftRegressor(n_epochs=2, d_model=16, predictor_epochs=4)
    >>> regressor.fit(X.drop(columns="credit_amount"), X["credit_amount"]).n_features_in_
    19
    """

    _target_kind = "scalar"

    if TYPE_CHECKING:

        def set_score_request(self, *, sample_weight: bool | str | None = ...) -> Self: ...

    def _target(self, y: ArrayLike, rows: Any, weights: NDArray[np.float64]) -> NDArray[Any]:
        targets = _one_dimensional(y).astype(np.float64)
        _refuse("NaN", np.isnan(targets))
        check_consistent_length(rows, targets)
        return targets

    def predict(self, X: Any) -> NDArray[np.float64]:
        """A number for each row, in the target's unit.

        >>> rows = X.drop(columns="credit_amount")
        >>> regressor.fit(rows, X["credit_amount"]).predict(rows).shape
        (1000,)
        """
        check_is_fitted(self)
        rows, columns = self._rows(X, reset=False)
        return self.predictor_.predict(rows, columns=columns, errors=self.errors).labels
