"""Embedding spaces."""

from tabgraft import EmbeddingSpace

__all__ = ["EmbeddingSpace"]
