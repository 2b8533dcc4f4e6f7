"""Embedding spaces.

>>> from featrix.neural.embedded_space import EmbeddingSpace
>>> EmbeddingSpace is tabgraft.EmbeddingSpace
True
"""

from tabgraft import EmbeddingSpace

__all__ = ["EmbeddingSpace"]
