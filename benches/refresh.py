"""Half of the rows, then the other half: a refreshed space against training on all, and against not refreshing.

The second half of a table has what the first half lacks: later dates, where the table has a column of dates, else the
rows of a third of the levels of its three columns of most categories, drawn by the seed. A fifth of each half's rows is
kept back. Of each version a linear model is fitted on the vectors of all other rows and scored (ROC AUC or R2) on three
kinds of rows that were kept back: early ones, later ones, and later ones with a level that the first half lacks.

`stores` is made on the spot: 40 stores, half of which the first half lacks; the target is a noisy function of the store
and of a number.

Versions: `none` is the first half's space; `frozen` and `anchored` are it after the later rows; `both` is anchored, and
is given early and later rows; `all` is trained on all rows from nothing. Printed: scores less those of `none`, the drift
of rows without a new level, and processor seconds.
"""

import argparse

import numpy as np
import pandas as pd

import harness

TABLES = ["stores", "hotel_rates", "bikeshare", "german_credit", "credit_data", "attrition", "stackoverflow", "diamonds"]
DATES = {"hotel_rates": "arrival_date", "bikeshare": "date"}
#: Rows of larger tables that are taken.
MOST_ROWS = 12_000
#: Fewest rows that a score is of.
LEAST_ROWS = 50
KINDS = ["early", "later", "new levels"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="*", default=TABLES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--bounds", nargs="*", type=float, default=[0.05], help="drift bounds of `both`")
    arguments = parser.parse_args()
    harness.build()
    rows = []
    for name in arguments.tables:
        for seed in range(arguments.seeds):
            rows += one(name, seed, arguments.bounds)
    table = pd.DataFrame(rows)
    for name, part in [*table.groupby("table", sort=False), ("all", table)]:
        print(f"\n{name}")
        by = part.groupby("version", sort=False)
        shown = by[[*KINDS, "drift", "seconds"]].mean().round(4)
        if name == "all":
            for kind in KINDS:
                shown[f"{kind} se"] = by[kind].agg(lambda gain: gain.std() / np.sqrt(gain.count())).round(4)
        print(shown.to_string())


def load(name: str, seed: int):
    """A table: frame of text cells, target column, target as 0/1 or number."""
    if name != "stores":
        return harness.load(name)[:3]
    random = np.random.RandomState(seed)
    store, number = random.randint(0, 40, 4000), random.randn(4000)
    y = (random.randn(40)[store] + 0.5 * number + 0.7 * random.randn(4000) > 0).astype(int)
    shown = {"store": [f"s{s}" for s in store], "number": number.round(3), "noise": random.randn(4000).round(3)}
    frame = pd.DataFrame({**shown, "shelf": random.choice(list("abcd"), 4000), "y": y})
    return frame.astype(str), "y", y


def halves(name: str, frame: pd.DataFrame, target: str, seed: int) -> np.ndarray:
    """Which rows are of the second half."""
    if name in DATES:
        days = pd.to_datetime(frame[DATES[name]])
        return (days > days.median()).to_numpy()
    random = np.random.RandomState(seed)
    if name == "stores":
        return (random.rand(len(frame)) < 0.25) | (frame["store"].str[1:].astype(int) >= 20).to_numpy()
    is_category = lambda c: pd.to_numeric(frame[c], errors="coerce").isna().all() and frame[c].nunique() > 3
    columns = [c for c in frame.drop(columns=[target]) if is_category(c)]
    columns = sorted(columns, key=lambda c: (-frame[c].nunique(), c))[:3]
    later = random.rand(len(frame)) < 0.3
    for column in columns:
        levels = sorted(frame[column].unique())
        chosen = random.permutation(levels)[: max(1, len(levels) // 3)]
        # Of frequent levels a few rows would be all that the first half has.
        chosen = [level for level in chosen if (frame[column] == level).mean() < 0.25]
        later |= frame[column].isin(chosen).to_numpy()
    return later


def one(name: str, seed: int, bounds: list[float]) -> list[dict]:
    frame, target, y = load(name, seed)
    kept = np.random.RandomState(seed).permutation(len(frame))[:MOST_ROWS]
    frame, y = frame.iloc[kept].reset_index(drop=True), y[kept]
    later = halves(name, frame, target, seed)
    test = np.random.RandomState(seed + 1000).rand(len(frame)) < 0.2
    early_rows = frame[~later & ~test]
    texts = [c for c in frame if c not in (target, DATES.get(name)) and pd.to_numeric(frame[c], errors="coerce").isna().any()]
    new = np.zeros(len(frame), dtype=bool)
    for column in texts:
        new |= ~frame[column].isin(set(early_rows[column])).to_numpy()
    work = harness.Work()
    files = {
        kind: work.table(frame[rows], kind)
        for kind, rows in {"early": ~later & ~test, "later": later & ~test, "both": ~test, "test": test}.items()
    }
    common = ["--ignore", target, "--p-test", 0, "--seed", seed, "--split-seed", seed]
    seconds, drift = {}, {}

    def make(version, *command):
        out = work.file(f"{version}.tabgraft")
        found = harness.measured(*command, "-o", out)
        seconds[version] = found["cpu"]
        moved = (found["report"].get("extension") or {}).get("drift")
        drift[version] = moved and moved["mean_cosine_distance"]
        return out

    spaces = {"none": make("none", "train", files["early"], *common)}
    parent = spaces["none"]
    if (new & later & ~test).any():
        spaces["frozen"] = make("frozen", "refresh", parent, files["later"], "--mode", "frozen", "--seed", seed)
    spaces["anchored"] = make("anchored", "refresh", parent, files["later"], "--seed", seed)
    for bound in bounds:
        version = "both" if bound == 0.05 else f"both {bound:g}"
        options = ["--drift-bound", bound, "--seed", seed]
        spaces[version] = make(version, "refresh", parent, files["both"], *options)
    spaces["all"] = make("all", "train", files["both"], *common)
    of_test = {"early": ~later[test], "later": later[test], "new levels": (later & new)[test]}
    scores = {}
    for version, space in spaces.items():
        z, z_test = work.embed(space, files["both"]), work.embed(space, files["test"])
        scores[version] = {
            kind: harness.probe(z, y[~test], z_test[rows], y[test][rows]) if rows.sum() >= LEAST_ROWS else np.nan
            for kind, rows in of_test.items()
        }
    result = []
    for version, found in scores.items():
        gains = {kind: found[kind] - scores["none"][kind] for kind in KINDS}
        own = drift[version] if drift[version] is not None else np.nan
        result.append(dict(table=name, version=version, drift=own, seconds=seconds[version], **gains))
        shown = " ".join(f"{kind} {found[kind]:.4f} ({gains[kind]:+.4f})" for kind in KINDS)
        print(f"{name} seed {seed} {version:12s} {shown} drift {own:.4f} {seconds[version]:.1f} s", flush=True)
    print(f"  rows: {(~later).sum()} early, {later.sum()} later, {(later & new).sum()} of them with a new level", flush=True)
    return result


if __name__ == "__main__":
    main()
