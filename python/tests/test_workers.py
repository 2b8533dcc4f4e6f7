"""Several processes train one space: through any sum of arrays, and through xgboost's. On Ray: test_ray.py."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tabgraft

CREDIT = Path(__file__).parents[2] / "fixtures" / "german_credit.csv"
OPTIONS = {"ignore": ["default"], "n_epochs": 3, "d_model": 16, "progress": False}


def credit():
    return pd.read_csv(CREDIT)


class Pipes:
    """Workers that pass arrays round by pipes; worker 0 adds them up."""

    def __init__(self, rank, n_workers, ends):
        self.rank, self.n_workers, self.ends = rank, n_workers, ends

    def all_reduce(self, values):
        if self.rank:
            self.ends[0].send(values)
            return self.ends[0].recv()
        total = values.copy()
        for end in self.ends:
            total += end.recv()
        for end in self.ends:
            end.send(total)
        return total


def by_pipes(rank, n_workers, ends, results):
    workers = Pipes(rank, n_workers, ends)
    rows = credit().iloc[rank::n_workers]
    early = rows.drop(columns=["checking_status"])
    space = tabgraft.EmbeddingSpace.fit(early, **OPTIONS, workers=workers)
    child = space.extend(rows, n_epochs=10, workers=workers, progress=False)
    results.put((rank, space.to_bytes(), child.to_bytes()))


def run_by_pipes(n_workers):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    pairs = [context.Pipe() for _ in range(n_workers - 1)]
    ends = [[here for here, _ in pairs]] + [[there] for _, there in pairs]
    processes = [context.Process(target=by_pipes, args=(rank, n_workers, ends[rank], results), daemon=True) for rank in range(n_workers)]
    for process in processes:
        process.start()
    found = sorted(results.get(timeout=300) for _ in processes)
    for process in processes:
        process.join()
    return [[tabgraft.EmbeddingSpace.from_bytes(content) for content in contents] for _, *contents in found]


def test_processes_train_one_space_and_graft_onto_it():
    workers = run_by_pipes(2)
    (space, child), (other, other_child) = workers
    assert space.hashes["weights"] == other.hashes["weights"]
    assert child.hashes["weights"] == other_child.hashes["weights"]
    alone = tabgraft.EmbeddingSpace.fit(credit().drop(columns=["checking_status"]), **OPTIONS)
    assert space.hashes["schema"] == alone.hashes["schema"]
    assert space.training_info["n_rows_train"] == alone.training_info["n_rows_train"]
    # What is remembered is the rows of all.
    assert (space.known_rows(credit()) == "whole").all()
    assert np.array_equal(child.embed(credit())[:, :16], space.embed(credit()))


def test_one_worker_has_the_bits_of_a_training_alone():
    workers = Pipes(0, 1, [])
    early = credit().drop(columns=["checking_status"])
    one = tabgraft.EmbeddingSpace.fit(early, **OPTIONS, workers=workers)
    assert one.hashes["weights"] == tabgraft.EmbeddingSpace.fit(early, **OPTIONS).hashes["weights"]


@pytest.mark.parametrize(
    ("rank", "n_workers", "part"), [(2, 2, "worker 2 is not one of 0 to 1"), (0, 0, "there are 0 workers")]
)
def test_a_rank_that_is_none_is_refused(rank, n_workers, part):
    with pytest.raises(tabgraft.OptionError, match=part):
        tabgraft.EmbeddingSpace.fit(credit(), **OPTIONS, workers=Pipes(rank, n_workers, []))


def test_a_sum_that_fails_says_so():
    class Broken(Pipes):
        def all_reduce(self, values):
            raise ConnectionError("the network is gone")

    with pytest.raises(tabgraft.TrainingError, match="the network is gone"):
        tabgraft.EmbeddingSpace.fit(credit(), **OPTIONS, workers=Broken(0, 2, []))

    class Short(Pipes):
        def all_reduce(self, values):
            return values[:0]

    with pytest.raises(tabgraft.TrainingError, match="gives 0 values"):
        tabgraft.EmbeddingSpace.fit(credit(), **OPTIONS, workers=Short(0, 2, []))


def test_weights_of_rows_need_all_rows_in_one_place():
    with pytest.raises(tabgraft.OptionError, match="rows of one worker"):
        tabgraft.EmbeddingSpace.fit(
            credit(), **OPTIONS, sample_weight=np.ones(1000), workers=Pipes(0, 1, [])
        )


def by_collective(rank, n_workers, address, results):
    from tabgraft.collective import Collective

    rows = credit().iloc[rank::n_workers]
    with Collective(rank, n_workers, address) as workers:
        space = tabgraft.EmbeddingSpace.fit(rows, **OPTIONS, workers=workers)
    results.put((rank, space.hashes["weights"]))


def test_workers_sum_through_xgboost():
    pytest.importorskip("xgboost", reason="xgboost is not installed")
    from tabgraft.collective import tracker

    context = multiprocessing.get_context("spawn")

    def weights():
        results = context.Queue()
        with tracker(2) as address:
            processes = [context.Process(target=by_collective, args=(rank, 2, address, results), daemon=True) for rank in range(2)]
            for process in processes:
                process.start()
            found = [results.get(timeout=300)[1] for _ in processes]
            for process in processes:
                process.join()
        return found

    first = weights()
    assert first[0] == first[1]
    assert weights() == first


def test_the_examples_of_the_collective_run(early):
    pytest.importorskip("xgboost", reason="xgboost is not installed")
    import doctest

    import tabgraft.collective

    done = doctest.testmod(tabgraft.collective, extraglobs={"np": np, "tabgraft": tabgraft, "early": early})
    assert done.attempted > 8 and done.failed == 0


class Failing(Pipes):
    """One worker whose states are kept, and which fails at an exchange."""

    def __init__(self, states, fails_at=None):
        super().__init__(0, 1, [])
        self.states, self.fails_at, self.n_exchanges = states, fails_at, 0

    def all_reduce(self, values):
        self.n_exchanges += 1
        if self.n_exchanges == self.fails_at:
            raise ConnectionError("the network is gone")
        return super().all_reduce(values)


class Held:
    """Keeps states in this process."""

    state = None

    def keep(self, state):
        self.state = state

    def kept(self):
        return self.state


@pytest.mark.parametrize("place", ["file", "object"])
def test_a_training_that_failed_goes_on_from_the_state_that_was_kept(place, tmp_path):
    from tabgraft.events import listening

    states = tmp_path / "training.state" if place == "file" else Held()
    has_state = states.exists if place == "file" else (lambda: states.state is not None)
    counted = Failing(states)
    whole = tabgraft.EmbeddingSpace.fit(credit(), **OPTIONS, workers=counted)
    assert not has_state()
    with pytest.raises(tabgraft.TrainingError, match="the network is gone"):
        tabgraft.EmbeddingSpace.fit(credit(), **OPTIONS, workers=Failing(states, counted.n_exchanges * 4 // 5))
    assert has_state()
    heard = []
    with listening(heard.append):
        again = tabgraft.EmbeddingSpace.fit(credit(), **OPTIONS, workers=Failing(states))
    assert again.hashes["weights"] == whole.hashes["weights"] and not has_state()
    assert {"event": "note", "text": "goes on after epoch 2 of 3"} in heard
    assert [event["info"]["epoch"] for event in heard if event["event"] == "epoch"] == [3]
    assert [e["train_loss"] for e in again.training_info["epochs"]] == [e["train_loss"] for e in whole.training_info["epochs"]]


def test_what_keeps_no_state_says_so():
    class Full(Held):
        def keep(self, state):
            raise OSError("the disk is full")

    with pytest.raises(tabgraft.TrainingError, match="cannot be kept or had: OSError: the disk is full"):
        tabgraft.EmbeddingSpace.fit(credit(), **OPTIONS, workers=Failing(Full()))
    with pytest.raises(tabgraft.FileError, match="there is no folder"):
        tabgraft.EmbeddingSpace.fit(credit(), **OPTIONS, workers=Failing("no folder/training.state"))


def test_without_xgboost_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['xgboost'] = None; from tabgraft.collective import tracker\n"
        "try: tracker(1).__enter__()\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "tabgraft[ray]" in done.stdout, done.stderr
