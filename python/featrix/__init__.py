"""The module paths under which described scripts import tabgraft's classes.

>>> from featrix.neural.embedded_space import EmbeddingSpace
>>> EmbeddingSpace is tabgraft.EmbeddingSpace
True
"""
