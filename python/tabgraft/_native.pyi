"""Types of the native module. What things do is said in their own docstrings: ``help(tabgraft)``."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, TypedDict, TypeVar, final, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from typing_extensions import NotRequired, Self, disjoint_base

from tabgraft.documents import Document, Scores

__all__ = [
    "Comparison",
    "DataError",
    "Discovery",
    "EmbeddingSpace",
    "Explanation",
    "FeatrixInputDataSet",
    "FeatureEffectivenessTracker",
    "FeatureEngineer",
    "FileError",
    "Filled",
    "FormulaError",
    "Frame",
    "Lineage",
    "MalformedFileError",
    "MissingFileError",
    "Neighbours",
    "NoNewColumnsError",
    "OptionError",
    "Predictions",
    "Predictor",
    "Registry",
    "Report",
    "RowIndex",
    "SchemaError",
    "SimpleMLP",
    "SinglePredictor",
    "StopToken",
    "Surprise",
    "TabgraftError",
    "TrainingError",
    "VerificationError",
    "VersionError",
    "Watched",
    "__version__",
    "discover",
    "lineage",
    "read_table",
    "verify",
]

__version__: str

_Path: TypeAlias = str | PathLike[str]
_Names: TypeAlias = list[str] | tuple[str, ...]
_Renames: TypeAlias = dict[str, str]
"""Column to the name that it gets before anything else."""
_Kind: TypeAlias = Literal["numeric", "categorical", "boolean", "timestamp", "text"]
_Mode: TypeAlias = Literal["frozen", "anchored", "joint"]
_Device: TypeAlias = Literal["cpu", "gpu", "auto"]
_Decimal: TypeAlias = Literal[".", ","]
_Keep: TypeAlias = Literal["always", "if_not_worse"]
_Effort: TypeAlias = Literal["quick", "default", "best"]
_TargetKind: TypeAlias = Literal["auto", "set", "scalar"]
_Rows: TypeAlias = Literal["test", "all"]
_Errors: TypeAlias = Literal["error", "missing"]
_Guide: TypeAlias = Literal["predictor", "linear"]
_Task: TypeAlias = Literal["binary", "multiclass", "regression"]

class _ArrowTable(Protocol):
    """Any library with the Arrow PyCapsule interface: pandas, polars, pyarrow, duckdb, ``Frame``."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> object: ...

class _PandasFrame(Protocol):
    """pandas, whose stubs do not name the Arrow interface."""

    @property
    def iloc(self) -> Any: ...
    @property
    def columns(self) -> Any: ...
    def assign(self, **kwargs: Any) -> Any: ...

class _PolarsFrame(_ArrowTable, Protocol):
    def get_columns(self) -> list[Any]: ...

class _PyArrowTable(_ArrowTable, Protocol):
    def combine_chunks(self) -> Any: ...

_PlainTable: TypeAlias = dict[str, Any] | list[dict[str, Any]]
_FrameLike: TypeAlias = _ArrowTable | _PandasFrame | NDArray[Any] | _PlainTable | _Path | FeatrixInputDataSet
"""What is read as a table. A path names a file of CSV, JSON lines, Parquet or Arrow; a dictionary holds columns, a
list holds rows that are dictionaries; a structured array names its columns by itself."""

# New columns come back in these types; a file or an array comes back as a `Frame`.
_FrameT = TypeVar("_FrameT", bound=_PandasFrame | _PolarsFrame | _PyArrowTable)

class _IgnoredColumn(TypedDict):
    name: str
    reason: str
    unknown: bool
    """The space has never heard of it: `extend` can graft it."""

class _ColumnReport(TypedDict):
    ignored_columns: list[_IgnoredColumn]
    missing_columns: list[str]
    computed_columns: NotRequired[list[str]]
    """Features that the table lacks and that were computed; absent where there are none."""

class _Flag(TypedDict):
    flag: Literal["unseen", "non_finite", "outlier"]
    z: NotRequired[float]
    """Distance of an outlier from the mean of the training rows, in standard deviations."""

class _Guardrail(TypedDict):
    row_idx: int
    column: str
    flag: _Flag
    word: Literal["unseen", "outlier", "extrapolation", "severe", "error"]

class _OddCell(TypedDict):
    column: str
    found: str | None
    """What stands there; None where nothing does."""
    oddity: Literal["value", "missing", "unseen", "out_of_range"]
    p_found: float
    """Its probability, given the rest of the row."""
    expected: str
    p_expected: float
    surprise: float
    """In nats: -ln of `p_found`."""

class _LeftColumn(TypedDict):
    column: str
    n_missing: int
    reason: str

class _Change(TypedDict):
    column: str
    what: Literal["values", "missing", "unseen", "surprise"]

