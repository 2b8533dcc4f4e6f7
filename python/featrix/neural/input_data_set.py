"""Data sets for embedding spaces."""

from tabgraft._native import FeatrixInputDataSet

__all__ = ["FeatrixInputDataSet"]
