"""Grow a trained tabular embedding space by grafting new columns onto it.

``early`` is a table, ``credit`` is the same table with columns that came later:

>>> space = tabgraft.EmbeddingSpace.fit(early, ignore=["target"], n_epochs=6, d_model=32)
>>> child = space.extend(credit, n_epochs=10)
>>> np.array_equal(child.embed(credit)[:, :32], space.embed(early))
True
"""

from typing import TYPE_CHECKING

from tabgraft._native import (
    Comparison,
    DataError,
    Discovery,
    EmbeddingSpace,
    Explanation,
    FeatureEffectivenessTracker,
    FeatureEngineer,
    FileError,
    Filled,
    FormulaError,
    Frame,
    Lineage,
    MalformedFileError,
    MissingFileError,
    Neighbours,
    NoNewColumnsError,
    OptionError,
    Predictions,
    Predictor,
    Registry,
    Report,
    RowIndex,
    SchemaError,
    Surprise,
    TabgraftError,
    TrainingError,
    VerificationError,
    VersionError,
    Watched,
    __version__,
    discover,
    lineage,
    read_table,
    verify,
)

if TYPE_CHECKING:
    from tabgraft.sklearn import TabgraftClassifier, TabgraftEmbedder, TabgraftRegressor

_ESTIMATORS = ("TabgraftClassifier", "TabgraftEmbedder", "TabgraftRegressor")

__all__ = [
    "Comparison",
    "DataError",
    "Discovery",
    "EmbeddingSpace",
    "Explanation",
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
    "Surprise",
    "TabgraftClassifier",
    "TabgraftEmbedder",
    "TabgraftError",
    "TabgraftRegressor",
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


def __getattr__(name: str) -> object:
    # scikit-learn takes a second to import, and not everybody has it.
    if name in _ESTIMATORS:
        from tabgraft import sklearn

        return getattr(sklearn, name)
    raise AttributeError(f"module 'tabgraft' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
