"""What found features change on real tables, on the shared folds.

Everything is fitted inside a fold's training rows: space, search, fitted features. Features that were searched
with the linear guide go to a linear model (ridge, or logistic regression, on one-hot and standardised columns);
those of the predictor guide go to a small LightGBM, and onto the space by a frozen graft for tabgraft's own
predictor. Each model is fitted without features, with the recommended ones (none if nothing is proven), and
with the first five suggestions. Changes are in ROC AUC, or in RMSE of the target as the index transforms it
(then below 0 is better). Prints means over the folds with their standard errors, and seconds per search.
"""

import argparse
import json
import warnings

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import harness

TABLES = ["german_credit", "credit_data", "telco_churn", "diamonds", "insurance", "bikeshare", "flights"]
N_SUGGESTED, N_JUDGED = 5, 40


def load(name: str):
    """Frame, target column, numeric target, whether it is a class, and the folds: rows and fold numbers."""
    index = json.loads((harness.data_dir() / "index.json").read_text())
    meta = next(m for m in index if m["name"] == name)
    path = harness.data_dir() / meta["file"]
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    folds = np.load(harness.data_dir() / "folds" / f"{name}.npz")
    target = meta["target"]
    frame = frame.dropna(subset=[target]).reset_index(drop=True)
    frame = frame.iloc[folds["rows"]].reset_index(drop=True)
    if meta["task"] == "binary":
        positive = "1" if "1" in set(frame[target].astype(str)) else meta["positive"]
        frame[target] = (frame[target].astype(str) == positive).astype(int)
    else:
        frame[target] = {"log": np.log, "log1p": np.log1p}.get(meta["target_transform"], lambda v: v)(frame[target].astype(float))
    return frame, target, meta["task"] == "binary", folds["fold"]


