"""Predictors of one target, with a training that can be awaited.

>>> from featrix.neural.single_predictor import SinglePredictor
>>> SinglePredictor(space, name="risk")
SinglePredictor(name="risk", no data yet)
"""

import asyncio
import functools
from typing import Any

from tabgraft._native import SinglePredictor as _SinglePredictor
from tabgraft._native import StopToken

__all__ = ["SinglePredictor"]


class SinglePredictor(_SinglePredictor):
    __doc__ = _SinglePredictor.__doc__

    async def train(
        self,
        n_epochs: int = 100,
        *,
        batch_size: int | None = None,
        discovery_budget_s: float = 10.0,
        progress: bool | None = None,
    ) -> dict[str, Any]:
        """As ``train_blocking``, in a thread of its own: the event loop goes on running.

        A cancelled task ends the work after its running batch; the best state so far stays.

        >>> import asyncio
        >>> fresh = SinglePredictor(space, name="quick", qa_dir="quick")
        >>> fresh.prep_for_training(early, "target", "set")
        >>> info = asyncio.run(fresh.train(n_epochs=2, discovery_budget_s=0))
        >>> fresh
        SinglePredictor(name="quick", target="target", trained)
        """
        stop = StopToken()
        work = functools.partial(
            self.train_blocking,
            n_epochs,
            batch_size=batch_size,
            discovery_budget_s=discovery_budget_s,
            progress=progress,
            stop=stop,
        )
        running = asyncio.get_running_loop().run_in_executor(None, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            stop.stop()
            await asyncio.wait([running])
            raise
