"""The three most useful columns hidden, then grafted: every mode against retraining in every way.

For each table and seed prints the score of a linear probe on the vectors, that of a predictor, the
seconds of the training (wall time that the report says, and processor time of the whole process), each
on one thread. Scores are ROC AUC for two classes, R2 for numbers. Means are of differences on the same
table and seed, with their standard errors: what is smaller than two of them is noise. Useful is what
small boosted trees use most. A fifth of the rows, drawn by the seed, tests every version; none of them
is trained on.

Versions: `parent` lacks the columns; `full` is trained anew on all columns for the parent's epochs,
`early stop` for as many as its own validation loss asks for, `scratch` for as many as a graft gets; a
graft in each mode stops by itself, `fixed` runs all of its epochs. `catboost` is CatBoost on all
columns; `catboost +` continues a model of the early columns by `init_model`. It cannot add a column, so
the late ones are there as constants when the first model is trained.
"""

import argparse
import resource
import time

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.inspection import permutation_importance

import harness

SCORES = ["probe", "predictor"]
MODES = ["frozen", "anchored", "joint"]
TABLES = [
    "german_credit", "credit_data", "telco_churn", "attrition", "titanic", "wine_quality", "insurance", "bikeshare",
]
#: A graft gets a quarter of the parent's epochs by default, and at least so many.
LEAST_EPOCHS = 10
CATBOOST_TREES = 400


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Cells as numbers: numbers as they are, other columns by the order of first appearance."""
    as_number = frame.apply(pd.to_numeric, errors="coerce")
    is_number = as_number.notna().mean() > 0.5
    codes = frame.apply(lambda c: pd.factorize(c)[0])
    return as_number.where(is_number, codes, axis=1).astype(float)


def most_useful(frame: pd.DataFrame, y: np.ndarray, is_class: bool, n: int) -> list[str]:
    kind, scoring = (
        (HistGradientBoostingClassifier, "roc_auc") if is_class else (HistGradientBoostingRegressor, "r2")
    )
    coded = numbers(frame)
    model = kind(max_iter=60, max_leaf_nodes=15, random_state=0).fit(coded, y)
    found = permutation_importance(model, coded, y, scoring=scoring, n_repeats=3, random_state=0)
    return [coded.columns[i] for i in np.argsort(-found.importances_mean)[:n]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="*", default=TABLES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=40, help="epochs of the parent, run exactly")
    parser.add_argument("--networks", type=int, default=2, help="networks of a predictor; 0 leaves predictors out")
    parser.add_argument("--versions", nargs="*", help="the only versions to score, `full` and `scratch` beside them")
    parser.add_argument("--csv", help="a file for the single results")
    arguments = parser.parse_args()
    harness.build()
    summary = []
    for name in arguments.tables:
        frame, target, y, meta = harness.load(name)
        is_class = meta["task"] == "binary"
        late = most_useful(frame.drop(columns=[target]), y, is_class, 3)
        print(f"{name}: hidden {', '.join(late)}", flush=True)
        for seed in range(arguments.seeds):
            summary += one(name, frame, target, y, is_class, late, seed, arguments)
            if arguments.csv:
                pd.DataFrame(summary).to_csv(arguments.csv, index=False)
    report(pd.DataFrame(summary))


def report(table: pd.DataFrame) -> None:
    columns = ["probe", "predictor", "seconds", "cpu"]
    means = table.groupby(["table", "version"], sort=False)[columns].mean()
    print(means.round(4).to_string())
    versions = table["version"].unique()
    for other in ["full", "scratch"]:
        print(f"\nmean over tables and seeds minus `{other}`, +- its standard error (the worst table)")
        for version in versions:
            scores = "  ".join(f"{column} {difference(table, column, version, other)}" for column in SCORES)
            print(f"{version:15s} {scores}")
    print("\nautomatic minus fixed epochs, +- its standard error, and the share of the seconds")
    for mode in [mode for mode in MODES if {mode, f"{mode} fixed"} <= {*versions}]:
        scores = "  ".join(f"{column} {difference(table, column, mode, f'{mode} fixed')}" for column in SCORES)
        print(f"{mode:15s} {scores}  {1 / ratio(table, mode, f'{mode} fixed', 'seconds'):.2f}")
    print("\ntimes faster than full retraining and than retraining to its early stop, on average (geometric mean);")
    print("by wall time of the training, by processor time of the process")
    for version in versions:
        if not version.startswith("catboost"):
            others = [other for other in ["full", "early stop"] if other in versions]
            figures = [ratio(table, version, other, by) for by in ["seconds", "cpu"] for other in others]
            print(f"{version:15s} " + "  ".join(f"{f:5.2f}" for f in figures))


def pairs(table: pd.DataFrame, column: str, version: str, other: str) -> pd.DataFrame:
    wide = table.pivot_table(index=["table", "seed"], columns="version", values=column, dropna=False)
    return wide[[version, other]].set_axis(["a", "b"], axis=1).dropna()


def difference(table: pd.DataFrame, column: str, version: str, other: str) -> str:
    """Mean difference of two versions on the same tables and seeds, its standard error, the worst table."""
    found = pairs(table, column, version, other)
    d = found["a"] - found["b"]
    if len(d) < 2:
        return f"{d.mean():+.4f}"
    by_table = d.groupby("table").mean()
    return f"{d.mean():+.4f} +- {d.std(ddof=1) / len(d) ** 0.5:.4f} ({by_table.min():+.4f} {by_table.idxmin()})"


def ratio(table: pd.DataFrame, version: str, other: str, by: str) -> float:
    """How many times faster `version` is than `other`: geometric mean over tables and seeds."""
    found = pairs(table, by, version, other)
    return float(np.exp(np.log(found["b"] / found["a"]).mean()))


def one(name, frame, target, y, is_class, late, seed, arguments) -> list[dict]:
    work, rows = harness.Work(), []
    test = np.zeros(len(frame), dtype=bool)
    test[np.random.RandomState(seed).permutation(len(frame))[: len(frame) // 5]] = True
    early_frame = frame.drop(columns=late)
    files = {
        kind: [work.table(f[part], f"{kind}{i}") for i, part in enumerate([~test, test])]
        for kind, f in [("all", frame), ("early", early_frame)]
    }
    quarter = max(arguments.epochs // 4, LEAST_EPOCHS)
    options = ["--ignore", target, "--p-test", 0, "--seed", seed, "--split-seed", seed, "--epochs"]

    def trained(version, kind, epochs, exact=True):
        space = work.file(f"{version}.tabgraft")
        flags = ["--exact-epochs"] if exact else []
        return timed(work, space, "train", files[kind][0], *options, epochs, *flags)

    parent = trained("parent", "early", arguments.epochs)
    versions = {
        "parent": parent,
        "full": trained("full", "all", arguments.epochs),
        "early stop": trained("early", "all", arguments.epochs, exact=False),
        "scratch": trained("scratch", "all", quarter),
    }
    for mode in MODES:
        for version, flags in [(mode, []), (f"{mode} fixed", ["--exact-epochs"])]:
            space = work.file(f"{mode}{len(flags)}.tabgraft")
            versions[version] = timed(
                work, space, "extend", parent[0], files["all"][0], "--mode", mode, "--seed", seed, *flags
            )
    wanted = arguments.versions and {*arguments.versions, "full", "scratch"}
    for version, (space, seconds, cpu) in versions.items():
        if wanted and version not in wanted:
            continue
        train_csv, test_csv = files["early" if version == "parent" else "all"]
        z_train, z_test = work.embed(space, train_csv), work.embed(space, test_csv)
        row = dict(table=name, seed=seed, version=version, seconds=seconds, cpu=cpu)
        row["probe"] = harness.probe(z_train, y[~test], z_test, y[test])
        row["predictor"] = float("nan")
        if arguments.networks:
            predictor = work.file("predictor.tabgraft")
            work.run("predictor", space, train_csv, "--target", target, "--seed", seed,
                     "--n-networks", arguments.networks, "-o", predictor)
            scored = work.run("evaluate", predictor, test_csv, "--rows", "all")
            row["predictor"] = harness.score(scored, "roc_auc" if is_class else "r2")
        rows.append(row)
        show(row)
    if wanted and not any("catboost" in version for version in wanted):
        return rows
    late_cells = numbers(frame.drop(columns=[target]))
    for version, score, seconds in catboost(late_cells, late, y, is_class, test, seed):
        row = dict(table=name, seed=seed, version=version, seconds=seconds, cpu=seconds)
        rows.append({**row, "probe": float("nan"), "predictor": score})
        show(rows[-1])
    return rows


def show(row: dict) -> None:
    print(f"  seed {row['seed']} {row['version']:15s} probe {row['probe']:.4f} predictor {row['predictor']:.4f} "
          f"{row['seconds']:6.2f} s wall {row['cpu']:6.2f} s processor", flush=True)


def timed(work, space, *command) -> tuple[str, float, float]:
    """Runs a training on one thread: its file, its wall seconds, the process's processor seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = work.run(*command, "--threads", 1, "-o", space)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return space, report["training"]["seconds"], cpu


