"""One function from a ``RecordBatch`` to a ``RecordBatch``, for engines that hand out batches.

A :class:`Scorer` embeds, predicts or adds features. It can be pickled to the workers of an engine, where the model is
loaded once per process, however many batches come. Needs ``pyarrow``.

>>> import pyarrow as pa
>>> from tabgraft.scoring import Scorer
>>> predictor.save("p1.tabgraft")
>>> score = Scorer("p1.tabgraft", keep=["age"])
>>> batch = pa.RecordBatch.from_pandas(early.head(3), preserve_index=False)
>>> score(batch).schema.names
['age', 'class', 'confidence', 'p_0', 'p_1']
"""

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

import tabgraft

__all__ = ["Scorer"]

_Model: TypeAlias = tabgraft.EmbeddingSpace | tabgraft.Predictor | tabgraft.FeatureEngineer

#: The models of this process, by what tells them apart.
_loaded: dict[tuple[str, ...], _Model] = {}
_lock = threading.Lock()


def _arrow() -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError("tabgraft.scoring needs pyarrow\nhint: pip install 'tabgraft[scoring]'") from error
    return pyarrow


def _open(path: str) -> _Model:
    """The model or the features of a file."""
    try:
        kind = tabgraft.verify(path)["kind"]
    except tabgraft.MalformedFileError:
        return tabgraft.FeatureEngineer.from_json(path)
    return tabgraft.Predictor.load(path) if kind == "predictor" else tabgraft.EmbeddingSpace.load(path)


def _id(model: _Model) -> str:
    return "" if isinstance(model, tabgraft.FeatureEngineer) else model.id


