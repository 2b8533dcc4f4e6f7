"""Ten columns grafted one by one: what a chain costs in quality and in embedding time, and what consolidating gives.

For each table and seed the ten most useful columns are hidden (all but three, where a table has fewer), then
grafted, the least useful first, by `extend` with its defaults. Beside the chain stand one full training on all
columns, all ten grafted at once, and the chain consolidated. Printed: the ROC AUC of a logistic regression on the
vectors, their length, the seconds of all trainings after the parent's, and the processor time of embedding a frame
against that of the full training's space. A fifth of the rows, drawn by the seed, tests every version; none is trained on.
Needs the Python package, which embeds without reading a file.
"""

import argparse
import logging
import time

import numpy as np
import pandas as pd

import harness
import tabgraft
from column_holdout import difference, most_useful

TABLES = ["german_credit", "credit_data", "titanic"]
N_LATE = 10
N_EARLY = 3
EMBED_ROWS = 20_000
EMBED_ROUNDS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="*", default=TABLES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=40, help="epochs of the parent and of full training, run exactly")
    arguments = parser.parse_args()
    if not (harness.data_dir() / "index.json").exists():
        print(f"skipped: no tables in `{harness.data_dir()}`; TABGRAFT_DATA names their folder")
        return
    logging.getLogger("tabgraft").setLevel(logging.ERROR)  # versions are given columns that they lack
    rows = []
    for name in arguments.tables:
        frame, target, y, _ = harness.load(name)
        useful = most_useful(frame.drop(columns=[target]), y, True, frame.shape[1] - 1)
        late = useful[: min(N_LATE, len(useful) - N_EARLY)][::-1]
        print(f"{name}: grafted one by one: {', '.join(late)}")
        for seed in range(arguments.seeds):
            rows += one(name, frame, target, y, late, seed, arguments.epochs)
    table = pd.DataFrame(rows)
    columns = ["probe", "d_model", "seconds", "embed"]
    print(table.groupby(["table", "version"], sort=False)[columns].mean().round(4))
    print("\nmean over tables and seeds minus full training, +- its standard error; embedding time against its")
    for version, embed in table.groupby("version", sort=False)["embed"].mean().items():
        print(f"{version:13s} {difference(table, 'probe', version, 'full')}  {embed:.2f}")


def one(name, frame, target, y, late, seed, n_epochs) -> list[dict]:
    test = np.zeros(len(frame), dtype=bool)
    test[np.random.RandomState(seed).permutation(len(frame))[: len(frame) // 5]] = True
    train = frame[~test]
    options = dict(ignore=[target], p_test=0, seed=seed, n_epochs=n_epochs, auto_epochs=False, progress=False)
    parent = tabgraft.EmbeddingSpace.fit(train.drop(columns=late), **options)
    full, full_seconds = timed(lambda: tabgraft.EmbeddingSpace.fit(train, **options))
    once, once_seconds = timed(lambda: parent.extend(train, seed=seed, progress=False))
    chain, chain_seconds = parent, 0.0
    for i in range(len(late)):
        known = train.drop(columns=late[i + 1 :])
        chain, seconds = timed(lambda: chain.extend(known, seed=seed, progress=False))
        chain_seconds += seconds
    plain, plain_seconds = timed(lambda: chain.consolidate(train, seed=seed, progress=False))
    versions = {
        "parent": (parent, 0.0),
        "full": (full, full_seconds),
        "at once": (once, once_seconds),
        "chain": (chain, chain_seconds),
        "consolidated": (plain, chain_seconds + plain_seconds),
    }
    many = frame.iloc[np.arange(EMBED_ROWS) % len(frame)].drop(columns=[target])
    seconds = embed_seconds([space for space, _ in versions.values()], many)
    rows = []
    for (version, (space, training)), embedding in zip(versions.items(), seconds):
        probe = harness.probe(space.embed(train), y[~test], space.embed(frame[test]), y[test])
        rows.append(
            dict(table=name, seed=seed, version=version, probe=probe, d_model=space.d_model, seconds=training,
                 embed=embedding / seconds[1])
        )
        print(f"  seed {seed} {version:13s} probe {probe:.4f}  {space.d_model} coordinates  {training:6.2f} s  "
              f"embed {1e3 * embedding:.0f} ms", flush=True)
    return rows


def timed(work):
    begin = time.perf_counter()
    made = work()
    return made, time.perf_counter() - begin


def embed_seconds(spaces, frame) -> list[float]:
    """Least processor seconds of a call by space; they take turns, so that a busy machine is fair to all."""
    least = [float("inf")] * len(spaces)
    for _ in range(EMBED_ROUNDS):
        for i, space in enumerate(spaces):
            begin = time.process_time()
            space.embed(frame)
            least[i] = min(least[i], time.process_time() - begin)
    return least


if __name__ == "__main__":
    main()
