"""Files."""

from os import PathLike

from tabgraft import EmbeddingSpace

__all__ = ["load_embedding_space"]


def load_embedding_space(path: str | PathLike[str]) -> EmbeddingSpace:
    """Reads a space from its file; the same as ``EmbeddingSpace.load``."""
    return EmbeddingSpace.load(path)
