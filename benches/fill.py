"""Missing cells: `space.fill` beside mean and mode, and k-nearest neighbours, on cells that were hidden at random.

    python benches/fill.py [--seeds 1] [--only NAME ...]

Needs the Python package (`pip install .`) and the shared tables ($TABGRAFT_DATA); without them it says so and ends. Of each
table 70 % of the rows are trained on (the target is a column like any other), and a tenth of the cells of the others, drawn
evenly among those that are there, is hidden. Neighbours are those of scikit-learn's KNNImputer (5, by distance) on
standardised numbers and one-hot categories, of at most 3,000 training rows; a category is the one with the largest share.
Figures: root mean squared error of numbers over the deviation of their training cells, and share of categories that are
right, each a mean over columns.
"""

import argparse
import sys
import warnings

import numpy as np
import pandas as pd
from sklearn.impute import KNNImputer

import tabgraft
from odd import MOST_LEVELS, MOST_ROWS, read, tables

#: Rows that neighbours are looked for among.
MOST_NEIGHBOURS = 3_000
SHARE = 0.1


def hidden(rows: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows with cells hidden, and which."""
    is_hidden = rows.notna() & (rng.random(rows.shape) < SHARE)
    return rows.astype(object).where(~is_hidden, None), is_hidden


def encoded(train: pd.DataFrame, rows: pd.DataFrame, kinds: dict[str, str]):
    """Numbers standardised, categories one-hot, missing where a cell is; and the columns of each."""
    parts, places, first = [], {}, 0
    for name in train:
        if kinds[name] == "numeric":
            values = pd.to_numeric(rows[name], errors="coerce").to_numpy(float)
            known = pd.to_numeric(train[name], errors="coerce")
            part = ((values - known.mean()) / (known.std() or 1.0))[:, None]
        elif kinds[name] == "categorical":
            levels = train[name].dropna().astype(str).value_counts().index[:MOST_LEVELS].to_numpy()
            part = (rows[name].astype(str).to_numpy()[:, None] == levels[None, :]).astype(float)
            part[rows[name].isna().to_numpy()] = np.nan
        else:
            continue
        parts.append(part)
        places[name] = (first, first + part.shape[1])
        first += part.shape[1]
    return np.hstack(parts), places


def simple(train: pd.DataFrame, rows: pd.DataFrame, kinds: dict[str, str]) -> dict[str, np.ndarray]:
    """Means and modes."""
    filled = {}
    for name in train:
        if kinds[name] == "numeric":
            filled[name] = np.full(len(rows), pd.to_numeric(train[name], errors="coerce").mean())
        elif kinds[name] == "categorical":
            filled[name] = np.full(len(rows), train[name].dropna().astype(str).mode().iloc[0], dtype=object)
    return filled


def neighbours(train: pd.DataFrame, rows: pd.DataFrame, kinds: dict[str, str]) -> dict[str, np.ndarray]:
    """Of the five nearest rows."""
    known, places = encoded(train, train.head(MOST_NEIGHBOURS), kinds)
    gaps, _ = encoded(train, rows, kinds)
    values = KNNImputer(n_neighbors=5, weights="distance", keep_empty_features=True).fit(known).transform(gaps)
    filled = {}
    for name, (first, end) in places.items():
        if kinds[name] == "numeric":
            column = pd.to_numeric(train[name], errors="coerce")
            filled[name] = values[:, first] * (column.std() or 1.0) + column.mean()
        else:
            levels = train[name].dropna().astype(str).value_counts().index[:MOST_LEVELS].to_numpy()
            filled[name] = levels[values[:, first:end].argmax(axis=1)]
    return filled


def ours(space, rows: pd.DataFrame, kinds: dict[str, str]) -> dict[str, np.ndarray]:
    """What the space tells."""
    frame = space.fill(rows.infer_objects(), errors="missing").frame
    return {name: frame[f"{name}_filled"].to_numpy() for name in kinds if f"{name}_filled" in frame}


def scores(truth: pd.DataFrame, is_hidden: pd.DataFrame, filled: dict, kinds: dict, train: pd.DataFrame):
    """Mean error of numbers over their deviation, and mean share of categories that are right."""
    errors, right = [], []
    for name in truth:
        at = is_hidden[name].to_numpy()
        if not at.any() or kinds[name] not in ("numeric", "categorical") or name not in filled:
            continue
        if kinds[name] == "numeric":
            deviation = pd.to_numeric(train[name], errors="coerce").std()
            if deviation > 0:
                off = filled[name][at].astype(float) - pd.to_numeric(truth[name])[at].to_numpy(float)
                errors.append(float(np.sqrt(np.nanmean(off**2)) / deviation))
        else:
            same = pd.Series(filled[name][at]).astype(str).str.removesuffix(".0").to_numpy()
            right.append(float((same == truth[name][at].astype(str).str.removesuffix(".0").to_numpy()).mean()))
    return (np.mean(errors) if errors else np.nan), (np.mean(right) if right else np.nan)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="*")
    arguments = parser.parse_args()
    known = [meta for meta in tables() if not arguments.only or meta["name"] in arguments.only]
    if not known:
        print("skipped: no shared tables; TABGRAFT_DATA points to them")
        return
    found = []
    for meta in known:
        frame, kinds = read(meta)
        for seed in range(arguments.seeds):
            rng = np.random.default_rng(seed)
            rows = frame.iloc[rng.permutation(len(frame))[:MOST_ROWS]].reset_index(drop=True)
            n_train = int(0.7 * len(rows))
            train, truth = rows[:n_train], rows[n_train:].reset_index(drop=True)
            gaps, is_hidden = hidden(truth, rng)
            space = tabgraft.EmbeddingSpace.fit(train, p_test=0, seed=seed, progress=False)
            row = {}
            for who, filled in (
                ("tabgraft", ours(space, gaps, kinds)),
                ("mean and mode", simple(train, gaps, kinds)),
                ("neighbours", neighbours(train, gaps, kinds)),
            ):
                row[f"{who}: error"], row[f"{who}: right"] = scores(truth, is_hidden, filled, kinds, train)
            found.append(row)
            print(f"{meta['name']:16} seed {seed}  " + "  ".join(f"{k} {v:.3f}" for k, v in row.items()), flush=True)
    table = pd.DataFrame(found)
    print(f"mean of {len(table)} runs: " + "  ".join(f"{name} {table[name].mean():.3f}" for name in table))
    for what, best in (("error", "min"), ("right", "max")):
        names = [name for name in table if name.endswith(what)]
        complete = table[names].dropna()
        wins = complete.eq(getattr(complete, best)(axis=1), axis=0).sum()
        print(f"{what}: best of {len(complete)} runs: " + "  ".join(f"{n} {wins[n]}" for n in names))


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    sys.exit(main())
