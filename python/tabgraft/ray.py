"""tabgraft on a Ray cluster: training in several workers, scoring of datasets.

``fit`` and ``extend`` train one space in several processes, each on its rows: statistics of columns merge, and
gradients are summed at every step, so that all workers have the same weights. ``embed``, ``predict`` and ``apply`` stream a dataset
through a :class:`tabgraft.scoring.Scorer`. Where a worker of a training is lost, all of them start anew and go on after the last epoch
that was done, of which the driver has the state; a lost worker of a scoring is Ray's to replace. What a training tells
reaches the driver: its bar, the logger ``tabgraft``, and whoever listens (:mod:`tabgraft.events`). Needs ``tabgraft[ray]``.

Results do not depend on the machine that a worker runs on: for as many workers, the same rows in the same order and the
same seed, a training gives the same bits.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import tabgraft
from tabgraft import _ray_work
from tabgraft.collective import tracker
from tabgraft.scoring import Scorer

__all__ = ["apply", "embed", "extend", "fit", "fit_predictor", "predict"]

_Data: TypeAlias = Any

_LOG = logging.getLogger("tabgraft")


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError("tabgraft.ray needs ray\nhint: pip install 'tabgraft[ray]'") from error
    if not ray.is_initialized():
        raise tabgraft.OptionError("no Ray cluster is connected\nhint: call ray.init() first")
    return ray


def _dataset(data: _Data) -> Any:
    """A dataset: as it is, or of a file or folder of Parquet."""
    if isinstance(data, (str, os.PathLike)):
        return _ray().data.read_parquet(str(data))
    return data


@contextmanager
def _in_order(dataset: Any) -> Iterator[None]:
    """Blocks keep their order, so that a seed repeats. A dataset goes by the options that there were when it was made."""
    options = dataset.context.execution_options
    before, options.preserve_order = options.preserve_order, True
    try:
        yield
    finally:
        options.preserve_order = before


def _shards(data: _Data, n_workers: int) -> list[list[Any]]:
    """The blocks of each worker, as references: as many rows for each, in their order, whatever the dataset's own blocks."""
    dataset = _dataset(data)
    with _in_order(dataset):
        rows = dataset.materialize()
        n_rows = rows.count()
        if n_rows < n_workers:
            raise tabgraft.DataError(f"{n_rows} rows are not enough for {n_workers} workers\nhint: give fewer workers")
        cuts = [n_rows * rank // n_workers for rank in range(1, n_workers)]
        parts = rows.split_at_indices(cuts) if cuts else [rows]
    return [part.to_arrow_refs() for part in parts]


def _trained(
    data: _Data,
    parent: tabgraft.EmbeddingSpace | None,
    n_workers: int,
    cpus_per_worker: float,
    max_failures: int,
    progress: bool | None,
    options: dict[str, Any],
) -> tabgraft.EmbeddingSpace:
    if n_workers < 1:
        raise tabgraft.OptionError(f"option `n_workers` is {n_workers}, allowed is 1 or more")
    if max_failures < 0:
        raise tabgraft.OptionError(f"option `max_failures` is {max_failures}, allowed is 0 or more")
    ray = _ray()
    shards = _shards(data, n_workers)
    train = ray.remote(_ray_work.train).options(num_cpus=cpus_per_worker, max_retries=0, scheduling_strategy="SPREAD")
    content = ray.put(parent.to_bytes()) if parent is not None else None
    driver = _ray_work.driver_here(ray)
    title = "embedding space" if parent is None else "graft"
    n_failures = 0
    while True:
        with tracker(n_workers, ray.util.get_node_ip_address()) as address:
            running = [
                train.remote(rank, n_workers, address, driver, blocks, content, options)
                for rank, blocks in enumerate(shards)
            ]
            try:
                return tabgraft.EmbeddingSpace.from_bytes(_ray_work.watch(ray, title, progress, driver, running)[0])
            except _lost(ray) as error:
                # What a worker says of its table or of an option holds for every attempt.
                cause = _cause(running, error, ray)
                if cause is not None:
                    raise cause from error
                n_failures += 1
                if n_failures > max_failures:
                    raise
                _LOG.warning("a worker was lost (%s of at most %s): all start anew", n_failures, max_failures)
            finally:
                _ray_work.cancel(ray, running)


def _lost(ray: Any) -> tuple[type[Exception], ...]:
    """How a worker that is gone shows: in its own task, or in the others, which cannot reach it."""
    found = ray.exceptions
    return (found.RayTaskError, found.WorkerCrashedError, found.NodeDiedError)


def _cause(running: Sequence[Any], first: Exception, ray: Any) -> Exception | None:
    """The failure that is none of another worker's: those are told by their kind."""
    failures: list[Exception] = [first]
    done, _ = ray.wait(list(running), num_returns=len(running), timeout=2)
    for task in done:
        try:
            ray.get(task)
        except Exception as error:
            failures.append(error)
    for failure in failures:
        cause = getattr(failure, "cause", None)
        if isinstance(cause, tabgraft.TabgraftError) and not isinstance(cause, tabgraft.TrainingError):
            return cause
    return None


def fit(
    data: _Data,
    *,
    n_workers: int = 2,
    cpus_per_worker: float = 1,
    max_failures: int = 1,
    progress: bool | None = None,
    **options: Any,
) -> tabgraft.EmbeddingSpace:
    """Trains a space in several workers.

    Parameters
    ----------
    data : ray.data.Dataset or path
        The table, or a file or folder of Parquet.
    n_workers : int, default 2; 1 to 256
        Workers that train together. Each holds its rows in memory.
    cpus_per_worker : float, default 1
        Processors that each of them asks Ray for.
    max_failures : int, default 1
        How often workers may be lost: they start anew, and the training goes on after its last epoch, with the bits of one
        in which none was.
    progress : bool, optional
        Whether the driver draws a bar. Default: on a terminal and in a notebook.
    **options
        As of ``EmbeddingSpace.fit``.
    """
    return _trained(data, None, n_workers, cpus_per_worker, max_failures, progress, options)


def extend(
    space: tabgraft.EmbeddingSpace,
    data: _Data,
    *,
    n_workers: int = 2,
    cpus_per_worker: float = 1,
    max_failures: int = 1,
    progress: bool | None = None,
    **options: Any,
) -> tabgraft.EmbeddingSpace:
    """Grafts new columns in several workers, each of which computes the parent's vectors of its rows.

    Parameters
    ----------
    space : EmbeddingSpace
        The parent; it stays as it is.
    data, n_workers, cpus_per_worker, max_failures, progress
        As for :func:`fit`.
    **options
        As of ``EmbeddingSpace.extend``.
    """
    return _trained(data, space, n_workers, cpus_per_worker, max_failures, progress, options)


def fit_predictor(
    space: tabgraft.EmbeddingSpace,
    data: _Data,
    target: str,
    *,
    most_rows: int = 1_000_000,
    progress: bool | None = None,
    **options: Any,
) -> tabgraft.Predictor:
    """Fits a predictor, in one process of the cluster, to rows that are drawn evenly if there are more than it may hold.

    Parameters
    ----------
    space : EmbeddingSpace
        The space that it stands on.
    data : ray.data.Dataset or path
        As for :func:`fit`.
    target : str
        The column to predict.
    most_rows : int, default 1,000,000
        Most rows that it is fitted to and scored on; a note says how many were drawn of how many.
    progress : bool, optional
        As for :func:`fit`.
    **options
        As of ``Predictor.fit``.
    """
    ray = _ray()
    dataset = _dataset(data)
    n_rows = dataset.count()
    if n_rows > most_rows:
        dataset = dataset.random_sample(most_rows / n_rows, seed=options.get("seed", 0))
    with _in_order(dataset):
        dataset = dataset.materialize()
    if n_rows > most_rows:
        _LOG.info("the predictor is fitted to %s rows that were drawn of %s", dataset.count(), n_rows)
    driver = _ray_work.driver_here(ray)
    # A process that is lost is started anew by Ray.
    work = ray.remote(_ray_work.predictor).options(num_cpus=1)
    running = [work.remote(driver, ray.put(space.to_bytes()), dataset.to_arrow_refs(), target, options)]
    try:
        return tabgraft.Predictor.from_bytes(_ray_work.watch(ray, "predictor", progress, driver, running)[0])
    except ray.exceptions.RayTaskError as error:
        cause = _cause(running, error, ray)
        if cause is not None:
            raise cause from error
        raise
    finally:
        _ray_work.cancel(ray, running)


class _Scoring:
    """An actor that has the model loaded."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    def __call__(self, batch: Any) -> Any:
        import pyarrow

        return pyarrow.Table.from_batches([self.scorer(batch)])


def _scored(scorer: Scorer, data: _Data, n_workers: int, batch_size: int) -> Any:
    return _dataset(data).map_batches(
        _Scoring,
        fn_constructor_args=(scorer,),
        batch_format="pyarrow",
        batch_size=batch_size,
        concurrency=n_workers,
    )


def embed(
    space: str | os.PathLike[str] | tabgraft.EmbeddingSpace,
    data: _Data,
    *,
    keep: Sequence[str] = (),
    errors: Literal["error", "missing"] = "error",
    n_workers: int = 2,
    batch_size: int = 8192,
) -> Any:
    """The vectors of the rows of a dataset, as another dataset: ``z0``, ``z1``, ... behind the columns of ``keep``.

    Parameters
    ----------
    space : EmbeddingSpace or path
        A path is read by each worker.
    data : ray.data.Dataset or path
        As for :func:`fit`.
    keep, errors
        As of :class:`tabgraft.scoring.Scorer`.
    n_workers : int, default 2
        Actors that have the model loaded.
    batch_size : int, default 8192
        Rows of a batch.
    """
    return _scored(Scorer(space, "embed", keep=keep, errors=errors), data, n_workers, batch_size)


def predict(
    predictor: str | os.PathLike[str] | tabgraft.Predictor,
    data: _Data,
    *,
    keep: Sequence[str] = (),
    errors: Literal["error", "missing"] = "error",
    n_workers: int = 2,
    batch_size: int = 8192,
) -> Any:
    """The predictions for the rows of a dataset, as another dataset.

    Parameters
    ----------
    predictor : Predictor or path
        As for :func:`embed`, and so are the others.
    """
    return _scored(Scorer(predictor, "predict", keep=keep, errors=errors), data, n_workers, batch_size)


def apply(
    features: str | os.PathLike[str] | tabgraft.FeatureEngineer,
    data: _Data,
    *,
    n_workers: int = 2,
    batch_size: int = 8192,
) -> Any:
    """A dataset with its features.

    Parameters
    ----------
    features : FeatureEngineer or path
        Fitted features, or their file.
    data, n_workers, batch_size
        As for :func:`embed`.
    """
    return _scored(Scorer(features, "apply"), data, n_workers, batch_size)