class _Hashes(TypedDict):
    weights: str
    schema: str
    data: str
    split: str
    features: str
    recipe: str
    """How it came about: software, seed, mode, options and parents."""
    wiring: str | None
    """Which token group reads what; None in versions of format 1.3 and earlier."""
    claims: str | None
    """What else the file says: columns left out, losses, drift, judgements; None as `wiring`."""
    rows: str | None
    """The rows that it remembers; None where it remembers none. No part of the id."""

class TabgraftError(Exception): ...
class NoNewColumnsError(TabgraftError, ValueError): ...
class FileError(TabgraftError, OSError): ...
class MissingFileError(FileError, FileNotFoundError): ...
class MalformedFileError(TabgraftError, ValueError): ...
class SchemaError(TabgraftError, ValueError): ...
class DataError(TabgraftError, ValueError): ...
class FormulaError(TabgraftError, ValueError): ...
class OptionError(TabgraftError, ValueError): ...
class VersionError(TabgraftError, ValueError): ...
class VerificationError(TabgraftError, ValueError): ...
class TrainingError(TabgraftError, RuntimeError): ...

@final
class EmbeddingSpace:
    def __new__(
        cls,
        train_data: FeatrixInputDataSet,
        val_data: FeatrixInputDataSet | None = None,
        n_epochs: int = 50,
        *,
        name: str = "embedding_space",
        batch_size: int | None = None,
        d_model: int = 128,
        learning_rate: float = 2e-3,
        weight_decay: float = 1e-4,
        p_drop: float = 0.1,
        n_blocks: int = 2,
        expansion: int = 2,
        codec_bins: int = 24,
        codec_targets: int = 16,
        codec_categories: int = 256,
        codec_text_slots: int = 128,
        memory_limit: int | None = None,
        min_category_rows: int = 2,
        key: str | None = None,
        private: bool = False,
        output_dir: _Path | None = None,
        seed: int = 0,
    ) -> Self: ...
    def train(
        self,
        batch_size: int | None = None,
        n_epochs: int | None = None,
        *,
        device: _Device = "cpu",
        progress: bool | None = None,
    ) -> Self: ...
    @classmethod
    def fit(
        cls,
        data: _FrameLike,
        *,
        valid: _FrameLike | None = None,
        ignore: str | _Names | None = None,
        kinds: dict[str, _Kind] | None = None,
        date_formats: dict[str, str] | None = None,
        missing: list[str] | None = None,
        decimal: _Decimal | None = None,
        thousands: str | None = None,
        delimiter: str | None = None,
        max_inflated_bytes: int | None = None,
        rename: _Renames | None = None,
        max_categories: int = 50_000,
        min_category_rows: int = 2,
        name: str = "embedding_space",
        n_epochs: int | None = None,
        auto_epochs: bool = True,
        batch_size: int | None = None,
        memory_limit: int | None = None,
        device: _Device = "cpu",
        d_model: int = 128,
        learning_rate: float = 2e-3,
        weight_decay: float = 1e-4,
        p_drop: float = 0.1,
        n_blocks: int = 2,
        expansion: int = 2,
        codec_bins: int = 24,
        codec_targets: int = 16,
        codec_categories: int = 256,
        codec_text_slots: int = 128,
        p_valid: float = 0.15,
        p_test: float = 0.2,
        key: str | None = None,
        group: str | None = None,
        time: str | None = None,
        private: bool = False,
        split_seed: int = 0,
        seed: int = 0,
        sample_weight: Sequence[float] | NDArray[Any] | None = None,
        workers: Any = None,
        columns: _Names | None = None,
        progress: bool | None = None,
    ) -> EmbeddingSpace: ...
    def extend(
        self,
        data: _FrameLike,
        *,
        valid: _FrameLike | None = None,
        mode: _Mode = "frozen",
        drift_bound: float | None = None,
        freeze: dict[str, Any] | None = None,
        n_epochs: int | None = None,
        auto_epochs: bool = True,
        batch_size: int | None = None,
        memory_limit: int | None = None,
        device: _Device = "cpu",
        name: str | None = None,
        d_side: int | None = None,
        prune: str | _Names | None = None,
        regraft: str | _Names | None = None,
        ignore: str | _Names | None = None,
        kinds: dict[str, _Kind] | None = None,
        date_formats: dict[str, str] | None = None,
        missing: list[str] | None = None,
        decimal: _Decimal | None = None,
        thousands: str | None = None,
        delimiter: str | None = None,
        max_inflated_bytes: int | None = None,
        rename: _Renames | None = None,
        max_categories: int = 50_000,
        features: FeatureEngineer | None = None,
        feature_metadata: Any = None,
        keep: _Keep = "always",
        target: str | None = None,
        cross_fit: bool = False,
        seed: int = 0,
        sample_weight: Sequence[float] | NDArray[Any] | None = None,
        workers: Any = None,
        columns: _Names | None = None,
        progress: bool | None = None,
    ) -> EmbeddingSpace: ...
    def prune(
        self,
        remove: str | _Names,
        data: _FrameLike | None = None,
        *,
        n_epochs: int | None = None,
        auto_epochs: bool = True,
        batch_size: int | None = None,
        memory_limit: int | None = None,
        device: _Device = "cpu",
        name: str | None = None,
        seed: int = 0,
        rename: _Renames | None = None,
        columns: _Names | None = None,
        progress: bool | None = None,
    ) -> EmbeddingSpace: ...
    @staticmethod
    def merge(
        spaces: Sequence[EmbeddingSpace],
        data: _FrameLike | None = None,
        *,
        mode: _Mode = "joint",
        drift_bound: float | None = None,
        n_epochs: int | None = None,
        auto_epochs: bool = True,
        batch_size: int | None = None,
        memory_limit: int | None = None,
        device: _Device = "cpu",
        name: str | None = None,
        seed: int = 0,
        rename: _Renames | None = None,
        columns: _Names | None = None,
        progress: bool | None = None,
    ) -> EmbeddingSpace: ...
    def consolidate(
        self,
        data: _FrameLike,
        *,
        valid: _FrameLike | None = None,
        d_model: int | None = None,
        n_epochs: int | None = None,
        auto_epochs: bool = True,
        batch_size: int | None = None,
        memory_limit: int | None = None,
        device: _Device = "cpu",
        name: str | None = None,
        seed: int = 0,
        rename: _Renames | None = None,
        columns: _Names | None = None,
        progress: bool | None = None,
    ) -> EmbeddingSpace: ...
    def refresh(
        self,
        data: _FrameLike,
        *,
        valid: _FrameLike | None = None,
        mode: Literal["anchored", "frozen"] = "anchored",
        drift_bound: float | None = None,
        n_epochs: int | None = None,
        auto_epochs: bool = True,
        batch_size: int | None = None,
        memory_limit: int | None = None,
        device: _Device = "cpu",
        name: str | None = None,
        keep: _Keep = "always",
        target: str | None = None,
        cross_fit: bool = False,
        seed: int = 0,
        rename: _Renames | None = None,
        columns: _Names | None = None,
        progress: bool | None = None,
    ) -> EmbeddingSpace: ...
    def rank_columns(
        self,
        data: _FrameLike,
        target: str | None = None,
        *,
        max_rows: int = 2000,
        memory_limit: int | None = None,
        seed: int = 0,
        rename: _Renames | None = None,
        columns: _Names | None = None,
        progress: bool | None = None,
    ) -> Document: ...
    @classmethod
    def extend_from_existing(
        cls,
        existing_es: EmbeddingSpace,
        enriched_train_df: _FrameLike,
        enriched_val_df: _FrameLike | None = None,
        n_epochs: int | None = None,
        batch_size: int | None = None,
        output_dir: _Path | None = None,
        name: str | None = None,
        feature_metadata: Any = None,
        *,
        mode: _Mode = "joint",
        drift_bound: float | None = None,
        freeze: dict[str, Any] | None = None,
        prune: str | _Names | None = None,
        memory_limit: int | None = None,
        features: FeatureEngineer | None = None,
        keep: _Keep = "always",
        target: str | None = None,
        cross_fit: bool = False,
        seed: int = 0,
        rename: _Renames | None = None,
    ) -> EmbeddingSpace: ...
    @overload
    def embed(
        self,
        data: _FrameLike,
        *,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
        key: None = None,
        vector_column: None = None,
    ) -> NDArray[np.float32]: ...
    @overload
    def embed(
        self,
        data: _FrameLike,
        *,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
        key: str | _Names | None = None,
        vector_column: str,
    ) -> Frame: ...
    def index(
        self,
        data: _FrameLike,
        *,
        key: str | None = None,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
    ) -> RowIndex: ...
    def surprise(
        self,
        data: _FrameLike,
        *,
        n_reasons: int = 3,
        against: _FrameLike | None = None,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
    ) -> Surprise: ...
    def watch(
        self,
        data: _FrameLike,
        *,
        alpha: float = 0.01,
        min_psi: float = 0.005,
        against: _FrameLike | None = None,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
    ) -> Watched: ...
    def fill(
        self,
        data: _FrameLike,
        *,
        fill: Sequence[str] | None = None,
        min_p: float = 0.0,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
    ) -> Filled: ...
    def column_report(
        self, data: _FrameLike, *, rename: _Renames | None = None, columns: _Names | None = None
    ) -> _ColumnReport: ...
    def split(
        self,
        data: _FrameLike,
        *,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
    ) -> NDArray[np.str_]: ...
    def known_rows(
        self,
        data: _FrameLike,
        *,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
    ) -> NDArray[np.str_]: ...
    def compare(
        self,
        other: EmbeddingSpace,
        data: _FrameLike,
        target: str,
        *,
        target_kind: _TargetKind = "auto",
        n_epochs: int = 100,
        n_networks: int | None = None,
        seed: int = 0,
        cross_fit: bool = False,
        predictor_options: dict[str, Any] | None = None,
        errors: _Errors = "error",
        memory_limit: int | None = None,
        rename: _Renames | None = None,
        columns: _Names | None = None,
        progress: bool | None = None,
    ) -> Comparison: ...
    def report(
        self,
        data: _FrameLike | None = None,
        *,
        before: EmbeddingSpace | None = None,
        target: str | None = None,
        colour_by: str | None = None,
        max_rows: int = 20_000,
        seed: int = 0,
        rename: _Renames | None = None,
        columns: _Names | None = None,
        progress: bool | None = None,
    ) -> Report: ...
    def card(
        self, *, format: Literal["markdown", "json"] = "markdown", base_model: str | _Names | None = None
    ) -> str: ...
    def inspect(self) -> dict[str, Any]: ...
    def save(self, path: _Path) -> None: ...
    def to_onnx(
        self, path: _Path, *, texts: Literal["error", "missing"] = "error", rare: Literal["error", "unseen"] = "error"
    ) -> Document: ...
    @staticmethod
    def load(path: _Path) -> EmbeddingSpace: ...
    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(content: bytes) -> EmbeddingSpace: ...
    @property
    def name(self) -> str: ...
    @property
    def d_model(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def is_trained(self) -> bool: ...
    @property
    def columns(self) -> list[str]: ...
    def engineer(self) -> FeatureEngineer: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def training_info(self) -> dict[str, Any]: ...
    @property
    def extension_metadata(self) -> Document | None: ...
    @property
    def lineage(self) -> list[dict[str, Any]]: ...
    @property
    def refused_extensions(self) -> list[dict[str, Any]]: ...
    @property
    def hashes(self) -> _Hashes: ...
    @property
    def id(self) -> str: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def _repr_html_(self) -> str: ...

@final
class Predictor:
    @classmethod
    def fit(
        cls,
        space: EmbeddingSpace,
        data: _FrameLike,
        target: str | ArrayLike,
        *,
        target_kind: _TargetKind = "auto",
        sample_weight: Sequence[float] | NDArray[Any] | None = None,
        name: str = "predictor",
        effort: _Effort = "default",
        n_epochs: int = 100,
        patience: int = 2,
        batch_size: int | None = None,
        n_networks: int | None = None,
        d_hidden: int = 64,
        learning_rate: float = 1e-3,
        learning_rate_space: float = 1e-3,
        learning_rate_wide: float = 5e-3,
        weight_decay: float = 1e-2,
        weight_decay_wide: float = 0.1,
        p_mask: float = 0.1,
        p_drop: float = 0.2,
        p_drop_space: float = 0.1,
        hold_out_test: bool = True,
        threshold: float = 0.5,
        threshold_for: Literal["f1", "balanced_accuracy", "accuracy"] | None = None,
        cost_fp: float | None = None,
        cost_fn: float | None = None,
        class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
        memory_limit: int | None = None,
        seed: int = 0,
        rename: _Renames | None = None,
        columns: _Names | None = None,
        progress: bool | None = None,
    ) -> Predictor: ...
    def predict(
        self,
        data: _FrameLike,
        *,
        threshold: float | None = None,
        interval: float | None = None,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
    ) -> Predictions: ...
    def explain(
        self,
        data: _FrameLike,
        *,
        scale: Literal["log_odds", "probability", "number"] | None = None,
        class_name: Any = None,
        groups: Mapping[str, _Names] | None = None,
        features_apart: bool = False,
        n_evaluations: int | None = None,
        seed: int = 0,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
        progress: bool | None = None,
    ) -> Explanation: ...
    def watch(
        self,
        data: _FrameLike,
        *,
        alpha: float = 0.01,
        min_psi: float = 0.005,
        against: _FrameLike | None = None,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
    ) -> Watched: ...
    def predict_hiding(
        self,
        data: _FrameLike,
        hidden: _Names,
        *,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
    ) -> NDArray[np.float64]: ...
    def reliability(
        self, data: _FrameLike, *, rows: _Rows = "test", errors: _Errors = "error", rename: _Renames | None = None
    ) -> dict[str, Any] | None: ...
    @property
    def threshold(self) -> float: ...
    def guardrails(
        self,
        data: _FrameLike,
        *,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
    ) -> list[_Guardrail]: ...
    def evaluate(
        self,
        data: _FrameLike,
        *,
        rows: _Rows = "test",
        errors: _Errors = "error",
        memory_limit: int | None = None,
        rename: _Renames | None = None,
    ) -> Scores: ...
    def compare(
        self,
        other: Predictor,
        data: _FrameLike,
        *,
        rows: _Rows = "test",
        errors: _Errors = "error",
        memory_limit: int | None = None,
        rename: _Renames | None = None,
    ) -> Comparison: ...
    def extend(
        self,
        space: EmbeddingSpace,
        data: _FrameLike,
        target: ArrayLike | None = None,
        *,
        sample_weight: Sequence[float] | NDArray[Any] | None = None,
        name: str | None = None,
        seed: int | None = None,
        keep: _Keep = "always",
        memory_limit: int | None = None,
        rename: _Renames | None = None,
        columns: _Names | None = None,
        progress: bool | None = None,
    ) -> Predictor: ...
    @property
    def growth(self) -> dict[str, Any] | None: ...
    @property
    def refused_growths(self) -> list[dict[str, Any]]: ...
    @property
    def metrics(self) -> dict[str, float]: ...
    def report(
        self,
        data: _FrameLike | None = None,
        *,
        before: Predictor | None = None,
        max_rows: int = 20_000,
        seed: int = 0,
        rename: _Renames | None = None,
        columns: _Names | None = None,
        progress: bool | None = None,
    ) -> Report: ...
    def card(
        self, *, format: Literal["markdown", "json"] = "markdown", base_model: str | _Names | None = None
    ) -> str: ...
    def inspect(self) -> dict[str, Any]: ...
    def save(self, path: _Path) -> None: ...
    def to_onnx(
        self, path: _Path, *, texts: Literal["error", "missing"] = "error", rare: Literal["error", "unseen"] = "error"
    ) -> Document: ...
    @staticmethod
    def load(path: _Path) -> Predictor: ...
    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(content: bytes) -> Predictor: ...
    @property
    def scores(self) -> Scores: ...
    @property
    def name(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def task(self) -> _Task: ...
    @property
    def classes(self) -> list[Any]: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def _repr_html_(self) -> str: ...

@final
class Predictions:
    @property
    def labels(self) -> NDArray[Any]:
        """float64 for numbers, else of the type that the classes were learned with."""
    @property
    def probabilities(self) -> NDArray[np.float64] | None: ...
    @property
    def classes(self) -> list[Any]: ...
    @property
    def confidence(self) -> NDArray[np.float64] | None: ...
    @property
    def lower(self) -> NDArray[np.float64] | None: ...
    @property
    def upper(self) -> NDArray[np.float64] | None: ...
    @property
    def threshold(self) -> float: ...
    @property
    def task(self) -> _Task: ...
    @property
    def ignored_columns(self) -> list[_IgnoredColumn]: ...
    @property
    def missing_columns(self) -> list[str]: ...
    @property
    def unreadable_columns(self) -> list[dict[str, Any]]: ...
    @property
    def unseen_columns(self) -> list[dict[str, Any]]: ...
    def to_pandas(self) -> Any: ...
    def to_polars(self) -> Any: ...
    def _repr_html_(self) -> str: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]: ...

@final
class Explanation:
    @property
    def contributions(self) -> NDArray[np.float64]: ...
    @property
    def standard_errors(self) -> NDArray[np.float64]: ...
    @property
    def base(self) -> Any:
        """A float, or an array where several classes are explained."""
    @property
    def predictions(self) -> NDArray[np.float64]: ...
    @property
    def columns(self) -> list[str]: ...
    @property
    def outputs(self) -> list[Any]: ...
    @property
    def scale(self) -> Literal["log_odds", "probability", "number"]: ...
    @property
    def method(self) -> Literal["exact", "orders"]: ...
    @property
    def n_evaluations(self) -> int: ...
    @property
    def importance(self) -> list[dict[str, Any]]: ...
    def row(self, row: int) -> dict[str, Any]: ...
    def to_pandas(self) -> Any: ...
    def to_polars(self) -> Any: ...
    def to_shap(self) -> Any: ...
    def _repr_html_(self) -> str: ...
    def __len__(self) -> int: ...

@final
class Comparison:
    @property
    def verdict(self) -> Literal["better", "no_difference", "worse"]: ...
    @property
    def difference(self) -> float: ...
    @property
    def interval(self) -> tuple[float, float]: ...
    @property
    def metric(self) -> str: ...
    @property
    def p_value(self) -> float: ...
    @property
    def n_rows(self) -> int: ...
    def to_dict(self) -> dict[str, Any]: ...
    def _repr_html_(self) -> str: ...

@final
class FeatureEngineer:
    def __new__(cls, suggestions: Iterable[dict[str, Any]]) -> Self: ...
    @staticmethod
    def from_json(path: _Path, *, target: str | None = None, recommended_only: bool = False) -> FeatureEngineer: ...
    def add(self, name: str, formula: str, *, reason: str = "") -> None: ...
    @overload
    def fit_transform(
        self,
        df: _Path | NDArray[Any] | _PlainTable | Frame,
        verbose: bool = False,
        *,
        skip_missing: bool = False,
        rename: _Renames | None = None,
    ) -> Frame: ...
    @overload
    def fit_transform(
        self, df: _FrameT, verbose: bool = False, *, skip_missing: bool = False, rename: _Renames | None = None
    ) -> _FrameT: ...
    @overload
    def fit_transform(
        self, df: _FrameLike, verbose: bool = False, *, skip_missing: bool = False, rename: _Renames | None = None
    ) -> Any: ...
    @overload
    def transform(
        self,
        df: _Path | NDArray[Any] | _PlainTable | Frame,
        verbose: bool = False,
        *,
        skip_missing: bool = False,
        rename: _Renames | None = None,
    ) -> Frame: ...
    @overload
    def transform(
        self, df: _FrameT, verbose: bool = False, *, skip_missing: bool = False, rename: _Renames | None = None
    ) -> _FrameT: ...
    @overload
    def transform(
        self, df: _FrameLike, verbose: bool = False, *, skip_missing: bool = False, rename: _Renames | None = None
    ) -> Any: ...
    def judge(
        self,
        space: EmbeddingSpace,
        data: _FrameLike,
        target: str,
        *,
        budget_s: float = 30.0,
        level: float = 0.05,
        guide: _Guide = "predictor",
        predictor_options: dict[str, Any] | None = None,
        seed: int = 0,
        rename: _Renames | None = None,
        progress: bool | None = None,
    ) -> Discovery: ...
    def sql(
        self,
        dialect: Literal["duckdb", "postgres", "snowflake", "bigquery"] = "duckdb",
        *,
        table: str = "rows",
        data: _FrameLike | None = None,
    ) -> str: ...
    def save(self, path: _Path) -> None: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def suggestions(self) -> list[dict[str, Any]]: ...
    @property
    def runs(self) -> dict[str, str]: ...
    def __len__(self) -> int: ...
    def _repr_html_(self) -> str: ...

@final
class FeatureEffectivenessTracker:
    def __new__(cls) -> Self: ...
    def load_history(self, path: _Path) -> None: ...
    def get_recommended_features(self, metric: str = "roc_auc", min_improvement_pct: float = 0.0) -> list[str]: ...
    @property
    def features(self) -> list[dict[str, Any]]: ...
    @property
    def standings(self) -> list[dict[str, Any]]: ...
    def summary(self) -> str: ...
    def __len__(self) -> int: ...
    def _repr_html_(self) -> str: ...

@final
class Discovery:
    @property
    def suggested(self) -> list[str]: ...
    @property
    def recommended(self) -> list[str]: ...
    @property
    def unconfirmed(self) -> list[str]: ...
    def engineer(self) -> FeatureEngineer: ...
    @property
    def run(self) -> dict[str, Any]: ...
    @property
    def seconds(self) -> float: ...
    def write(self, folder: _Path) -> None: ...
    def _repr_html_(self) -> str: ...

@final
class Frame:
    @property
    def columns(self) -> list[str]: ...
    def _repr_html_(self) -> str: ...
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: Any = None) -> object: ...
    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame``."""

@final
class FeatrixInputDataSet:
    def __new__(
        cls,
        df: _FrameLike,
        ignore_cols: str | _Names | None = None,
        *,
        kinds: dict[str, _Kind] | None = None,
        date_formats: dict[str, str] | None = None,
        missing: list[str] | None = None,
        decimal: _Decimal | None = None,
        thousands: str | None = None,
        delimiter: str | None = None,
        max_inflated_bytes: int | None = None,
        rename: _Renames | None = None,
        max_categories: int = 50_000,
        key: str | None = None,
        columns: _Names | None = None,
    ) -> Self: ...
    def split(self, fraction: float = 0.2, *, seed: int = 0) -> tuple[FeatrixInputDataSet, FeatrixInputDataSet]: ...
    @property
    def df(self) -> Any: ...
    @property
    def ignore_cols(self) -> list[str]: ...
    @property
    def columns(self) -> list[str]: ...
    @property
    def schema(self) -> dict[str, Any]: ...
    def __len__(self) -> int: ...
    def _repr_html_(self) -> str: ...

@final
class SimpleMLP:
    def __new__(cls, d_in: int, d_out: int, d_hidden: int = 128, dropout: float = 0.2) -> Self: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @staticmethod
    def from_config(d_in: int, d_out: int, d_hidden: int = 128, dropout: float = 0.2) -> SimpleMLP: ...
    @property
    def d_in(self) -> int: ...
    @property
    def d_out(self) -> int: ...
    @property
    def d_hidden(self) -> int: ...
    @property
    def dropout(self) -> float: ...

@disjoint_base
class SinglePredictor:
    def __new__(
        cls,
        embedding_space: EmbeddingSpace | None,
        predictor: SimpleMLP | None = None,
        name: str = "single_predictor",
        *,
        qa_dir: _Path | None = None,
        seed: int = 0,
    ) -> Self: ...
    def prep_for_training(
        self,
        train_df: _FrameLike,
        target_column: str,
        target_type: _TargetKind = "auto",
        *,
        load_features: bool = True,
        rename: _Renames | None = None,
    ) -> None: ...
    def train_blocking(
        self,
        n_epochs: int = 100,
        *,
        batch_size: int | None = None,
        discovery_budget_s: float = 10.0,
        progress: bool | None = None,
        stop: StopToken | None = None,
    ) -> dict[str, Any]: ...
    def predict(
        self,
        df: _FrameLike,
        *,
        threshold: float | None = None,
        interval: float | None = None,
        errors: _Errors = "error",
        rename: _Renames | None = None,
    ) -> Predictions: ...
    def explain(
        self,
        df: _FrameLike,
        *,
        scale: Literal["log_odds", "probability", "number"] | None = None,
        class_name: Any = None,
        groups: Mapping[str, _Names] | None = None,
        features_apart: bool = False,
        n_evaluations: int | None = None,
        seed: int = 0,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        progress: bool | None = None,
    ) -> Explanation: ...
    def evaluate(
        self,
        df: _FrameLike,
        *,
        rows: _Rows = "test",
        errors: _Errors = "error",
        rename: _Renames | None = None,
    ) -> Scores: ...
    def compare(
        self,
        other: SinglePredictor,
        df: _FrameLike,
        *,
        rows: _Rows = "test",
        errors: _Errors = "error",
        rename: _Renames | None = None,
    ) -> Comparison: ...
    def create_extended_embedding_space(
        self,
        enriched_train_df: _FrameLike | None = None,
        enriched_val_df: _FrameLike | None = None,
        n_epochs: int | None = None,
        batch_size: int | None = None,
        output_dir: _Path | None = None,
        *,
        name: str | None = None,
        mode: _Mode = "joint",
        drift_bound: float | None = None,
        freeze: dict[str, Any] | None = None,
        prune: str | _Names | None = None,
        memory_limit: int | None = None,
        keep: _Keep = "always",
        cross_fit: bool = False,
        seed: int = 0,
        rename: _Renames | None = None,
    ) -> EmbeddingSpace: ...
    @property
    def embedding_space(self) -> EmbeddingSpace | None: ...
    @property
    def name(self) -> str: ...
    @property
    def train_df(self) -> Any: ...
    @property
    def val_df(self) -> Any: ...
    @property
    def loaded_features(self) -> dict[str, Any] | None: ...
    @property
    def column_report(self) -> _ColumnReport: ...
    @property
    def training_info(self) -> dict[str, Any]: ...
    @property
    def metrics(self) -> dict[str, float]: ...
    @property
    def discovery(self) -> Discovery | None: ...
    @property
    def fitted(self) -> Predictor: ...
    def save(self, path: _Path) -> None: ...
    @classmethod
    def load(cls, path: _Path, *, embedding_space: EmbeddingSpace | None = None) -> Self: ...
    def __copy__(self) -> SinglePredictor: ...
    def __deepcopy__(self, _memo: Any, /) -> SinglePredictor: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __setstate__(self, core: Predictor, /) -> None: ...
    def _repr_html_(self) -> str: ...

@final
class Lineage:
    def predictors(self) -> list[dict[str, Any]]: ...
    def svg(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
    def _repr_html_(self) -> str: ...

class _Version(TypedDict):
    id: str
    name: str
    kind: Literal["embedding_space", "predictor"]
    file: str
    added: str
    content: str | None
    """Hash of the file's content; None if a registry of format version 1 took it in."""

