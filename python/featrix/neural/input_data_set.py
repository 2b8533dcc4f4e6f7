"""Data sets for embedding spaces.

>>> from featrix.neural.input_data_set import FeatrixInputDataSet
>>> len(FeatrixInputDataSet("credit.csv", ignore_cols=["target"]))
1000
"""

from tabgraft._native import FeatrixInputDataSet

__all__ = ["FeatrixInputDataSet"]
