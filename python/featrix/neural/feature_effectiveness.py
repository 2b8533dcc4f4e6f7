"""What features were worth.

>>> from featrix.neural.feature_effectiveness import FeatureEffectivenessTracker
>>> FeatureEffectivenessTracker is tabgraft.FeatureEffectivenessTracker
True
"""

from tabgraft import FeatureEffectivenessTracker

__all__ = ["FeatureEffectivenessTracker"]
