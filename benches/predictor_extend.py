"""A predictor grown after a frozen graft of the three most useful columns, against one fitted from nothing.

For each table and seed: a space and a predictor without the three columns that small boosted trees use most, the
frozen graft of these columns, and then a predictor on the child: grown from the old one, or fitted from
nothing, both with their defaults. Scores are ROC AUC for two classes, R2 for numbers, on a fifth of the rows, drawn by
the seed, that nothing was trained on. Seconds are processor time of the whole command, its reading and writing included.

Wanted: grown in at most a fifth of the time of one fitted from nothing, with a score within noise of its own.
"""

import argparse
import resource

import numpy as np
import pandas as pd

import harness
from column_holdout import TABLES, most_useful


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="*", default=TABLES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--mode", default="frozen", choices=["frozen", "anchored", "joint"])
    parser.add_argument("--csv", help="a file for the single results; those that it has are not computed again")
    arguments = parser.parse_args()
    harness.build()
    rows = []
    if arguments.csv:
        try:
            rows = pd.read_csv(arguments.csv).to_dict("records")
        except FileNotFoundError:
            pass
    done = {(row["table"], row["seed"]) for row in rows}
    for name in arguments.tables:
        frame, target, y, meta = harness.load(name)
        is_class = meta["task"] == "binary"
        late = most_useful(frame.drop(columns=[target]), y, is_class, 3)
        for seed in range(arguments.seeds):
            if (name, seed) not in done:
                rows.append(one(name, frame, target, is_class, late, seed, arguments.mode))
                show(rows[-1])
                if arguments.csv:
                    pd.DataFrame(rows).to_csv(arguments.csv, index=False)
    report(pd.DataFrame(rows))


def one(name, frame, target, is_class, late, seed, mode) -> dict:
    work = harness.Work()
    test = np.zeros(len(frame), dtype=bool)
    test[np.random.RandomState(seed).permutation(len(frame))[: len(frame) // 5]] = True
    learn, held = frame[~test], frame[test]
    tables = {
        "early": work.table(learn.drop(columns=late), "early"),
        "all": work.table(learn, "all"),
        "test": work.table(held, "test"),
    }
    common = ["--seed", seed]
    v1, v2 = work.file("v1.tabgraft"), work.file("v2.tabgraft")
    old, grown, fresh = (work.file(f"{p}.tabgraft") for p in ["old", "grown", "fresh"])
    work.run("train", tables["early"], "--ignore", target, "--p-test", 0, *common, "--split-seed", seed, "-o", v1)
    work.run("predictor", v1, tables["early"], "--target", target, *common, "-o", old)
    row = dict(table=name, seed=seed)
    _, row["graft_seconds"] = timed(work, "extend", v1, tables["all"], "--mode", mode, *common, "-o", v2)
    report, row["grown_seconds"] = timed(work, "grow", old, v2, tables["all"], *common, "-o", grown)
    row["shares"] = " ".join(f"{share:.2f}" for share in report["growth"]["shares"])
    _, row["fresh_seconds"] = timed(work, "predictor", v2, tables["all"], "--target", target, *common, "-o", fresh)
    metric = "roc_auc" if is_class else "r2"
    for version, file in [("old", old), ("grown", grown), ("fresh", fresh)]:
        row[version] = harness.score(work.run("evaluate", file, tables["test"], "--rows", "all"), metric)
    return row


def timed(work, *command) -> tuple[dict, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = work.run(*command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return report, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show(row: dict) -> None:
    print(f"{row['table']:14s} seed {row['seed']} old {row['old']:.4f} grown {row['grown']:.4f} fresh {row['fresh']:.4f}  "
          f"grown {row['grown_seconds']:6.2f} s fresh {row['fresh_seconds']:6.2f} s, shares {row['shares']}", flush=True)


def report(table: pd.DataFrame) -> None:
    table["difference"] = table["grown"] - table["fresh"]
    table["gain"] = table["grown"] - table["old"]
    table["part"] = table["grown_seconds"] / table["fresh_seconds"]
    means = table.groupby("table", sort=False)[["old", "grown", "fresh", "difference", "part"]].mean()
    print("\nmeans over the seeds\n" + means.round(4).to_string())
    d = table["difference"]
    error = d.std(ddof=1) / len(d) ** 0.5
    print(f"\ngrown minus fitted from nothing: {d.mean():+.4f} +- {error:.4f}, ahead on {(d > 0).sum()} of {len(d)}; "
          f"grown minus old: {table['gain'].mean():+.4f}")
    part = float(np.exp(np.log(table["part"]).mean()))
    print(f"processor time: {part:.3f} of one fitted from nothing (geometric mean), at most {table['part'].max():.3f}")


if __name__ == "__main__":
    main()
