"""Reasons: how good an order of columns they give, how exact they are for how much work, and how fast they come.

Needs the package installed, and scikit-learn. Each table is learned from at the first fold's other rows, all defaults.

1. Insertion and deletion. Columns are ordered by `importance` (reasons of 200 rows learned from) and by the permutation importance of
   scikit-learn on the same predictor and rows (`permutation_importance`, 5 repeats, ROC AUC or R2). On the fold's rows columns
   are then seen one after the other, or hidden one after the other, in each order, hidden as `predict_hiding` does and, as
   the other side would do it, shuffled among the rows. What is printed is the mean score over the steps: high is good when columns
   come, low when they go.
2. Error against budget. Rows of tables of at most 13 columns: all combinations, and orders within a budget of
   predictions a row; the root of the mean squared error as a share of that of the contributions, and the same of what the
   standard errors say.
3. Rows a second on one thread at the usual budget.
"""

import argparse
import os
import time

os.environ["RAYON_NUM_THREADS"] = "1"  # before the package starts

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.inspection import permutation_importance
from sklearn.metrics import r2_score, roc_auc_score

import quality
import tabgraft

TABLES = ["german_credit", "titanic", "heart_disease", "telco_churn", "insurance", "wine_quality", "bikeshare"]
N_ROWS = 200
BUDGETS = [64, 128, 256, 512, 1024, 2048]


class Wrapped(BaseEstimator):
    """A predictor as permutation importance asks for it."""

    def __init__(self, predictor):
        self.predictor = predictor

    def fit(self, X, y):
        return self

    def score(self, X, y):
        return score_of(self.predictor.task, y, values(self.predictor, X))


def values(predictor, rows, hidden=()):
    found = predictor.predict_hiding(rows, list(hidden))
    return found if predictor.task == "regression" else found[:, 1]


def score_of(task, y, found):
    return r2_score(y, found) if task == "regression" else roc_auc_score(y, found)


def shuffled(rows, names, seed):
    rng = np.random.default_rng(seed)
    changed = rows.copy()
    for name in names:
        changed[name] = rows[name].to_numpy()[rng.permutation(len(rows))]
    return changed


def curves(predictor, rows, y, order):
    """Mean scores while columns come, and while they go: hidden, and shuffled."""
    said = []
    for take_away in (
        lambda names: values(predictor, rows, names),
        lambda names: values(predictor, shuffled(rows, names, 0)),
    ):
        come = [score_of(predictor.task, y, take_away(order[k:])) for k in range(len(order) + 1)]
        go = [score_of(predictor.task, y, take_away(order[:k])) for k in range(len(order) + 1)]
        said += [np.mean(come), np.mean(go)]
    return said


def fitted(meta):
    frame, y, folds = quality.load(meta)
    features = quality.as_features(frame, meta)
    if meta["task"] != "regression":
        positive = "1" if "1" in set(y) else meta.get("positive") or sorted(set(y))[1]
        y = (y == positive).astype(int)
    learned = np.asarray(folds)[0] != 0 if np.ndim(folds) == 2 else np.asarray(folds) != 0
    table = features.assign(target_=y)
    train, test = table[learned].reset_index(drop=True), table[~learned].reset_index(drop=True)
    space = tabgraft.EmbeddingSpace.fit(train, ignore=["target_"], progress=False)
    predictor = tabgraft.Predictor.fit(space, train, "target_", hold_out_test=False, progress=False)
    return predictor, train, test


def orders(predictor, train, test) -> None:
    sample = train.sample(min(N_ROWS, len(train)), random_state=0)
    began = time.perf_counter()
    reasons = predictor.explain(sample, progress=False)
    seconds = time.perf_counter() - began
    ours = [column["column"] for column in reasons.importance]
    began = time.perf_counter()
    found = permutation_importance(Wrapped(predictor), sample[reasons.columns], sample["target_"], n_repeats=5, random_state=0)
    of_permutation = time.perf_counter() - began
    theirs = [reasons.columns[i] for i in np.argsort(-found.importances_mean, kind="stable")]
    random = list(np.random.default_rng(0).permutation(reasons.columns))
    y = test["target_"].to_numpy()
    for name, order, took in [("reasons", ours, seconds), ("permutation", theirs, of_permutation), ("random", random, 0.0)]:
        come, go, shuffled_come, shuffled_go = curves(predictor, test, y, order)
        print(
            f"    {name:12s} hidden: come {come:.4f} go {go:.4f}; shuffled: come {shuffled_come:.4f} go {shuffled_go:.4f};"
            f" {took:.1f} s"
        )
    print(
        f"    {len(sample) / seconds:,.0f} rows a second, {reasons.n_evaluations} predictions a row, {reasons.method},"
        f" {len(reasons.columns)} columns",
        flush=True,
    )


def errors(predictor, test) -> None:
    n = len(predictor.explain(test.head(1), progress=False).columns)
    if n > 13:
        return
    rows = test.head(50)
    exact = predictor.explain(rows, n_evaluations=2**n, progress=False).contributions
    size = np.sqrt(np.mean(exact**2))
    said = []
    for budget in [b for b in BUDGETS if 2 + 4 * (n - 1) <= b < 2**n]:
        drawn = predictor.explain(rows, n_evaluations=budget, progress=False)
        error = np.sqrt(np.mean((drawn.contributions - exact) ** 2)) / size
        told = np.sqrt(np.mean(drawn.standard_errors**2)) / size
        said.append(f"{budget}: {error:.4f} (told {told:.4f})")
    if said:
        print(f"    error against budget, {n} columns: " + ", ".join(said), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="*", default=TABLES)
    for name in parser.parse_args().tables:
        meta = next(m for m in quality.metas() if m["name"] == name)
        predictor, train, test = fitted(meta)
        learners = predictor.inspect()["fit_info"]
        print(
            f"{name}: {len(train)} rows learned from, {len(test)} scored; share of trees {learners['share_of_trees']:.2f},"
            f" random forests {learners.get('share_of_random_forests', 0):.2f},"
            f" linear {learners['share_of_linear']:.2f}"
        )
        orders(predictor, train, test)
        errors(predictor, test)


if __name__ == "__main__":
    main()
