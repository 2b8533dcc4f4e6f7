"""Heads of predictors.

>>> from featrix.neural.simple_mlp import SimpleMLP
>>> SimpleMLP.from_config(d_in=space.d_model, d_out=2).d_in
32
"""

from tabgraft._native import SimpleMLP

__all__ = ["SimpleMLP"]
