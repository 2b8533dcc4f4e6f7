"""Columns that are missing when rows are predicted: what a score loses, beside CatBoost.

On a fold of each shared table both are fitted on all columns, all defaults, CatBoost with early stopping on 15 %. Then 1, 3 and half of
the columns are taken from the rows to predict, drawn by a seed, the same for both: ours lack the columns, CatBoost has
missing cells there. Scores are ROC AUC, R2, or minus log-loss for several classes. Wanted: ours lose least.
"""

import numpy as np
import pandas as pd

import harness
import quality

WORDS = ["1", "3", "half"]


def one(meta, i, n_draws) -> list[dict]:
    frame, y, folds = quality.load(meta)
    repeat, fold = divmod(i, 5)
    test = folds[repeat] == fold
    target, task = meta["target"], meta["task"]
    work = harness.Work()
    train_csv = work.table(frame[~test], "train")
    space, predictor = work.file("space.tabgraft"), work.file("predictor.tabgraft")
    work.run("train", train_csv, "--ignore", target, "--p-test", 0, "-o", space)
    work.run("predictor", space, train_csv, "--target", target, "-o", predictor)
    features = quality.as_features(frame, meta)
    model = quality.fit_catboost(features[~test], y[~test], task)

    def ours(columns) -> np.ndarray:
        out = work.file("p.csv")
        work.run("predict", predictor, work.table(frame[test].drop(columns=[target, *columns]), "test"), "--out", out)
        predicted = pd.read_csv(out)
        names = [c for c in predicted if c.startswith("p_")]
        return predicted[names].to_numpy(float) if names else predicted.iloc[:, 0].to_numpy(float)

    def theirs(columns) -> np.ndarray:
        rows = features[test].copy()
        for column in columns:
            rows[column] = np.nan if rows[column].dtype.kind in "fi" else ""
        rows = rows.fillna({c: "" for c in rows if rows[c].dtype.kind not in "fi"})
        return model.predict(rows) if task == "regression" else model.predict_proba(rows)

    def score(predicted) -> float:
        found = quality.measure(task, y[~test], y[test], np.asarray(predicted), np.unique(y[~test]))
        return next(iter(found.values()))

    whole = {"tabgraft": score(ours([])), "catboost": score(theirs([]))}
    rows = []
    names = list(features)
    for word in WORDS:
        n = {"1": 1, "3": 3, "half": max(1, len(names) // 2)}[word]
        if n >= len(names):
            continue
        for draw in range(n_draws):
            gone = list(np.random.RandomState(1000 * i + draw).permutation(names)[:n])
            row = dict(table=meta["name"], fold=i, gone=word, draw=draw)
            for model_name, predict in [("tabgraft", ours), ("catboost", theirs)]:
                row[model_name] = score(predict(gone))
                row[f"{model_name} loses"] = whole[model_name] - row[model_name]
            rows.append(row)
    return rows


def main() -> None:
    parser = quality.fold_parser(__doc__)
    parser.add_argument("--draws", type=int, default=4)
    arguments = parser.parse_args()

    def show(rows):
        means = pd.DataFrame(rows).groupby("gone", sort=False)[["tabgraft loses", "catboost loses"]].mean()
        return means.round(4).to_dict("index")

    report(quality.each_fold(arguments, lambda meta, i: one(meta, i, arguments.draws), show))


def report(table: pd.DataFrame) -> None:
    columns = ["tabgraft", "catboost", "tabgraft loses", "catboost loses"]
    means = table.groupby(["gone", "table"], sort=False)[columns].mean()
    print("\n" + means.round(4).to_string())
    for word, of in means.groupby("gone", sort=False):
        d = of["catboost loses"] - of["tabgraft loses"]
        print(f"{word:5s} missing: tabgraft loses {of['tabgraft loses'].mean():.4f} (median {of['tabgraft loses'].median():.4f}), "
              f"catboost {of['catboost loses'].mean():.4f} (median {of['catboost loses'].median():.4f}); ours lose less on "
              f"{(d > 0).sum()} of {len(d)} tables; the score itself is higher on "
              f"{(of['tabgraft'] > of['catboost']).sum()}")


if __name__ == "__main__":
    main()
