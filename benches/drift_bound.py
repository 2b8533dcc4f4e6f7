"""What an anchored graft's bound costs: drift and quality by bound, between frozen and joint.

The three most useful columns of a table are hidden and then grafted, as in column_holdout.py. For
each bound prints the drift that was measured on validation rows, the share of trained weights that
was kept, and the AUC of a logistic probe on z, minus that of the parent with the same seed.
"""

import argparse

import numpy as np
import pandas as pd

import harness
from column_holdout import most_useful

TABLES = ["german_credit", "credit_data", "telco_churn"]
BOUNDS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="*", default=TABLES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=40, help="epochs of the parent, run exactly")
    arguments = parser.parse_args()
    harness.build()
    rows = []
    for name in arguments.tables:
        frame, target, y, _ = harness.load(name)
        late = most_useful(frame.drop(columns=[target]), y, True, 3)
        for seed in range(arguments.seeds):
            rows += one(name, frame, target, y, late, seed, arguments.epochs)
    table = pd.DataFrame(rows)
    columns = ["drift", "kept", "gain", "seconds"]
    for name, part in [*table.groupby("table", sort=False), ("all", table)]:
        print(f"\n{name}")
        print(part.groupby("version", sort=False)[columns].mean().round(4).to_string())


def one(name, frame, target, y, late, seed, epochs) -> list[dict]:
    work, rows = harness.Work(), []
    test = np.zeros(len(frame), dtype=bool)
    test[np.random.RandomState(seed).permutation(len(frame))[: len(frame) // 5]] = True
    files = [work.table(frame[part], f"all{i}") for i, part in enumerate([~test, test])]
    early = work.table(frame[~test].drop(columns=late), "early")
    common = ["--ignore", target, "--p-test", 0, "--seed", seed, "--split-seed", seed, "--exact-epochs"]
    parent = work.file("parent.tabgraft")
    work.run("train", early, *common, "--epochs", epochs, "-o", parent)

    def score(space) -> float:
        z = [work.embed(space, csv) for csv in files]
        return harness.probe(z[0], y[~test], z[1], y[test])

    base = score(parent)
    versions = {"frozen": ["--mode", "frozen"]}
    versions |= {f"{b:g}": ["--mode", "anchored", "--drift-bound", b] for b in BOUNDS}
    versions["joint"] = ["--mode", "joint"]
    for version, options in versions.items():
        child = work.file("child.tabgraft")
        graft = work.run("extend", parent, files[0], *options, "--seed", seed, "-o", child)["extension"]
        drift, kept = graft["drift"]["mean_cosine_distance"], (graft["anchor"] or {}).get("kept_share")
        rows.append(dict(table=name, version=version, drift=drift, kept=kept, gain=score(child) - base,
                         seconds=graft["seconds"]))
        print(f"{name} seed {seed} {version:6s} drift {drift:.5f} gain {rows[-1]['gain']:+.4f}", flush=True)
    return rows


if __name__ == "__main__":
    main()
