"""What one row costs: as a command that loads the space first, and in a Python process that has it.

German Credit's space at defaults embeds one row. Printed are the least and the median milliseconds of --rounds calls:
`tabgraft --help`, `tabgraft embed` of a table of one row, and `embed` of one row in each form that a Python program has it
in. From Rust: `just bench one_row`, which times the same call without Python, and with loading.
Wanted: 20 ms for `--help`, 50 ms for the command, 100 microseconds in a process.
"""

import argparse
import os
import statistics
import subprocess
import time

import pandas as pd
import polars as pl
import pyarrow as pa
import tabgraft

import harness

CREDIT = harness.ROOT / "fixtures" / "german_credit.csv"


def report(name: str, call, n_rounds: int) -> None:
    """The least and the median time of so many calls, after one that counts for nothing."""
    call()
    times = []
    for _ in range(n_rounds):
        began = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - began))
    print(f"{name:28} {min(times):9.3f} {statistics.median(times):9.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="calls of a command; 50 times as many in a process")
    arguments = parser.parse_args()
    harness.build()
    work = harness.Work()
    credit = pd.read_csv(CREDIT).drop(columns="default")
    row = credit.head(1)
    table, model = work.table(row, "row"), work.file("credit.tabgraft")
    work.run("train", CREDIT, "--ignore", "default", "-o", model)

    def command(*words):
        run = [str(harness.BINARY), *map(str, words)]
        return lambda: subprocess.run(run, check=True, capture_output=True)

    print(f"tabgraft {tabgraft.__version__}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'ms of a call':28} {'least':>9} {'median':>9}")
    report("command --help", command("--help"), arguments.rounds)
    report("command embed", command("embed", model, table), arguments.rounds)
    space = tabgraft.EmbeddingSpace.load(model)
    cells = row.iloc[0].to_dict()
    forms = {
        "Python, dict": [cells],
        "Python, pyarrow table": pa.Table.from_pandas(row, preserve_index=False),
        "Python, dict to pyarrow": None,
        "Python, polars frame": pl.from_pandas(row),
        "Python, pandas frame": row,
    }
    for name, form in forms.items():
        call = (lambda: space.embed(pa.Table.from_pylist([cells]))) if form is None else (lambda form=form: space.embed(form))
        report(name, call, 50 * arguments.rounds)


if __name__ == "__main__":
    main()
