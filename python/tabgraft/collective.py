"""Workers in processes of their own, which sum arrays through ``xgboost.collective``.

An engine only places them: one process calls :func:`tracker` and hands out what it gives, each worker makes a
:class:`Collective` of it and gives that to ``EmbeddingSpace.fit`` or ``extend``. Needs ``xgboost`` or ``xgboost-cpu``.
"""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tabgraft

__all__ = ["Collective", "tracker"]

# Seconds without an answer after which a worker counts as lost.
_PATIENCE_S = 300


def _xgboost() -> Any:
    try:
        import xgboost.collective
        import xgboost.tracker
    except ImportError as error:
        raise ImportError("tabgraft.collective needs xgboost\nhint: pip install 'tabgraft[ray]'") from error
    return xgboost


@contextmanager
def tracker(n_workers: int, host: str = "127.0.0.1") -> Iterator[dict[str, Any]]:
    """Brings workers together: gives what each of them needs for its :class:`Collective`.

    Parameters
    ----------
    n_workers : int
        How many there are; the tracker waits for all of them.
    host : str, default "127.0.0.1"
        The address at which the workers reach this process.

    >>> from tabgraft.collective import Collective, tracker
    >>> with tracker(1) as address:
    ...     with Collective(0, 1, address) as workers:
    ...         workers.all_reduce(np.array([1.5], "float32")).tolist()
    [1.5]
    """
    made = _xgboost().tracker.RabitTracker(n_workers=n_workers, host_ip=host, sortby="task", timeout=_PATIENCE_S)
    made.start()
    address = dict(made.worker_args())
    # It serves until the last worker has gone. Where one is lost it never does: nobody waits for it here.
    threading.Thread(target=_wait, args=(made,), daemon=True).start()
    yield address


def _wait(made: Any) -> None:
    try:
        made.wait_for()
    except Exception:  # The workers say what went wrong.
        return


class Collective:
    """One of several workers that train together.

    Parameters
    ----------
    rank : int
        Which one, from 0 on. What is decided once is what worker 0 says.
    n_workers : int
        How many there are.
    address : dict
        What :func:`tracker` gave.
    states : path or object, optional
        Where worker 0 keeps the state of a training after every epoch, so that workers that are started anew go on
        from it: a file that they all see, or an object with ``keep(bytes or None)`` and ``kept()``. It goes when the
        training has ended. Default: nowhere; a training that fails begins anew.

    >>> from tabgraft.collective import Collective, tracker
    >>> with tracker(1) as address:
    ...     with Collective(0, 1, address) as workers:
    ...         space = tabgraft.EmbeddingSpace.fit(early, n_epochs=1, d_model=16, workers=workers)
    >>> space.d_model
    16
    """

    def __init__(
        self, rank: int, n_workers: int, address: dict[str, Any], states: str | os.PathLike[str] | Any = None
    ) -> None:
        self.rank = rank
        self.n_workers = n_workers
        self.states = states
        self._collective = _xgboost().collective
        # A connection belongs to the thread that made it.
        self._thread = ThreadPoolExecutor(1)
        # Ranks follow from the order of these names.
        self._thread.submit(self._collective.init, **address, dmlc_task_id=f"{rank:06d}").result()
        found = self._thread.submit(self._collective.get_rank).result()
        if found != rank:
            self.close()
            raise tabgraft.OptionError(
                f"worker {rank} was counted as {found}\nhint: give ranks 0 to {n_workers - 1}, each once"
            )

    def all_reduce(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sum of each value over all workers; every worker gets the same bits.

        >>> from tabgraft.collective import Collective, tracker
        >>> with tracker(1) as address, Collective(0, 1, address) as workers:
        ...     workers.all_reduce(np.zeros(2, "float32")).tolist()
        [0.0, 0.0]
        """
        summed: NDArray[np.float32] = self._thread.submit(
            self._collective.allreduce, values, self._collective.Op.SUM
        ).result()
        return summed

    def close(self) -> None:
        """Leaves the others.

        >>> from tabgraft.collective import Collective, tracker
        >>> with tracker(1) as address:
        ...     Collective(0, 1, address).close()
        """
        try:
            self._thread.submit(self._collective.finalize).result()
        finally:
            self._thread.shutdown()

    def __enter__(self) -> "Collective":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self.close()
        else:
            # The others are not waited for: they hear that this worker has gone when its process ends.
            self._thread.shutdown(wait=False)
