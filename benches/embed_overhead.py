"""What calling `embed` from Python costs on 100,000 rows, beside the embedding itself.

German Credit's rows are resampled and their numbers made noisy. `embed` has two phases: the frame
becomes a table, and Rust embeds the table. `column_report` does the first phase and then compares
names only, so its time is the conversion's, and the rest of `embed` is Rust's. The overhead is
conversion / (embed - conversion).

The two calls are timed in turn, for every form of the same rows, in several rounds, and medians are
printed: of wall time, and of the processor time of all threads, which other work on the machine
disturbs less. The embedding runs on all cores and the conversion mostly on one, so the overhead in
wall time is the larger one on an idle machine. Then each kind of column is converted alone. What one row costs: `one_row.py`.
"""

import argparse
import os
import pathlib
import platform
import statistics
import time

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import tabgraft

CREDIT = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "german_credit.csv"
NUMBERS = ["duration", "credit_amount", "age"]


def resampled(frame: pd.DataFrame, n_rows: int, seed: int) -> pd.DataFrame:
    """Rows drawn with replacement; amounts get noise, and a twentieth of them are missing."""
    rng = np.random.default_rng(seed)
    frame = frame.sample(n_rows, replace=True, random_state=seed).reset_index(drop=True)
    for column in NUMBERS:
        noisy = frame[column] * rng.uniform(0.9, 1.1, n_rows)
        frame[column] = noisy.where(rng.random(n_rows) > 0.05)
    return frame


def forms(credit: pd.DataFrame, n_rows: int) -> dict[str, object]:
    """The same rows in every type that a user would hold them in."""
    text = [c for c in credit if not pd.api.types.is_numeric_dtype(credit[c])]
    frame = resampled(credit, n_rows, seed=0)
    # Drawn from objects, as readers leave them: equal rows share one object.
    objects = resampled(credit.astype(dict.fromkeys(text, object)), n_rows, seed=0)
    return {
        f"pandas, text as {frame[text[0]].dtype}": frame,
        "pandas, text as object": objects,
        "pandas, text as category": frame.astype(dict.fromkeys(text, "category")),
        "pyarrow table": pa.Table.from_pandas(frame, preserve_index=False),
        "polars frame": pl.from_pandas(frame),
    }


def timed(work, *arguments) -> tuple[float, float]:
    """Seconds on the clock, seconds of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    work(*arguments)
    return time.perf_counter() - wall, time.process_time() - cpu


def milliseconds(work, n_rounds: int) -> float:
    return 1000 * statistics.median(timed(work)[0] for _ in range(n_rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    credit = pd.read_csv(CREDIT).drop(columns="default")
    space = tabgraft.EmbeddingSpace.fit(credit, progress=False)
    tables = forms(credit, arguments.rows)
    expected = space.embed(tables["polars frame"])
    for name, table in tables.items():
        assert np.array_equal(space.embed(table), expected), name

    measured = {name: [] for name in tables}
    for _ in range(arguments.rounds):
        for name, table in tables.items():
            measured[name].append((*timed(space.column_report, table), *timed(space.embed, table)))

    print(
        f"tabgraft {tabgraft.__version__}, pandas {pd.__version__}, pyarrow {pa.__version__}, polars {pl.__version__}, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{arguments.rows:,} rows, {credit.shape[1]} columns, {arguments.rounds} rounds; medians, seconds")
    print(f"{'':26}  {'wall time':^29}  {'processor time':^29}")
    heads = f"{'convert':>8}  {'Rust':>7}  {'overhead':>8}"
    print(f"{'form':26}  {heads}    {heads}")
    for name, rounds in measured.items():
        cells = []
        for i in range(2):
            convert = statistics.median(of[i] for of in rounds)
            rust = statistics.median(of[2 + i] - of[i] for of in rounds)
            cells.append(f"{convert:8.4f}  {rust:7.3f}  {convert / rust:8.1%}")
        print(f"{name:26}  {'    '.join(cells)}")

    print("\nconversion by kind of column, median ms for one column")
    print(f"{'form':26}  {'dtype':10}  {'columns':>7}  {'convert':>8}  {'pyarrow alone':>13}")
    for name, table in tables.items():
        if not isinstance(table, pd.DataFrame):
            continue
        for kind, columns in table.columns.groupby(table.dtypes.astype(str)).items():
            part = table[list(columns)]
            convert = milliseconds(lambda: space.column_report(part), arguments.rounds) / len(columns)
            arrow = milliseconds(lambda: pa.Table.from_pandas(part, preserve_index=False), arguments.rounds)
            print(f"{name:26}  {kind:10}  {len(columns):7}  {convert:8.2f}  {arrow / len(columns):13.2f}")


if __name__ == "__main__":
    main()
