"""Size and seconds of the pages of a space and of a predictor, with a table of 1,000,000 rows x 100 columns.

The table is made on the spot: 80 numbers, 20 categories and a target of two classes that 10 of them tell. Space and
predictor learn from its first rows. Each page is made from a frame that is in memory, which is what the report itself
takes, and by the command from a Parquet file, reading included. Wanted are 1 MB at most and about 2 seconds.
"""

import argparse
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import harness
import tabgraft

MOST_BYTES, WANTED_S = 1_000_000, 2.0


def made(n_rows: int, n_columns: int) -> pa.Table:
    """A table in which every tenth number tells a part of the target."""
    rng = np.random.default_rng(0)
    n_numbers = n_columns * 4 // 5
    columns = {f"number {i}": rng.standard_normal(n_rows).astype("float32") for i in range(n_numbers)}
    signal = sum(columns[f"number {i}"] for i in range(0, n_numbers, 10))
    words = np.array([f"word {i}" for i in range(12)])
    columns |= {f"category {i}": words[rng.integers(0, 12, n_rows)] for i in range(n_columns - n_numbers)}
    columns["target"] = np.where(signal + rng.standard_normal(n_rows) > 0, "yes", "no")
    return pa.table(columns)


def timed(work):
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--learned", type=int, default=4000, help="rows that space and predictor learn from")
    arguments = parser.parse_args()
    harness.build()
    table = made(arguments.rows, arguments.columns)
    learned = table.slice(0, arguments.learned)
    quick = {"progress": False, "n_epochs": 3}
    space = tabgraft.EmbeddingSpace.fit(learned, ignore=["target"], name="space", **quick)
    predictor = tabgraft.Predictor.fit(space, learned, "target", n_networks=2, **quick)
    print(f"{arguments.rows} rows x {arguments.columns} columns")
    print(f"{'page of':12}{'from':>12}{'seconds':>10}{'kB':>8}")
    fits = True
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pq.write_table(table, folder / "table.parquet")
        for what, model in (("space", space), ("predictor", predictor)):
            model.save(folder / what)
            page, seconds = timed(lambda model=model: model.report(table, progress=False).html)
            size = len(page.encode())
            print(f"{what:12}{'memory':>12}{seconds:>10.2f}{size / 1e3:>8.0f}")
            command = [harness.BINARY, "--quiet", "report", folder / what, folder / "table.parquet", "-o", folder / "p.html"]
            _, read = timed(lambda command=command: subprocess.run(command, check=True))
            size = max(size, (folder / "p.html").stat().st_size)
            print(f"{what:12}{'Parquet':>12}{read:>10.2f}{size / 1e3:>8.0f}")
            fits &= size <= MOST_BYTES and seconds <= WANTED_S
    print(f"at most {MOST_BYTES / 1e6:.0f} MB and {WANTED_S:.0f} s from memory: {'yes' if fits else 'no'}")


if __name__ == "__main__":
    main()
