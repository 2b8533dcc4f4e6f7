"""Features for later frames."""

from tabgraft import FeatureEngineer

__all__ = ["FeatureEngineer"]