class Scorer:
    """Embeds, predicts or adds features: called with a record batch (or a table) of Arrow, gives a record batch.

    Parameters
    ----------
    model : path, EmbeddingSpace, Predictor or FeatureEngineer
        A path is read by each process that scores, and has to be there; it is an error if another version lies there by
        then. Of an object the bytes travel with the scorer.
    task : {"embed", "predict", "apply"}, optional
        ``embed`` gives ``z0``, ``z1``, ...; ``predict`` gives ``class``, ``confidence`` and ``p_CLASS`` for each class,
        or ``prediction``; ``apply`` gives the batch with its features. Default: what the model is for.
    keep : sequence of str, default ()
        Columns of the batch that stand in front of the result, such as a key.
    errors : {"error", "missing"}, default "error"
        What becomes of a cell that cannot be read as its column's kind.

    >>> from tabgraft.scoring import Scorer
    >>> Scorer(space)
    Scorer('v1', task='embed')
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | _Model,
        task: Literal["embed", "predict", "apply"] | None = None,
        *,
        keep: Sequence[str] = (),
        errors: Literal["error", "missing"] = "error",
    ) -> None:
        _arrow()
        self._content: bytes | list[dict[str, Any]] | None = None
        if isinstance(model, (str, os.PathLike)):
            self._path = str(Path(model).absolute())
            model = _open(self._path)
        else:
            self._path = ""
            engineer = isinstance(model, tabgraft.FeatureEngineer)
            self._content = model.suggestions if engineer else model.to_bytes()  # type: ignore[union-attr]
        self._id = _id(model)
        tasks = {tabgraft.EmbeddingSpace: "embed", tabgraft.Predictor: "predict", tabgraft.FeatureEngineer: "apply"}
        own = tasks[type(model)]
        if task not in (None, own):
            raise tabgraft.OptionError(
                f"option `task` is `{task}`, a {type(model).__name__} can `{own}`\nhint: leave it out, or give another model"
            )
        self.task: str = own
        #: The model's name.
        self.name: str = getattr(model, "name", "") or ", ".join(getattr(model, "names", []))
        self.keep = [keep] if isinstance(keep, str) else list(keep)
        self.errors: Literal["error", "missing"] = errors
        with _lock:
            _loaded[self._key()] = model

    def _key(self) -> tuple[str, ...]:
        # Features have no id: they are told apart by what they are.
        return (self._path, self._id or repr(self._content), self.task)

    @property
    def model(self) -> _Model:
        """The model, loaded once in each process.

        >>> from tabgraft.scoring import Scorer
        >>> Scorer(space).model is Scorer(space).model
        True
        """
        with _lock:
            key = self._key()
            if key not in _loaded:
                _loaded[key] = self._load()
            return _loaded[key]

    def _load(self) -> _Model:
        if isinstance(self._content, list):
            return tabgraft.FeatureEngineer(self._content)
        if self._content is not None:
            kind = tabgraft.Predictor if self.task == "predict" else tabgraft.EmbeddingSpace
            return kind.from_bytes(self._content)
        model = _open(self._path)
        if _id(model) != self._id:
            raise tabgraft.VersionError(
                f"`{self._path}` holds version {_id(model)[:12]}, the scorer was made for {self._id[:12]}\n"
                "hint: make the scorer anew, or write each version to a file of its own"
            )
        return model

    def __call__(self, batch: Any) -> Any:
        """The result for a batch, row by row.

        >>> import pyarrow as pa
        >>> from tabgraft.scoring import Scorer
        >>> Scorer(space)(pa.RecordBatch.from_pandas(early.head(2))).num_rows
        2
        """
        arrow = _arrow()
        if isinstance(batch, arrow.Table):
            batch = batch.combine_chunks().to_batches()
            batch = batch[0] if batch else arrow.RecordBatch.from_pylist([])
        absent = [name for name in self.keep if name not in batch.schema.names]
        if absent:
            raise tabgraft.SchemaError(
                f"option `keep` names {', '.join(f'`{name}`' for name in absent)}, which the batch does not have\n"
                f"hint: it has {', '.join(f'`{name}`' for name in batch.schema.names)}"
            )
        kept = {name: batch.column(name) for name in self.keep}
        return arrow.RecordBatch.from_pydict({**kept, **self._scored(batch)})

    def _scored(self, batch: Any) -> dict[str, Any]:
        arrow, model = _arrow(), self.model
        if isinstance(model, tabgraft.EmbeddingSpace):
            z = model.embed(batch, errors=self.errors)
            return {f"z{i}": arrow.array(np.ascontiguousarray(z[:, i])) for i in range(z.shape[1])}
        if isinstance(model, tabgraft.FeatureEngineer):
            made = arrow.table(model.transform(batch)).combine_chunks()
            return {
                name: made.column(name).chunk(0) if made.num_rows else arrow.array([], made.schema.field(name).type)
                for name in made.schema.names
                if name not in self.keep
            }
        said = model.predict(batch, errors=self.errors)
        if said.probabilities is None:
            return {"prediction": arrow.array(np.asarray(said.labels, dtype="float64"))}
        # The type of a class is that of all classes, however few of them are in the batch.
        kind = arrow.array(model.classes).type
        found: dict[str, Any] = {
            "class": arrow.array(said.labels.tolist(), type=kind),
            "confidence": arrow.array(said.confidence),
        }
        for i, name in enumerate(said.classes):
            found[f"p_{name}"] = arrow.array(np.ascontiguousarray(said.probabilities[:, i]))
        return found

    def batches(self, batches: Iterable[Any]) -> Iterator[Any]:
        """The results of batches, one by one, as Spark's ``mapInArrow`` asks for them.

        >>> import pyarrow as pa
        >>> from tabgraft.scoring import Scorer
        >>> two = pa.Table.from_pandas(early.head(4)).to_batches(max_chunksize=2)
        >>> [result.num_rows for result in Scorer(space).batches(two)]
        [2, 2]
        """
        for batch in batches:
            yield self(batch)

    def schema(self, schema: Any) -> Any:
        """The schema of the result for batches of a schema, which engines ask for before any batch comes.

        >>> import pyarrow as pa
        >>> from tabgraft.scoring import Scorer
        >>> Scorer(space).schema(pa.Schema.from_pandas(early)).names[:2]
        ['z0', 'z1']
        """
        arrow = _arrow()
        row = {field.name: arrow.array([None], type=field.type) for field in schema}
        return self(arrow.RecordBatch.from_pydict(row, schema=arrow.schema(list(schema)))).schema

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __repr__(self) -> str:
        return f"Scorer({self.name!r}, task={self.task!r})"
