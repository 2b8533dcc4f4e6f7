"""What runs on a Ray cluster for a training: the workers, and the actor beside the driver that hears them and keeps their state."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import tabgraft
from tabgraft import _native
from tabgraft.collective import Collective
from tabgraft.events import listening


def table(blocks: Sequence[Any]) -> Any:
    import pyarrow
    import ray

    return pyarrow.concat_tables(ray.get(list(blocks)), promote_options="default")


class _Driver:
    """An actor beside the driver: it hears what workers tell, and keeps the state of the training."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.state: bytes | None = None

    def tell(self, *events: str) -> None:
        self.events += events

    def heard(self) -> list[str]:
        events, self.events = self.events, []
        return events

    def keep(self, state: bytes | None) -> None:
        self.state = state

    def kept(self) -> bytes | None:
        return self.state


class _States:
    """The state of a training, as a worker hands it to the driver: there when the call returns."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def keep(self, state: bytes | None) -> None:
        import ray

        ray.get(self.driver.keep.remote(state))

    def kept(self) -> bytes | None:
        import ray

        state: bytes | None = ray.get(self.driver.kept.remote())
        return state


@contextmanager
def _told(driver: Any) -> Iterator[None]:
    """What the work tells reaches the driver, all of it before the work has ended."""
    import ray

    with listening(lambda event: driver.tell.remote(json.dumps(event))):
        yield
    ray.get(driver.tell.remote())


def train(
    rank: int,
    n_workers: int,
    address: dict[str, Any],
    driver: Any,
    blocks: Sequence[Any],
    parent: bytes | None,
    options: dict[str, Any],
) -> bytes | None:
    """What one worker does. Worker 0 tells of it, and gives the file of the space."""
    rows = table(blocks)
    with Collective(rank, n_workers, address, _States(driver)) as workers, _told(driver) if rank == 0 else nullcontext():
        own = {**options, "workers": workers, "progress": False}
        if parent is None:
            space = tabgraft.EmbeddingSpace.fit(rows, **own)
        else:
            space = tabgraft.EmbeddingSpace.from_bytes(parent).extend(rows, **own)
    return space.to_bytes() if rank == 0 else None


def predictor(driver: Any, space: bytes, blocks: Sequence[Any], target: str, options: dict[str, Any]) -> bytes:
    """What the process of a predictor does."""
    found = tabgraft.EmbeddingSpace.from_bytes(space)
    with _told(driver):
        return tabgraft.Predictor.fit(found, table(blocks), target, progress=False, **options).to_bytes()


def driver_here(ray: Any) -> Any:
    """The actor of a training, where this process is, so that no other machine takes it away."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(_Driver).options(num_cpus=0, scheduling_strategy=here).remote()


def watch(ray: Any, title: str, progress: bool | None, driver: Any, running: list[Any]) -> list[Any]:
    """Shows and passes on what is told until the work has ended, well or not; gives what it came to."""

    def told() -> Iterator[list[str]]:
        done: list[Any] = []
        while not done:
            done, _ = ray.wait(running, num_returns=1, timeout=0.2)
            yield ray.get(driver.heard.remote())

    batches = told()
    _native._relay(title, progress, lambda: next(batches, None))
    results: list[Any] = ray.get(running)
    return results


def cancel(ray: Any, running: list[Any]) -> None:
    """Ends what is still running: the rest of a training that failed, or all of one that Ctrl-C ended."""
    # One that has given its result is left alone: Ray 2.60 ends this process if its last message is still on the way.
    _, left = ray.wait(running, num_returns=len(running), timeout=0)
    for task in left:
        ray.cancel(task, force=True)
