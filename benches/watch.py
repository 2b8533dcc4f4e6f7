"""Watch: false alarms on rows of the same distribution, and what is seen of changes that were made.

    python benches/watch.py [--samples 20] [--only NAME ...] [--alpha 0.01]

Needs the Python package (`pip install .`) and the shared tables ($TABGRAFT_DATA); without them it says so and ends. Of
each table half of the rows are trained on (the target is a column like any other); the other half is later rows, of which
`--samples` draws of a third are watched as they are, for false alarms, and changed in one column each:

shift     a number's mean moves by a quarter of its deviation
level     a twentieth of a category's cells become a level that nobody knows
missing   cells without a value are twice as many, at least a twentieth of the rows
broken    a column is shuffled among the rows: it has the values that it had, and they go with nothing. It is one of the
          three columns that the others tell best, by its loss in the file
"""

import argparse
import sys
import warnings

import numpy as np
import pandas as pd

import tabgraft
from odd import read, tables

#: Most rows of a table that are looked at.
MOST_ROWS = 20_000
CHANGES = ("shift", "level", "missing", "broken")


def changed(rows: pd.DataFrame, kinds: dict[str, str], space, what: str, rng: np.random.Generator):
    """The rows with one column changed, and which; none where the table has no column for it."""
    used = [c for c in space.columns if c in rows]
    if what == "shift":
        names = [c for c in used if kinds[c] == "numeric" and rows[c].nunique() > 10]
    elif what == "level":
        names = [c for c in used if kinds[c] == "categorical" and not pd.api.types.is_numeric_dtype(rows[c])]
    elif what == "missing":
        names = used
    else:
        losses = space.training_info["final_column_losses"]
        names = sorted((c for c in used if c in losses), key=losses.get)[:3]
    if not names:
        return None
    name = str(rng.choice(names))
    column = rows[name].copy()
    if what == "shift":
        column = column.astype(float) + 0.25 * column.std()
    elif what == "level":
        at = rng.choice(len(column), max(len(column) // 20, 1), replace=False)
        column = column.astype(object)
        column.iloc[at] = "never seen before"
    elif what == "missing":
        n = max(int(column.isna().sum()), len(column) // 20)
        there = np.flatnonzero(column.notna())
        column = column.astype(object)
        column.iloc[rng.choice(there, min(n, len(there)), replace=False)] = None
    else:
        column = pd.Series(rng.permutation(column.to_numpy()), index=column.index)
    return rows.assign(**{name: column}), name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--alpha", type=float, default=0.01)
    arguments = parser.parse_args()
    known = [meta for meta in tables() if not arguments.only or meta["name"] in arguments.only]
    if not known:
        print("skipped: no shared tables; TABGRAFT_DATA points to them")
        return
    alarms, seen, blamed = [], {what: [] for what in CHANGES}, {what: [] for what in CHANGES}
    for meta in known:
        frame, kinds = read(meta)
        rng = np.random.default_rng(0)
        rows = frame.iloc[rng.permutation(len(frame))[:MOST_ROWS]].reset_index(drop=True)
        half = len(rows) // 2
        space = tabgraft.EmbeddingSpace.fit(rows.iloc[:half], p_test=0, progress=False)
        later = rows.iloc[half:].reset_index(drop=True)
        own, own_seen = [], {what: [] for what in CHANGES}
        for _ in range(arguments.samples):
            drawn = later.iloc[rng.choice(len(later), len(later) // 3, replace=False)].reset_index(drop=True)
            watch = lambda rows: space.watch(rows, alpha=arguments.alpha, errors="missing")  # noqa: E731
            own.append(watch(drawn).changed)
            for what in CHANGES:
                made = changed(drawn, kinds, space, what, rng)
                if made is not None:
                    found = watch(made[0])
                    own_seen[what].append(found.changed)
                    blamed[what].append(made[1] in {change["column"] for change in found.changes})
        alarms += own
        for what in CHANGES:
            seen[what] += own_seen[what]
        power = "  ".join(f"{what} {sum(own_seen[what])}/{len(own_seen[what])}" for what in CHANGES)
        print(f"{meta['name']:16} {len(later) // 3:6} rows  false alarms {sum(own)}/{len(own)}  {power}", flush=True)
    print(f"false alarms at alpha {arguments.alpha}: {sum(alarms)} of {len(alarms)} samples of {len(known)} tables")
    for what in CHANGES:
        print(f"{what}: seen in {sum(seen[what])} of {len(seen[what])}, its column named in {sum(blamed[what])}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    sys.exit(main())
