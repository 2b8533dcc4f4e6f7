"""A process that has loaded, trained and embedded may fork: the child works, and with the same bits."""

import multiprocessing
import os
import signal
import threading

import numpy as np
import pytest
import tabgraft

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

#: Seconds after which a child is taken for hanging.
PATIENCE = 120


@pytest.fixture(scope="module")
def used():
    """A space and a predictor that this process has used, with all its threads."""
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(3000, 6))
    target = (cells[:, 0] > 0).astype(int)
    space = tabgraft.EmbeddingSpace.fit(cells, n_epochs=2, d_model=16, progress=False)
    predictor = tabgraft.Predictor.fit(space, cells, target, n_epochs=3, n_networks=2, progress=False)
    return cells, target, space, predictor, space.embed(cells), predictor.predict(cells)


def in_child(work):
    """Runs work in a forked child, and gives what it returns; fails if the child hangs or dies."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sender.send(work()))
    child.start()
    if not receiver.poll(PATIENCE):
        os.kill(child.pid, signal.SIGKILL)
        pytest.fail("the forked child hangs")
    try:
        found = receiver.recv()
    except EOFError:
        pytest.fail(f"the forked child ended with {child.exitcode}")
    child.join(PATIENCE)
    assert child.exitcode == 0
    return found


def test_a_forked_child_embeds_one_row_and_many_with_the_same_bits(used):
    cells, _, space, _, vectors, _ = used
    assert in_child(lambda: np.array_equal(space.embed(cells[:1]), vectors[:1]))
    assert in_child(lambda: np.array_equal(space.embed(cells), vectors))


def test_a_forked_child_predicts_with_the_same_bits(used):
    cells, _, _, predictor, _, predictions = used
    assert in_child(lambda: np.array_equal(predictor.predict(cells).values, predictions.values))


def test_a_forked_child_fits_what_its_parent_fits(used):
    cells, target, space, _, vectors, predictions = used

    def fits():
        own = tabgraft.EmbeddingSpace.fit(cells, n_epochs=2, d_model=16, progress=False)
        judge = tabgraft.Predictor.fit(own, cells, target, n_epochs=3, n_networks=2, progress=False)
        same = np.array_equal(own.embed(cells), vectors)
        return same and np.array_equal(judge.predict(cells).values, predictions.values)

    assert in_child(fits)


def test_a_child_of_a_child_works_and_the_parent_goes_on(used):
    cells, _, space, _, vectors, _ = used
    assert in_child(lambda: in_child(lambda: np.array_equal(space.embed(cells), vectors)))
    assert np.array_equal(space.embed(cells), vectors)


def test_a_fork_while_other_threads_work_leaves_a_child_that_works(used):
    cells, _, space, _, vectors, _ = used
    stop = threading.Event()

    def keep_busy():
        while not stop.is_set():
            space.embed(cells)

    threads = [threading.Thread(target=keep_busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert all(in_child(lambda: np.array_equal(space.embed(cells), vectors)) for _ in range(5))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
