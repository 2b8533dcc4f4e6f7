"""Odd rows: `space.surprise` beside isolation forest and local outlier factor, on rows that were made odd and on rare
classes.

    python benches/odd.py [--seeds 1] [--only NAME ...] [--kinds swapped range levels rare] [--sums]

Needs the Python package (`pip install .`) and the shared tables ($TABGRAFT_DATA); without them it says so and ends. Each
table is dealt once per seed, 70 % of its rows to train on (the target is a column like any other), and a tenth of the
rest is made odd:

swapped   a third of a row's cells come from another row: every value is usual by itself
range     two numbers lie beyond the largest one by a tenth to all of the range
levels    two categories are replaced by a level drawn evenly from the known ones
rare      nothing is changed: the rows of the rarer class (target of two classes, left out) are the odd ones among all,
          and 95 % of those to train on are of the other

With `--sums` also for other ways to make one number of a row's cells: the sum of nats, and of what is above the column's
mean.

The figure is the ROC AUC of the score, odd rows against the others. The other two see numbers standardised (medians for
missing ones), categories one-hot, dates as numbers, no text, as scikit-learn's guide has it.
"""

import argparse
import json
import sys
import warnings

import harness
import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

import tabgraft

#: Most rows of a table that are looked at.
MOST_ROWS = 6_000
#: Levels of a category that get a column of their own.
MOST_LEVELS = 40
KINDS = ("swapped", "range", "levels", "rare")


def tables() -> list[dict]:
    """What is known of the shared tables that are there: a generated one may be listed without a file."""
    path = harness.data_dir() / "index.json"
    listed = json.loads(path.read_text()) if path.exists() else []
    return [meta for meta in listed if (path.parent / meta["file"]).exists()]


def read(meta: dict) -> tuple[pd.DataFrame, dict[str, str]]:
    """A shared table with numbers as numbers, and the kinds of its columns, the target's among them."""
    path = harness.data_dir() / meta["file"]
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    kinds = dict(meta["kinds"])
    kinds[meta["target"]] = "numeric" if meta["task"] == "regression" else "categorical"
    return frame[[c for c in frame if c in kinds]].reset_index(drop=True), kinds


