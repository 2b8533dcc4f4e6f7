"""A training shared by workers: seconds of its parts, bytes of a step, the loss beside that of one process.

1, 2 and 3 processes train on the rows of the generator, each on its share, and sum through xgboost.collective. On a machine of few cores
no gain in speed is to be expected: what is measured is what sharing costs. From the figures follows what many machines would
take, on paper, with the assumptions in the output. Needs the package installed, with numpy, pandas, pyarrow and xgboost.

    python3 benches/distributed.py --rows 1000000
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


class Timed:
    """Workers whose sums are timed."""

    def __init__(self, workers):
        self.workers, self.rank, self.n_workers = workers, workers.rank, workers.n_workers
        self.seconds, self.n_sums, self.n_bytes, self.largest = 0.0, 0, 0, 0

    def all_reduce(self, values):
        start = time.perf_counter()
        summed = self.workers.all_reduce(values)
        self.seconds += time.perf_counter() - start
        self.n_sums += 1
        self.n_bytes += values.nbytes
        self.largest = max(self.largest, values.nbytes)
        return summed


class States:
    """Takes the state of a training after every epoch, and counts."""

    def __init__(self):
        self.n_bytes = []

    def keep(self, state):
        self.n_bytes += [] if state is None else [len(state)]

    def kept(self):
        return None


def work(rank, n_workers, address, path, epochs, states, results):
    import pyarrow.parquet as parquet

    import tabgraft
    from tabgraft.collective import Collective

    start = time.perf_counter()
    table = parquet.read_table(path)
    table = table.take(np.arange(rank, table.num_rows, n_workers))
    read = time.perf_counter() - start
    with Collective(rank, n_workers, address) as collective:
        timed = Timed(collective)
        timed.states = States() if states else None
        start, used = time.perf_counter(), time.process_time()
        space = tabgraft.EmbeddingSpace.fit(table, n_epochs=epochs, workers=timed, progress=False)
        seconds, used = time.perf_counter() - start, time.process_time() - used
    info = space.training_info
    results.put(
        {
            "rank": rank,
            "read": read,
            "seconds": seconds,
            "cpu": used,
            "sum": timed.seconds,
            "n_sums": timed.n_sums,
            "bytes": timed.n_bytes,
            "state_bytes": timed.states.n_bytes if states else [],
            "step_bytes": 4 * (info["n_weights"] + 16),
            "n_weights": info["n_weights"],
            "n_rows": info["n_rows_train"],
            "epochs": len(info["epochs"]),
            "training": info["stages"]["training"],
            "loss": info["final_validation_loss"],
            "weights": space.hashes["weights"],
            "n_steps": len(info["epochs"]) * -(-info["n_rows_epoch"] * n_workers // space.batch_size),
        }
    )


def trained(n_workers, path, epochs, states):
    from tabgraft.collective import tracker

    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    with tracker(n_workers) as address:
        started = [
            context.Process(target=work, args=(rank, n_workers, address, path, epochs, states, results))
            for rank in range(n_workers)
        ]
        for process in started:
            process.start()
        found = sorted((results.get() for _ in started), key=lambda result: result["rank"])
        for process in started:
            process.join()
    assert len({result["weights"] for result in found}) == 1
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=None, help="default: as many as a training of so many rows has")
    parser.add_argument("--states", action="store_true", help="take the state after every epoch, for a training to go on from")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        subprocess.run([sys.executable, HERE / "synth_scale.py", path, str(arguments.rows)], check=True)
        print(f"{arguments.rows:,} rows, {os.cpu_count()} cores, one thread a worker")
        print("workers  seconds  training  sums  share  cpu s   sums/step  MB/step  loss")
        all_found = {}
        for n_workers in arguments.workers:
            found = trained(n_workers, path, arguments.epochs, arguments.states)
            all_found[n_workers] = found
            first = found[0]
            cpu = sum(result["cpu"] for result in found)
            sums = max(result["sum"] for result in found)
            print(
                f"{n_workers:7d}  {first['seconds']:7.1f}  {first['training']:8.1f}  {sums:4.1f}"
                f"  {sums / first['seconds']:5.0%}  {cpu:5.1f}  {first['n_sums'] / first['n_steps']:9.1f}"
                f"  {first['step_bytes'] / 1e6:7.2f}  {first['loss']:.4f}"
            )
            if arguments.states:
                print(f"         {len(first['state_bytes'])} states of {max(first['state_bytes']) / 1e6:.1f} MB")
    on_paper(all_found[arguments.workers[0]][0])
    if arguments.json:
        arguments.json.write_text(json.dumps(all_found, indent=1))


def on_paper(one):
    """The time of tables that no machine here holds, from what one worker took."""
    steps, rows = one["n_steps"], one["n_rows"]
    per_step = one["training"] / steps
    statistics = (one["seconds"] - one["training"]) / rows
    print(
        "\nOn paper, for the same columns. Assumed: each worker has one core like this one's; a step has as many rows for each"
        f"\nworker as here ({per_step * 1e3:.1f} ms); as many steps ({steps}) as here, for a training is dosed in steps; a network of 10 Gbit/s and"
        "\n100 us, and a ring that carries each byte twice; statistics and coding grow with a worker's rows."
    )
    print("rows         workers  statistics  steps  sums  all")
    for n_rows in (10**8, 10**9):
        for n_workers in (16, 64):
            share = statistics * n_rows / n_workers
            compute = per_step * steps
            ring = 2 * (n_workers - 1) / n_workers * one["step_bytes"] / 1.25e9 + 2 * (n_workers - 1) * 1e-4
            print(
                f"{n_rows:>12,}  {n_workers:6d}  {share:8.0f} s  {compute:3.0f} s  {ring * steps:3.0f} s  {share + compute + ring * steps:4.0f} s"
            )


if __name__ == "__main__":
    main()
