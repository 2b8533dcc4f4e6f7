"""Whether probabilities and intervals mean what they say, on the shared tables and their folds.

Expected calibration error: 10 bins of equal width, of the probability of the second of two classes, or of the predicted one of
several; beside CatBoost and LightGBM (early stopping on 15 %) and logistic regression on one-hot columns. Coverage:
the share of a fold's rows that intervals of a number cover at levels of .5, .8, .9 and .95, and the mean width of
those of .9 in standard deviations of the target. Wanted: an error at most .02 above the best peer's, and coverage
within noise of its level.
"""

import numpy as np
import pandas as pd

import harness
import quality

PEERS = ["linear", "lightgbm", "catboost"]
LEVELS = [0.5, 0.8, 0.9, 0.95]
N_BINS = 10


def ece(p: np.ndarray, truth: np.ndarray) -> float:
    """Of `[n, n_classes]` probabilities and class indices; -1 for a class that was not seen."""
    if p.shape[1] == 2:
        claimed, right = p[:, 1], truth == 1
    else:
        claimed, right = p.max(axis=1), p.argmax(axis=1) == truth
    bins = np.minimum((claimed * N_BINS).astype(int), N_BINS - 1)
    own = [bins == b for b in range(N_BINS) if (bins == b).any()]
    return float(sum(abs(claimed[b].mean() - right[b].mean()) * b.mean() for b in own))


def ours(train, test, meta) -> tuple[np.ndarray, list[str], dict]:
    """Predictions, their columns, and coverage of numbers as the `evaluate` command reports it."""
    work = harness.Work()
    target = meta["target"]
    train_csv, test_csv = work.table(train, "train"), work.table(test, "test")
    space, predictor, out = work.file("space.tabgraft"), work.file("predictor.tabgraft"), work.file("p.csv")
    work.run("train", train_csv, "--ignore", target, "--p-test", 0, "-o", space)
    work.run("predictor", space, train_csv, "--target", target, "-o", predictor)
    is_number = meta["task"] == "regression"
    work.run("predict", predictor, test_csv, "--out", out, *(["--interval", 0.9] if is_number else []))
    frame = pd.read_csv(out)
    found = work.run("evaluate", predictor, test_csv, "--rows", "all")["reliability"]
    columns = ["prediction", "lower", "upper"] if is_number else [c for c in frame if c.startswith("p_")]
    return frame[columns].to_numpy(float), columns, found


def one(meta, i) -> dict:
    frame, y, folds = quality.load(meta)
    repeat, fold = divmod(i, 5)
    test = folds[repeat] == fold
    row = dict(table=meta["name"], fold=i)
    predicted, columns, found = ours(frame[~test], frame[test], meta)
    if meta["task"] == "regression":
        spread = y[~test].std()
        inside = (predicted[:, 1] <= y[test]) & (y[test] <= predicted[:, 2])
        row |= {f"covered {level['level']}": level["covered"] for level in found["levels"]}
        assert abs(inside.mean() - row.get("covered 0.9", inside.mean())) < 1e-9
        row["width 0.9"] = float((predicted[:, 2] - predicted[:, 1]).mean() / spread)
        return row
    names = np.unique(y[~test])
    own = [c[2:] for c in columns]
    # The class names as the CSV spells them.
    order = [own.index(name) if name in own else k for k, name in enumerate(names)]
    place = {name: k for k, name in enumerate(names)}
    truth = np.array([place.get(name, -1) for name in y[test]])
    row["tabgraft"] = ece(predicted[:, order], truth)
    if found and meta["task"] == "binary":
        assert abs(row["tabgraft"] - found["ece"]) < 1e-6, (row, found["ece"])
    features = quality.as_features(frame, meta)
    for peer in PEERS:
        p = quality.fit_peer(peer, features[~test], y[~test], features[test], meta["task"])
        row[peer] = ece(np.asarray(p, dtype=float), truth)
    return row


def main() -> None:
    arguments = quality.fold_parser(__doc__).parse_args()

    def show(rows):
        return {k: round(v, 4) for k, v in rows[0].items() if k not in ("table", "fold")}

    report(quality.each_fold(arguments, lambda meta, i: [one(meta, i)], show))


def report(table: pd.DataFrame) -> None:
    means = table.drop(columns=["fold"]).groupby("table", sort=False).mean()
    if "tabgraft" in means:
        classes = means.dropna(subset=["tabgraft"])[["tabgraft", *PEERS]]
        over = classes["tabgraft"] - classes[PEERS].min(axis=1)
        print("\nexpected calibration error\n" + classes.assign(over_the_best=over).round(4).to_string())
        print(f"mean {classes.mean().round(4).to_dict()}; above the best peer by {over.mean():+.4f} on average, "
              f"at most {over.max():+.4f}; more than .02 above on {(over > 0.02).sum()} of {len(over)} tables")
    if "covered 0.9" in means:
        numbers = means.dropna(subset=["covered 0.9"])
        shown = [f"covered {level}" for level in LEVELS if f"covered {level}" in numbers] + ["width 0.9"]
        print("\nshare of rows that intervals cover\n" + numbers[shown].round(4).to_string())
        print(numbers[shown].mean().round(4).to_dict())


if __name__ == "__main__":
    main()