def encoded(train: pd.DataFrame, test: pd.DataFrame, kinds: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Both as numbers: standardised, one-hot, dates as seconds; texts left out."""
    parts: list[list[np.ndarray]] = [[], []]
    for name in train:
        if kinds[name] in ("numeric", "date"):
            columns = []
            for frame in (train, test):
                values = frame[name]
                if kinds[name] == "date":
                    values = pd.to_datetime(values, errors="coerce", format="mixed").astype("int64") / 1e9
                columns.append(pd.to_numeric(values, errors="coerce").to_numpy(float))
            middle = np.nanmedian(columns[0]) if np.isfinite(columns[0]).any() else 0.0
            columns = [np.where(np.isfinite(c), c, middle) for c in columns]
            mean, deviation = columns[0].mean(), columns[0].std() or 1.0
            for part, column in zip(parts, columns, strict=True):
                part.append(((column - mean) / deviation)[:, None])
        elif kinds[name] == "categorical":
            levels = train[name].astype(str).value_counts().index[:MOST_LEVELS].to_numpy()
            for part, frame in zip(parts, (train, test), strict=True):
                part.append((frame[name].astype(str).to_numpy()[:, None] == levels[None, :]).astype(float))
    return np.hstack(parts[0]), np.hstack(parts[1])


def plant(test: pd.DataFrame, train: pd.DataFrame, kinds: dict[str, str], kind: str, rng: np.random.Generator):
    """The test rows with a tenth of them made odd, and which these are; none where the table has no column for it."""
    n_odd = max(len(test) // 10, 1)
    rows = rng.choice(len(test), n_odd, replace=False)
    odd = test.copy().astype(object)
    numbers = [c for c in test if kinds[c] == "numeric" and train[c].nunique() > 10]
    categories = [c for c in test if kinds[c] == "categorical" and train[c].nunique() > 1]
    if (kind == "range" and not numbers) or (kind == "levels" and not categories):
        return None
    for row in rows:
        if kind == "swapped":
            donor = int(rng.integers(len(train)))
            for name in rng.choice(test.columns, max(len(test.columns) // 3, 1), replace=False):
                odd.at[row, name] = train[name].iloc[donor]
        elif kind == "range":
            for name in rng.choice(numbers, min(2, len(numbers)), replace=False):
                low, high = train[name].min(), train[name].max()
                odd.at[row, name] = high + rng.uniform(0.1, 1.0) * (high - low)
        else:
            for name in rng.choice(categories, min(2, len(categories)), replace=False):
                odd.at[row, name] = rng.choice(train[name].dropna().unique())
    is_odd = np.zeros(len(test), int)
    is_odd[rows] = 1
    return odd.infer_objects(), is_odd


def rare(frame: pd.DataFrame, target: str, rng: np.random.Generator):
    """Rows to train on, nearly all of the frequent class, test rows without the target, and which are rare."""
    values = frame[target].astype(str)
    counts = values.value_counts()
    if len(counts) != 2:
        return None
    is_rare = (values == counts.index[1]).to_numpy()
    usual, odd = rng.permutation(np.flatnonzero(~is_rare)), rng.permutation(np.flatnonzero(is_rare))
    n_train = int(0.7 * len(usual))
    n_rare = int(0.05 * n_train)
    if len(odd) <= n_rare + 20:
        return None
    train = frame.iloc[np.concatenate([usual[:n_train], odd[:n_rare]])]
    kept = np.concatenate([usual[n_train:], odd[n_rare:]])
    columns = [c for c in frame if c != target]
    return train[columns].reset_index(drop=True), frame.iloc[kept][columns].reset_index(drop=True), is_rare[kept].astype(int)


def others(train: pd.DataFrame, test: pd.DataFrame, kinds: dict[str, str], seed: int) -> dict[str, np.ndarray]:
    """Scores of the other two, higher for odder rows."""
    known, new = encoded(train, test, kinds)
    forest = IsolationForest(random_state=seed).fit(known)
    factor = LocalOutlierFactor(n_neighbors=20, novelty=True).fit(known)
    return {"isolation forest": -forest.score_samples(new), "LOF": -factor.score_samples(new)}


def sums(space, train: pd.DataFrame, test: pd.DataFrame) -> dict[str, np.ndarray]:
    """Other ways to make one number of a row's cells."""
    known = space.surprise(train.tail(500), n_reasons=0, errors="missing").cells
    cells = np.nan_to_num(space.surprise(test, n_reasons=0, errors="missing").cells)
    above = np.maximum(cells - np.nanmean(known, axis=0), 0)
    return {"sum of nats": cells.sum(axis=1), "sum above the mean": above.sum(axis=1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--kinds", nargs="*", default=KINDS, choices=KINDS)
    parser.add_argument("--sums", action="store_true")
    arguments = parser.parse_args()
    known = [meta for meta in tables() if not arguments.only or meta["name"] in arguments.only]
    if not known:
        print("skipped: no shared tables; TABGRAFT_DATA points to them")
        return
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in arguments.kinds}
    for meta in known:
        frame, kinds = read(meta)
        for seed in range(arguments.seeds):
            rng = np.random.default_rng(seed)
            rows = frame.iloc[rng.permutation(len(frame))[:MOST_ROWS]].reset_index(drop=True)
            n_train = int(0.7 * len(rows))
            train, rest = rows[:n_train], rows[n_train:].reset_index(drop=True)
            space = None
            for kind in arguments.kinds:
                if kind == "rare":
                    planted = rare(rows, meta["target"], rng)
                    if planted is None:
                        continue
                    train, test, is_odd = planted
                    space = fitted(train, seed)
                else:
                    planted = plant(rest, train, kinds, kind, rng)
                    if planted is None:
                        continue
                    test, is_odd = planted
                    space = space or fitted(train, seed)
                scores = {"tabgraft": space.surprise(test, n_reasons=0, errors="missing").scores}
                scores |= others(train, test, kinds, seed)
                scores |= sums(space, train, test) if arguments.sums else {}
                auc = {name: float(roc_auc_score(is_odd, score)) for name, score in scores.items()}
                found[kind].append(auc)
                row = "  ".join(f"{name} {value:.3f}" for name, value in auc.items())
                print(f"{kind:8} {meta['name']:16} seed {seed}  {row}", flush=True)
    for kind, runs in found.items():
        if runs:
            table = pd.DataFrame(runs)
            best = table.eq(table.max(axis=1), axis=0).sum()
            row = "  ".join(f"{name} {table[name].mean():.3f} (best of {best[name]})" for name in table)
            print(f"{kind}: mean ROC AUC of {len(runs)} runs  {row}")


def fitted(train: pd.DataFrame, seed: int) -> tabgraft.EmbeddingSpace:
    """A space with all defaults, all of whose rows train or validate."""
    return tabgraft.EmbeddingSpace.fit(train, p_test=0, seed=seed, progress=False)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    sys.exit(main())