# A method of `Registry` is called `list`, which hides the type in its class.
_Versions: TypeAlias = list[_Version]
_History: TypeAlias = list[dict[str, Any]]

@final
class Registry:
    def __new__(cls, folder: _Path, *, create: bool = False) -> Self: ...
    def _repr_html_(self) -> str: ...
    def add(self, model: EmbeddingSpace | Predictor | _Path, *, note: str = "") -> _Version: ...
    def promote(self, name_or_id: str, *, note: str = "") -> _Version: ...
    def rollback(self, *, note: str = "") -> _Version: ...
    def history(self) -> _History: ...
    def list(self) -> _Versions: ...
    def current(self) -> EmbeddingSpace | Predictor | None: ...
    def load(self, name_or_id: str) -> EmbeddingSpace | Predictor: ...
    def path(self, name_or_id: str) -> Path: ...

@final
class RowIndex:
    def search(
        self,
        space: EmbeddingSpace,
        data: _FrameLike,
        k: int = 10,
        *,
        similarity: Literal["cosine", "dot"] = "cosine",
        among: Sequence[str] | None = None,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
    ) -> Neighbours: ...
    def with_rows(
        self,
        space: EmbeddingSpace,
        data: _FrameLike,
        *,
        key: str | None = None,
        errors: _Errors = "error",
        rename: _Renames | None = None,
        columns: _Names | None = None,
    ) -> RowIndex: ...
    def without(self, keys: Sequence[str]) -> RowIndex: ...
    @property
    def keys(self) -> list[str]: ...
    @property
    def vectors(self) -> NDArray[np.float32]: ...
    @property
    def d_model(self) -> int: ...
    @property
    def version(self) -> str: ...
    def save(self, path: _Path) -> None: ...
    @staticmethod
    def load(file: _Path) -> RowIndex: ...
    def __len__(self) -> int: ...

