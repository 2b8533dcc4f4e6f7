"""What features were worth."""

from tabgraft import FeatureEffectivenessTracker

__all__ = ["FeatureEffectivenessTracker"]
