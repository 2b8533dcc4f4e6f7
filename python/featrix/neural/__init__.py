"""The module paths under which described scripts import tabgraft's classes."""

from tabgraft import FeatureEffectivenessTracker

__all__ = ["FeatureEffectivenessTracker"]
