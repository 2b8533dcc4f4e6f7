"""The three most useful columns hidden, then grafted: both modes, full retraining, from scratch.

For each table and seed prints the AUC of a logistic probe on z, that of the predictor, the seconds
of the space's training, and its share of full retraining's. Means are of differences on the same
table and seed, with their standard errors: what is smaller than two of them is noise. Useful is what small boosted trees use
most. A fifth of the rows, drawn by the seed, tests every version; none of them is trained on.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance

import harness

SCORES = ["probe", "predictor"]
TABLES = ["german_credit", "credit_data", "telco_churn"]


def most_useful(frame: pd.DataFrame, y: np.ndarray, n: int) -> list[str]:
    coded = frame.apply(
        lambda c: pd.to_numeric(c, errors="coerce")
        if pd.to_numeric(c, errors="coerce").notna().mean() > 0.5
        else pd.Series(pd.factorize(c)[0], index=c.index)
    )
    model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, random_state=0).fit(coded, y)
    found = permutation_importance(model, coded, y, scoring="roc_auc", n_repeats=3, random_state=0)
    return [coded.columns[i] for i in np.argsort(-found.importances_mean)[:n]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="*", default=TABLES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=40, help="epochs of the parent, run exactly")
    parser.add_argument("--no-predictor", action="store_true", help="the probe alone, which is faster")
    arguments = parser.parse_args()
    harness.build()
    summary = []
    for name in arguments.tables:
        frame, target, y, _ = harness.load(name)
        late = most_useful(frame.drop(columns=[target]), y, 3)
        print(f"{name}: hidden {', '.join(late)}")
        for seed in range(arguments.seeds):
            summary += one(name, frame, target, y, late, seed, arguments)
    table = pd.DataFrame(summary)
    print(table.groupby(["table", "version"], sort=False)[["probe", "predictor", "seconds", "share"]].mean().round(4))
    share = table.groupby("version", sort=False)["share"].mean()
    for other in ["full", "scratch"]:
        print(f"\nmean over tables and seeds minus {other}, +- its standard error; share of full's seconds")
        for version in share.index:
            scores = "  ".join(f"{column} {difference(table, column, version, other)}" for column in SCORES)
            print(f"{version:8s} {scores}  {share[version]:.3f}")


def difference(table: pd.DataFrame, column: str, version: str, other: str) -> str:
    """Mean difference of two versions on the same tables and seeds, and its standard error."""
    wide = table.pivot_table(index=["table", "seed"], columns="version", values=column, dropna=False)
    d = (wide[version] - wide[other]).to_numpy()
    return f"{d.mean():+.4f} +- {d.std(ddof=1) / len(d) ** 0.5:.4f}" if len(d) > 1 else f"{d.mean():+.4f}"


def one(name, frame, target, y, late, seed, arguments) -> list[dict]:
    work, rows = harness.Work(), []
    test = np.zeros(len(frame), dtype=bool)
    test[np.random.RandomState(seed).permutation(len(frame))[: len(frame) // 5]] = True
    files = {
        "all": [work.table(frame[part], f"all{i}") for i, part in enumerate([~test, test])],
        "early": [work.table(frame[part].drop(columns=late), f"early{i}") for i, part in enumerate([~test, test])],
    }
    common = ["--ignore", target, "--p-test", 0, "--seed", seed, "--split-seed", seed, "--exact-epochs", "--epochs"]
    quarter = max(arguments.epochs // 4, 10)
    parent, trained = train(work, "parent", files["early"][0], [*common, arguments.epochs])
    versions = {
        "parent": (parent, trained, "early"),
        "full": (*train(work, "full", files["all"][0], [*common, arguments.epochs]), "all"),
        "scratch": (*train(work, "scratch", files["all"][0], [*common, quarter]), "all"),
        "frozen": (*extend(work, "frozen", parent, files["all"][0], seed), "all"),
        "joint": (*extend(work, "joint", parent, files["all"][0], seed), "all"),
    }
    full_seconds = versions["full"][1]
    for version, (space, seconds, kind) in versions.items():
        train_csv, test_csv = files[kind]
        z_train, z_test = work.embed(space, train_csv), work.embed(space, test_csv)
        row = dict(table=name, seed=seed, version=version, seconds=seconds, share=seconds / full_seconds)
        row["probe"] = harness.probe(z_train, y[~test], z_test, y[test])
        row["predictor"] = float("nan")
        if not arguments.no_predictor:
            predictor = work.file("predictor.tabgraft")
            work.run("predictor", space, train_csv, "--target", target, "--seed", seed, "-o", predictor)
            row["predictor"] = harness.auc(work.run("evaluate", predictor, test_csv, "--rows", "all"))
        rows.append(row)
        print(f"  seed {seed} {version:8s} probe {row['probe']:.4f} predictor {row['predictor']:.4f} "
              f"{seconds:6.2f} s  share {row['share']:.3f}", flush=True)
    return rows


def train(work, name, csv, options):
    space = work.file(f"{name}.tabgraft")
    return space, work.run("train", csv, *options, "-o", space)["training"]["seconds"]


def extend(work, mode, parent, csv, seed):
    space = work.file(f"{mode}.tabgraft")
    report = work.run("extend", parent, csv, "--mode", mode, "--seed", seed, "-o", space)
    return space, report["training"]["seconds"]


if __name__ == "__main__":
    main()
