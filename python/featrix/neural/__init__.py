"""The module paths under which described scripts import tabgraft's classes.

>>> from featrix.neural import FeatureEffectivenessTracker
>>> FeatureEffectivenessTracker is tabgraft.FeatureEffectivenessTracker
True
"""

from tabgraft import FeatureEffectivenessTracker

__all__ = ["FeatureEffectivenessTracker"]