def score(model, train, y_train, test, y_test, is_class) -> float:
    model.fit(train, y_train)
    if is_class:
        return roc_auc_score(y_test, model.predict_proba(test)[:, 1])
    return float(np.sqrt(np.mean((model.predict(test) - y_test) ** 2)))


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Dates as numbers of seconds, booleans as text, so that every library takes the frame."""
    out = frame.copy()
    for name in out:
        if pd.api.types.is_datetime64_any_dtype(out[name]):
            out[name] = out[name].astype("int64") / 1e9
        elif out[name].dtype == bool:
            out[name] = out[name].astype(float)
    return out.replace([np.inf, -np.inf], np.nan)


def linear(train, y_train, test, y_test, is_class) -> float:
    train, test = plain(train), plain(test)
    numbers = [c for c in train if pd.api.types.is_numeric_dtype(train[c])]
    others = [c for c in train if c not in numbers and train[c].nunique() <= 100]
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="mean", add_indicator=True), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), others),
    )
    estimator = LogisticRegression(max_iter=2000) if is_class else Ridge()
    train, test = train.astype(dict.fromkeys(others, str)), test.astype(dict.fromkeys(others, str))
    return score(make_pipeline(columns, estimator), train, y_train, test, y_test, is_class)


def boosted(train, y_train, test, y_test, is_class) -> float:
    import lightgbm

    train, test = plain(train), plain(test)
    for name in [c for c in train if not pd.api.types.is_numeric_dtype(train[c])]:
        levels = pd.CategoricalDtype(sorted(train[name].dropna().astype(str).unique()))
        train[name], test[name] = train[name].astype(str).astype(levels), test[name].astype(str).astype(levels)
    options = dict(n_estimators=200, num_leaves=8, learning_rate=0.05, min_child_samples=20, verbose=-1, random_state=0)
    model = lightgbm.LGBMClassifier(**options) if is_class else lightgbm.LGBMRegressor(**options)
    return score(model, train, y_train, test, y_test, is_class)


class Fold:
    """One fold's tables and space, and what is searched on it."""

    def __init__(self, frame, target, test, seed, budget):
        self.work, self.target, self.seed, self.budget = harness.Work(), target, seed, budget
        self.train, self.test = frame[~test].reset_index(drop=True), frame[test].reset_index(drop=True)
        self.train_path, self.test_path = self.work.table(self.train, "train"), self.work.table(self.test, "test")
        self.space = self.work.file("space.tabgraft")
        self.work.run("train", self.train_path, "--ignore", target, "--p-test", 0, "--seed", seed, "-o", self.space)

    def search(self, guide: str) -> dict:
        out = self.work.file(guide)
        return self.work.run("discover", self.space, self.train_path, "--target", self.target, "--guide", guide,
                             "--n-suggested", N_SUGGESTED, "--n-judged", N_JUDGED, "--seed", self.seed, "--budget", self.budget,
                             "--out-dir", out) | {"out": out}

    def features(self, report: dict, names: list[str], label: str):
        """A file of these features with their fitted state, and both frames with them."""
        keys = ("name", "definition", "reason", "state")
        chosen = [{k: s[k] for k in keys if s.get(k) is not None}
                  for s in report["run"]["suggestions"] if s["name"] in names]
        path = self.work.path / f"{label}.json"
        path.write_text(json.dumps({"format_version": 1, "features": chosen}))
        frames = []
        for part, table in (("train", self.train_path), ("test", self.test_path)):
            out = self.work.file(f"{label}_{part}.csv")
            self.work.run("apply", path, table, "-o", out)
            frames.append((out, pd.read_csv(out).drop(columns=[self.target])))
        return path, frames

    def own(self, space: str, train_path: str, test_path: str, is_class: bool) -> float:
        predictor = self.work.file("predictor.tabgraft")
        kind = "set" if is_class else "scalar"
        self.work.run("predictor", space, train_path, "--target", self.target, "--target-kind", kind,
                      "--seed", self.seed, "-o", predictor)
        report = self.work.run("evaluate", predictor, test_path, "--rows", "all")
        wanted = "roc_auc" if is_class else "rmse"
        return next(s["value"] for s in report["scores"] if s["metric"] == wanted)

    def grafted(self, features, train_path: str) -> str:
        child = self.work.file("child.tabgraft")
        self.work.run("extend", self.space, train_path, "--features", features, "--ignore", self.target,
                      "--seed", self.seed, "-o", child)
        return child


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--folds", type=int, help="how many of a table's first folds; all of them if not given")
    parser.add_argument("--budget", type=float, default=4.0, help="seconds for a search")
    parser.add_argument("--rows", type=int, default=10**9, help="most rows of a table")
    parser.add_argument("--models", default="linear,lightgbm,own")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    harness.build()
    models = arguments.models.split(",")
    print("mean change over the folds +- standard error; ROC AUC above 0 is better, RMSE below 0")
    print(f"{'table':14s} {'model':9s} {'without':>8s} {'recommended':>18s} {'n':>4s} {'suggested':>18s} {'search s':>8s}")
    for name in arguments.tables.split(","):
        frame, target, is_class, fold_of = load(name)
        if len(frame) > arguments.rows:
            keep = np.random.default_rng(0).permutation(len(frame))[: arguments.rows]
            frame, fold_of = frame.iloc[keep].reset_index(drop=True), fold_of[:, keep]
        results = {model: [] for model in models}
        for i in range(arguments.folds or 5 * len(fold_of)):
            repeat, k = divmod(i, 5)
            test = fold_of[repeat] == k
            fold = Fold(frame, target, test, i, arguments.budget)
            y_train, y_test = fold.train[target], fold.test[target]
            x_train, x_test = fold.train.drop(columns=[target]), fold.test.drop(columns=[target])
            reports = {}
            for model in models:
                guide = "linear" if model == "linear" else "predictor"
                report = reports.setdefault(guide, None) or fold.search(guide)
                reports[guide] = report
                row = []
                for names in ([], report["recommended"], report["suggested"]):
                    if row and not names:
                        row.append(row[0])
                        continue
                    if names:
                        path, ((train_csv, train), (test_csv, test_frame)) = fold.features(report, names, "features")
                    else:
                        train_csv, train, test_csv, test_frame = fold.train_path, x_train, fold.test_path, x_test
                    if model == "own":
                        space = fold.grafted(path, train_csv) if names else fold.space
                        row.append(fold.own(space, train_csv, test_csv, is_class))
                    else:
                        fit = linear if model == "linear" else boosted
                        row.append(fit(train, y_train, test_frame, y_test, is_class))
                results[model].append((*row, len(report["recommended"]), report["seconds"]))
        for model, rows in results.items():
            rows = np.array(rows)

            def change(column):
                d = rows[:, column] - rows[:, 0]
                error = d.std(ddof=1) / np.sqrt(len(d)) if len(d) > 1 else float("nan")
                return f"{d.mean():+.4f} +- {error:.4f}"

            print(f"{name:14s} {model:9s} {rows[:, 0].mean():8.4f} {change(1):>18s} {rows[:, 3].mean():4.1f} "
                  f"{change(2):>18s} {rows[:, 4].mean():8.1f}", flush=True)


if __name__ == "__main__":
    main()