@final
class Neighbours:
    @property
    def keys(self) -> list[list[str]]: ...
    @property
    def similarities(self) -> NDArray[np.float32]: ...
    def to_pandas(self) -> Any: ...
    def to_polars(self) -> Any: ...
    def _repr_html_(self) -> str: ...
    def __len__(self) -> int: ...

@final
class Surprise:
    @property
    def scores(self) -> NDArray[np.float64]: ...
    @property
    def share_less_odd(self) -> NDArray[np.float64] | None: ...
    @property
    def cells(self) -> NDArray[np.float32]: ...
    @property
    def columns(self) -> list[str]: ...
    @property
    def reasons(self) -> list[list[_OddCell]]: ...
    @property
    def missing_columns(self) -> list[str]: ...
    def to_pandas(self) -> Any: ...
    def to_polars(self) -> Any: ...
    def _repr_html_(self) -> str: ...
    def __len__(self) -> int: ...

@final
class Filled:
    @property
    def frame(self) -> Any: ...
    @property
    def left(self) -> list[_LeftColumn]: ...
    def to_pandas(self) -> Any: ...
    def to_polars(self) -> Any: ...
    def _repr_html_(self) -> str: ...
    def __len__(self) -> int: ...

@final
class Watched:
    @property
    def changed(self) -> bool: ...
    @property
    def changes(self) -> list[_Change]: ...
    def to_dict(self) -> dict[str, Any]: ...
    def to_pandas(self) -> Any: ...
    def to_polars(self) -> Any: ...
    def _repr_html_(self) -> str: ...
    def __len__(self) -> int: ...

