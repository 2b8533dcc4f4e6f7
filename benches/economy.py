"""What a graft saves of whole commands, at defaults: from the start of the program to the file on disk.

Prints processor and wall seconds, peak memory and scores of a first training, of retraining on all columns, of a graft
in each mode, and of embedding the table to Parquet; and how many times less processor time than retraining a graft
takes: of the whole command, and of the training inside it (by the seconds that the report gives). Tables are those of `synth_scale.py` in two shapes, 13
columns and 2 that come later, and 30 and 2, and eight shared tables whose three most useful columns come later. A
fifth of the rows, or 20,000 of them, tests every version; none of them is trained on. The score is that of a linear
model on the vectors (ROC AUC, or R2 of numbers); with --predictors that of a predictor too. Each command runs
--repeats times and the least processor time counts, as what else runs on the machine only adds; scores are of the
first run of each seed.
"""

import argparse
import subprocess
import sys

import numpy as np
import pandas as pd

import column_holdout
import harness

MODES = ["frozen", "anchored", "joint"]
ROWS = [1_000, 10_000, 100_000]
MANY_ROWS = 1_000_000
#: Columns that come later in each shape, and the number of columns before.
LATE = ["debt", "channel"]
SHAPES = [13, 30]
TARGET = "default"
#: Most rows that score a version, and that a linear model learns from.
TEST_ROWS, PROBE_ROWS = 20_000, 20_000
SYNTHETIC = harness.ROOT / "target" / "economy" / "synthetic.parquet"


def synthetic(n_rows: int, n_early: int) -> pd.DataFrame:
    """The first rows of the synthetic table, with so many columns before those that come late."""
    if not SYNTHETIC.exists():
        SYNTHETIC.parent.mkdir(parents=True, exist_ok=True)
        script = harness.ROOT / "benches" / "synth_scale.py"
        subprocess.run([sys.executable, script, SYNTHETIC, str(MANY_ROWS)], check=True)
    frame = pd.read_parquet(SYNTHETIC).head(n_rows)
    random = np.random.default_rng(n_early)
    sources = ["age", "income", "amount", "duration"]
    while frame.shape[1] - 1 - len(LATE) < n_early:
        i = frame.shape[1]
        source = frame[sources[i % len(sources)]].astype(float)
        shifted = (source * random.lognormal(0, 0.5, n_rows)).round(1)
        # Numbers and categories in turn, as the tables of banks have them.
        frame[f"more{i}"] = shifted if i % 3 else pd.qcut(shifted, 12, labels=False, duplicates="drop").map("q{}".format)
    return frame


def commands(early: str, full: str, parent: str, child: str, seed: int, split) -> dict:
    """The commands by version: arguments, and the file that they leave."""
    found = {
        "first": ("train", early, *split, "--seed", seed, "-o", parent),
        "retrained": ("train", full, *split, "--seed", seed, "-o", child),
    }
    return found | {mode: ("extend", parent, full, "--mode", mode, "--seed", seed, "-o", child) for mode in MODES}


