"""A data set that does not fit: training, graft, predictor, embedding and predicting under a limit of memory.

Makes a Parquet data set of many files on the spot (--size, 200MB by default; 10GB is the goal's), runs each command under
--memory-limit, prints its peak memory, processor and wall seconds, and removes everything. The columns are those of
`synth_scale.py`; the graft reads a second data set, of the same rows with two more columns. With --apply-share 0.1, `embed`,
`predict` and `apply` go through a tenth of the files: their memory does not depend on how many there are, their time does.
Exits with 1 where a peak is more than a tenth above the limit.
"""

import argparse
import json
import pathlib
import shutil
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import harness

#: Columns that come later.
LATE = ["debt", "channel"]
ROWS_PER_FILE = 1_000_000
MERCHANTS = pa.array([f"m{i:05d}" for i in range(20_000)])
REGIONS = pa.array([f"r{i:02d}" for i in range(50)])
CHANNELS = pa.array(["web", "branch", "phone", "agent"])
UNITS = {"MB": 1e6, "GB": 1e9}


def n_bytes(text: str) -> int:
    """`200MB` or `10GB` in bytes."""
    return int(float(text[:-2]) * UNITS[text[-2:].upper()])


def table(n: int, seed: int) -> pa.Table:
    """Rows of the synthetic credit table."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 75, n)
    income = np.exp(rng.normal(10.4, 0.55, n) + 0.008 * (age - 18))
    debt = income * rng.beta(2, 5, n) * 2
    duration = rng.choice([6, 12, 18, 24, 36, 48, 60], n)
    amount = np.exp(rng.normal(8, 0.8, n))
    region, merchant = rng.integers(0, 50, n), rng.zipf(1.3, n) % 20_000
    channel, day = rng.integers(0, 4, n), rng.integers(0, 1460, n)
    z = -1.4 + 1.4 * np.tanh(2 * (debt / income - 0.6)) + 0.9 * (age < 25)
    z += 0.8 * np.clip(np.log(amount / duration / (income / 12)) + 1.5, -2, 2)
    z += 0.7 * np.sin(region) + 0.7 * ((channel == 3) & (duration >= 36))
    columns = {
        "applied": pa.array(np.datetime64("2021-01-01") + day.astype("timedelta64[D]")),
        "age": age,
        "income": pa.array(income.round(0), mask=rng.random(n) < 0.06),
        "debt": pa.array(debt.round(0), mask=rng.random(n) < 0.1),
        "duration": duration,
        "amount": amount.round(0),
        "region": REGIONS.take(pa.array(region)),
        "merchant": MERCHANTS.take(pa.array(merchant)),
        "channel": CHANNELS.take(pa.array(channel)),
        **{f"noise{i}": rng.normal(size=n).round(6) for i in range(6)},
        "default": (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int),
    }
    return pa.table(columns)


def make(folder: pathlib.Path, size: int) -> tuple[int, int]:
    """Writes `early` and `enriched` below a folder until the first has so many bytes; rows and files of each."""
    early, enriched = folder / "early", folder / "enriched"
    early.mkdir()
    enriched.mkdir()
    written = n_rows = n_files = 0
    rows_per_file = min(ROWS_PER_FILE, max(size // 1000, 10_000))
    while written < size:
        part = table(rows_per_file, n_files)
        name = f"part-{n_files:05d}.parquet"
        pq.write_table(part.drop_columns(LATE), early / name)
        pq.write_table(part, enriched / name)
        written += (early / name).stat().st_size
        n_rows, n_files = n_rows + rows_per_file, n_files + 1
    return n_rows, n_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=n_bytes, default=n_bytes("200MB"), help="of the first data set, such as 10GB")
    parser.add_argument("--memory-limit", default="1GB")
    parser.add_argument("--apply-share", type=float, default=1.0)
    parser.add_argument("--folder", help="where the data set is made [default: a temporary folder]")
    arguments = parser.parse_args()
    harness.build()
    work = harness.Work(arguments.folder)
    began = time.perf_counter()
    n_rows, n_files = make(work.path, arguments.size)
    print(f"{n_rows} rows in {n_files} files, made in {time.perf_counter() - began:.0f} s", flush=True)
    early, enriched = work.path / "early", work.path / "enriched"
    some = work.path / "some"
    some.mkdir()
    for file in sorted(enriched.iterdir())[: max(1, round(arguments.apply_share * n_files))]:
        (some / file.name).hardlink_to(file)
    limit = ["--memory-limit", arguments.memory_limit]
    v1, v2, predictor = (work.file(f"{name}.tabgraft") for name in ["v1", "v2", "predictor"])
    features = work.path / "features.json"
    features.write_text(json.dumps({"format_version": 1, "features": [
        {"name": "monthly", "definition": {"kind": "formula", "formula": "amount / duration"}}]}))
    commands = {
        "train": ["train", early, "--ignore", "default", "-o", v1, *limit],
        "extend": ["extend", v1, enriched, "-o", v2, *limit],
        "predictor": ["predictor", v2, enriched, "--target", "default", "-o", predictor, *limit],
        "evaluate": ["evaluate", predictor, enriched, *limit],
        "embed": ["embed", v2, some, "-o", "/dev/null"],
        "predict": ["predict", predictor, some, "-o", work.file("predictions.parquet")],
        "apply": ["apply", features, some, "-o", work.file("enriched.parquet")],
    }
    most = 1.1 * n_bytes(arguments.memory_limit) / 1e6
    above = []
    for name, command in commands.items():
        found = harness.measured(*command)
        peak = found["mb"] * 1.048576
        print(f"{name:10s} peak {peak:6.0f} MB, processor {found['cpu']:7.1f} s, wall {found['wall']:7.1f} s"
              f"{told(name, found['report'])}", flush=True)
        if peak > most:
            above.append(name)
    shutil.rmtree(work.path, ignore_errors=True)
    if above:
        sys.exit(f"more than {most:.0f} MB: {', '.join(above)}")


def told(name: str, report: dict) -> str:
    """What a report says of quality."""
    if name in ("train", "extend"):
        training = report["training"]
        return f", loss {training['final_validation_loss']:.4f}, {training['n_rows_train']} rows to learn from"
    if name in ("predictor", "evaluate"):
        scores = report["fit"]["scores"] if name == "predictor" else report["scores"]
        found = next(score for score in scores if score["metric"] == "roc_auc")
        return f", ROC AUC {found['value']:.4f} of {found['n']} rows"
    return ""


if __name__ == "__main__":
    main()