@final
class Report:
    @staticmethod
    def of_folder(path: _Path) -> Report: ...
    @staticmethod
    def of_features(path: _Path) -> Report: ...
    @property
    def html(self) -> str: ...
    @property
    def headline(self) -> list[str]: ...
    def save(self, path: _Path) -> None: ...
    def to_dict(self) -> Document: ...
    def to_json(self) -> str: ...
    def _repr_html_(self) -> str: ...

@final
class StopToken:
    def __new__(cls) -> Self: ...
    def stop(self) -> None: ...

def discover(
    space: EmbeddingSpace,
    data: _FrameLike,
    target: str,
    *,
    n_suggested: int = 3,
    n_judged: int = 20,
    max_candidates: int = 2000,
    budget_s: float = 30.0,
    level: float = 0.05,
    guide: _Guide = "predictor",
    predictor_options: dict[str, Any] | None = None,
    seed: int = 0,
    rename: _Renames | None = None,
    progress: bool | None = None,
) -> Discovery: ...
def read_table(
    data: _FrameLike,
    *,
    missing: list[str] | None = None,
    decimal: _Decimal | None = None,
    thousands: str | None = None,
    delimiter: str | None = None,
    max_inflated_bytes: int | None = None,
    rename: _Renames | None = None,
    columns: _Names | None = None,
) -> Frame: ...
def verify(path: _Path, *, parent: _Path | None = None, deep: bool = False) -> dict[str, Any]: ...
def lineage(path: _Path) -> Lineage: ...
def _scores_text(json: str) -> str: ...
def _scores_html(json: str) -> str: ...
def _document_html(json: str) -> str: ...
def _metric_words(name: str) -> tuple[str, bool]: ...
def _n_weighted_rows(sample_weight: Sequence[float] | NDArray[Any]) -> int: ...
def _relay(title: str, progress: bool | None, told: Callable[[], list[str] | None]) -> None: ...
def _spelling_note(target: str, classes: Sequence[str], n_rows: Sequence[int]) -> str | None: ...
