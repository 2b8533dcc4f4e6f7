"""scikit-learn estimators: an embedding space, and a predictor on top of it.

Needs scikit-learn 1.6 or later. Columns may be numbers, text, booleans or dates, with missing
cells; nothing has to be encoded or imputed before.

>>> from tabgraft.sklearn import TabgraftClassifier
>>> TabgraftClassifier is tabgraft.TabgraftClassifier
True
"""

from tabgraft.sklearn._embedder import TabgraftEmbedder
from tabgraft.sklearn._predictors import TabgraftClassifier, TabgraftRegressor

__all__ = ["TabgraftClassifier", "TabgraftEmbedder", "TabgraftRegressor"]
