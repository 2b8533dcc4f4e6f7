"""Files.

>>> from featrix.neural.io_utils import load_embedding_space
>>> space.save("v1.tabgraft")
>>> load_embedding_space("v1.tabgraft").name
'v1'
"""

from os import PathLike

from tabgraft import EmbeddingSpace

__all__ = ["load_embedding_space"]


def load_embedding_space(path: str | PathLike[str]) -> EmbeddingSpace:
    """Reads a space from its file; the same as ``EmbeddingSpace.load``.

    >>> from featrix.neural.io_utils import load_embedding_space
    >>> space.save("v1.tabgraft")
    >>> load_embedding_space("v1.tabgraft").hashes == space.hashes
    True
    """
    return EmbeddingSpace.load(path)
