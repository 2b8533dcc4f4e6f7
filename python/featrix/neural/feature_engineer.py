"""Features for later frames.

>>> from featrix.neural.feature_engineer import FeatureEngineer
>>> FeatureEngineer is tabgraft.FeatureEngineer
True
"""

from tabgraft import FeatureEngineer

__all__ = ["FeatureEngineer"]