def one(name, frame, target, y, late, seed, arguments) -> list[dict]:
    """Every version on one table with one seed."""
    work, random = harness.Work(), np.random.default_rng(seed)
    order = random.permutation(len(frame))
    n_test = min(len(frame) // 5, TEST_ROWS)
    train, test = frame.iloc[np.sort(order[n_test:])], frame.iloc[np.sort(order[:n_test])]
    y_train, y_test = y[np.sort(order[n_test:])], y[np.sort(order[:n_test])]
    full, early = work.table(train, "full"), work.table(train.drop(columns=late), "early")
    sample = np.sort(random.permutation(len(train))[:PROBE_ROWS])
    probed, tested = work.table(train.iloc[sample], "probed"), work.table(test, "tested")
    parent, child = work.file("parent.tabgraft"), work.file("child.tabgraft")
    results = []
    for version, command in commands(early, full, parent, child, seed, ["--ignore", target, "--p-test", 0]).items():
        runs = [harness.measured(*command) for _ in range(arguments.repeats)]
        best = min(runs, key=lambda run: run["cpu"])
        space = parent if version == "first" else child
        result = {"table": name, "seed": seed, "version": version, "cpu": best["cpu"], "wall": best["wall"],
                  "mb": max(run["mb"] for run in runs), "training": best["report"]["training"]["seconds"]}
        if not arguments.no_scores:
            result["probe"] = harness.probe(work.embed(space, probed), y_train[sample], work.embed(space, tested), y_test)
        if arguments.predictors:
            predictor = work.file("predictor")
            work.run("predictor", space, full, "--target", target, "--seed", seed, "-o", predictor)
            scores = work.run("evaluate", predictor, tested, "--rows", "all")
            metric = "roc_auc" if y.dtype.kind == "i" else "r2"
            result["predictor"] = harness.score(scores, metric)
        results.append(result)
        print(f"{name:16s} seed {seed} {version:10s} {result['cpu']:7.2f} s processor {result['wall']:7.2f} s wall "
              f"{result['training']:7.2f} s training {result['mb']:6.0f} MB  "
              + " ".join(f"{k} {result[k]:.4f}" for k in ("probe", "predictor") if k in result), flush=True)
    embedded = harness.measured("embed", child, full, "-o", work.file("vectors.parquet"))
    results.append({"table": name, "seed": seed, "version": "embed", **{k: embedded[k] for k in ("cpu", "wall", "mb")}})
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=ROWS, help="rows of the synthetic tables")
    parser.add_argument("--large", action="store_true", help=f"{MANY_ROWS:,} rows too")
    parser.add_argument("--shapes", type=int, nargs="*", default=SHAPES, help="columns that are there first")
    parser.add_argument("--tables", nargs="*", default=column_holdout.TABLES, help="shared tables")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--no-scores", action="store_true")
    parser.add_argument("--predictors", action="store_true", help="fit a predictor on every version too")
    parser.add_argument("--csv", help="a file for the single results")
    arguments = parser.parse_args()
    harness.build()
    found = []

    def take(name, frame, target, y, late):
        for seed in range(arguments.seeds):
            found.extend(one(name, frame, target, y, late, seed, arguments))
            if arguments.csv:
                pd.DataFrame(found).to_csv(arguments.csv, index=False)

    for n_early in arguments.shapes:
        for n_rows in arguments.rows + [MANY_ROWS] * arguments.large:
            frame = synthetic(n_rows, n_early)
            take(f"{n_rows:,} x {n_early}+{len(LATE)}", frame, TARGET, frame[TARGET].to_numpy(int), LATE)
    for name in arguments.tables:
        frame, target, y, meta = harness.load(name)
        late = column_holdout.most_useful(frame.drop(columns=[target]), y, meta["task"] == "binary", 3)
        take(name, frame, target, y, late)
    report(pd.DataFrame(found))


def report(found: pd.DataFrame) -> None:
    """One line for each table: means, ratios to retraining, differences of scores."""
    scores = [column for column in ("probe", "predictor") if column in found]
    print("\nprocessor seconds of the whole command; in brackets how many times less than retraining, and of the")
    print("training alone by its wall seconds")
    names = list(found["table"].unique())
    mean = found.groupby(["table", "version"])[["cpu", "training", "mb", "wall"]].mean()
    print(f"{'table':18s} {'first':>8s} {'retrained':>9s} " + " ".join(f"{mode:>22s}" for mode in MODES))
    for name in names:
        cpu, training = mean.loc[name]["cpu"], mean.loc[name]["training"]
        of = [f"{cpu[m]:7.2f} ({cpu['retrained'] / cpu[m]:4.1f}, {training['retrained'] / training[m]:5.1f})" for m in MODES]
        print(f"{name:18s} {cpu['first']:8.2f} {cpu['retrained']:9.2f} " + " ".join(f"{text:>22s}" for text in of))
    print("\npeak memory, MB")
    for name in names:
        print(f"{name:18s} " + " ".join(f"{version} {mean.loc[name]['mb'][version]:.0f}"
                                        for version in ["first", "retrained", *MODES, "embed"]))
    for score in scores:
        print(f"\n{score}: minus that of retraining, paired by table and seed, +- standard error")
        for version in [*MODES, "first"]:
            of_tables = [f"{name} {column_holdout.difference(found[found['table'] == name], score, version, 'retrained')}"
                         for name in names]
            print(f"{version:10s} all {column_holdout.difference(found, score, version, 'retrained')}")
            print("           " + "; ".join(text.split(" (")[0] for text in of_tables))


if __name__ == "__main__":
    main()