def catboost(cells, late, y, is_class, test, seed):
    """Scores and seconds of CatBoost on all columns, and of a continuation by `init_model`."""
    try:
        from catboost import CatBoostClassifier, CatBoostRegressor
    except ImportError:
        print("  catboost is not installed: skipped")
        return

    def fitted(frame, n_trees, start):
        kind = CatBoostClassifier if is_class else CatBoostRegressor
        model = kind(iterations=n_trees, learning_rate=0.05, random_seed=seed, thread_count=1, verbose=False,
                     allow_writing_files=False)
        begin = time.process_time()
        model.fit(frame[~test], y[~test], init_model=start)
        return model, time.process_time() - begin

    def scored(model):
        if is_class:
            return harness.roc_auc_score(y[test], model.predict_proba(cells[test])[:, 1])
        return harness.r2_score(y[test], model.predict(cells[test]))

    full, seconds = fitted(cells, CATBOOST_TREES, None)
    yield "catboost", scored(full), seconds
    padded = cells.assign(**dict.fromkeys(late, 0.0))
    first, _ = fitted(padded, CATBOOST_TREES, None)
    try:
        continued, seconds = fitted(cells, CATBOOST_TREES // 4, first)
    except Exception as error:  # CatBoost's own class, which exists only where it is installed
        print(f"  catboost does not continue: {error}")
        return
    yield "catboost +", scored(continued), seconds


if __name__ == "__main__":
    main()
