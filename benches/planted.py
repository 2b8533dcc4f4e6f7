"""Planted features: does discovery find a truth that is known, among columns of noise?

Synthetic tables of 2,000 rows, each with one planted truth and columns of noise: a ratio above a threshold,
a product, a cross of two categories, a deviation from a group's mean, the age of a date, a rank in a group of a spread
of its own; how far a reading is from what is usual for its machine, where machines differ by hundreds of times as much,
faintly and strongly. `--columns 60` adds noise until there are so many; `--kinds strong` plants a strong product.

What a truth is *worth* to a guide differs: a linear model of price and region knows the deviation already, and trees
know the age. So for the first seeds the guide is fitted on the table with and without the true values as a column (of
a predictor: grafted on its space), and both are scored on 20,000 fresh rows: the mean gain of ROC AUC, with its
standard error. A truth that is worth nothing should not be recommended.

A truth counts as *found* if one of the first five suggestions reads its columns and orders the rows as it does (rank
correlation of at least .8; for the cross: the same cells). A truth is *recommended* if a recommended feature reads
some of its columns; one that reads none is a false claim. *Open* are those of which nothing is recommended and
something passed but lacked the time to be confirmed.
"""

import argparse

import numpy as np
import pandas as pd

import harness

N_ROWS = 2000
N_FRESH = 20_000
N_NOISE_NUMBERS, N_NOISE_CATEGORIES = 8, 4
N_SUGGESTED = 5
#: What prices are about in each region.
LEVELS = dict(zip([f"region {i}" for i in range(8)], [1.5, -3.3, 0.4, 5.1, -1.2, 2.6, -4.0, -0.3]))


def ratio(rng, n):
    income, debt = rng.lognormal(3.5, 0.5, n), rng.lognormal(3.0, 0.5, n)
    return {"income": income, "debt": debt}, debt / income, 2.2 * (debt / income > 1.0)


def product(rng, n):
    width, height = rng.normal(0, 1, n), rng.normal(0, 1, n)
    return {"width": width, "height": height}, width * height, 1.2 * width * height


def strong(rng, n):
    width, height = rng.normal(0, 1, n), rng.normal(0, 1, n)
    return {"width": width, "height": height}, width * height, 4.0 * width * height


def cross(rng, n):
    colour, shape = rng.choice(list("abcd"), n), rng.choice(list("wxyz"), n)
    cells = pd.Series(colour) + pd.Series(shape)
    # Every row and every column of the table of effects sums to 0: neither category tells anything alone.
    effect = {c + s: 1.1 * (-1) ** (i + j) for i, c in enumerate("abcd") for j, s in enumerate("wxyz")}
    return {"colour": colour, "shape": shape}, cells, cells.map(effect).to_numpy()


def deviation(rng, n):
    region = rng.choice(list(LEVELS), n)
    deviates = rng.normal(0, 1, n)
    return {"price": deviates + pd.Series(region).map(LEVELS).to_numpy(), "region": region}, deviates, 1.4 * deviates


def age(rng, n):
    days = rng.integers(0, 2000, n)
    opened = pd.Timestamp("2024-06-30") - pd.to_timedelta(days, unit="D")
    return {"opened": opened.strftime("%Y-%m-%d").to_numpy()}, days.astype(float), 2.0 * (days < 400)


#: 40 stores with a level and a spread of prices of their own, and 40 machines whose readings are of their own size.
SHAPES = np.random.default_rng(0)
STORES = {f"store {i:02d}": shape for i, shape in enumerate(zip(SHAPES.lognormal(3.3, 1.0, 40), SHAPES.lognormal(3.4, 1.0, 40)))}
MACHINES = {f"machine {i:02d}": size for i, size in enumerate(SHAPES.uniform(0, 1000, 40))}


def rank(rng, n):
    store = pd.Series(rng.choice(list(STORES), n))
    dear = rng.normal(0, 1, n)
    level, spread = (store.map({name: shape[i] for name, shape in STORES.items()}).to_numpy() for i in range(2))
    return {"price": np.round(level + spread * dear, 2), "store": store.to_numpy()}, dear, 2.0 * dear


def usual(rng, n, slope=3.0):
    machine = pd.Series(rng.choice(list(MACHINES), n))
    deviates = rng.normal(0, 1, n)
    reading = np.round(machine.map(MACHINES).to_numpy() + deviates, 2)
    return {"reading": reading, "machine": machine.to_numpy()}, deviates, slope * deviates


def faint(rng, n):
    return usual(rng, n, slope=0.35)


KINDS = {"ratio": ratio, "product": product, "cross": cross, "deviation": deviation, "age": age, "strong": strong,
         "rank": rank, "faint": faint, "usual": usual}
USUAL = "ratio,product,cross,deviation,age,rank,faint,usual"


def table(kind: str, seed: int, n_columns: int = 0, n_rows: int = N_ROWS, fresh: bool = False):
    """The frame with its target, the truth's values and the columns that it reads; or fresh rows of the same kind."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)] + [1] * fresh)
    columns, truth, signal = KINDS[kind](rng, n_rows)
    n_numbers = max(N_NOISE_NUMBERS, n_columns - len(columns) - N_NOISE_CATEGORIES)
    noise = {f"n{i}": rng.normal(0, 1, n_rows) for i in range(n_numbers)}
    noise |= {f"c{i}": rng.choice(list("pqrs"), n_rows) for i in range(N_NOISE_CATEGORIES)}
    p = 1 / (1 + np.exp(-(signal - np.mean(signal))))
    frame = pd.DataFrame(columns | noise)
    frame = frame[rng.permutation(frame.columns)]
    frame["target"] = np.where(rng.random(n_rows) < p, "yes", "no")
    return frame, truth, set(columns)


def worth(kind: str, seed: int, guide: str, n_columns: int) -> tuple[float, float]:
    """ROC AUC on fresh rows of the guide, without the truth and with it."""
    frame, truth, _ = table(kind, seed, n_columns)
    fresh, fresh_truth, _ = table(kind, seed, n_columns, N_FRESH, fresh=True)
    whole, fresh_whole = frame.assign(truth=truth), fresh.assign(truth=fresh_truth)
    if guide == "linear":
        y, fresh_y = ((f["target"] == "yes").to_numpy(int) for f in [frame, fresh])
        # As a linear model takes it: a date is a number of seconds.
        cells = [f.drop(columns="target").assign(**{c: pd.to_datetime(f[c]).astype("int64") / 1e18 for c in f if c == "opened"})
                 for f in [frame, fresh, whole, fresh_whole]]
        return harness.one_hot(cells[0], y, cells[1], fresh_y), harness.one_hot(cells[2], y, cells[3], fresh_y)
    work = harness.Work()
    paths = {name: work.table(f, name) for name, f in
             {"frame": frame, "whole": whole, "fresh": fresh, "fresh_whole": fresh_whole}.items()}
    space, child, p, q = (work.file(f"{name}.tabgraft") for name in ["space", "child", "without", "with"])
    common = ["--seed", seed]
    work.run("train", paths["frame"], "--ignore", "target", "--p-test", 0, *common, "-o", space)
    work.run("extend", space, paths["whole"], "--ignore", "target", *common, "-o", child)
    work.run("predictor", space, paths["frame"], "--target", "target", *common, "-o", p)
    work.run("predictor", child, paths["whole"], "--target", "target", *common, "-o", q)
    scores = [harness.auc(work.run("evaluate", model, paths[rows], "--rows", "all"))
              for model, rows in [(p, "fresh"), (q, "fresh_whole")]]
    return scores[0], scores[1]


def is_truth(values: pd.Series, truth) -> bool:
    """Whether a column orders the rows as the truth does."""
    if isinstance(truth, pd.Series):
        return bool((values.groupby(truth).nunique() == 1).all() and (truth.groupby(values).nunique() == 1).all())
    if values.dtype == bool:
        values = values.astype(float)
    if not pd.api.types.is_numeric_dtype(values):
        return False
    return abs(values.corr(pd.Series(truth), method="spearman")) >= 0.8


def search(kind: str, seed: int, arguments) -> dict:
    """What one search finds of a truth."""
    frame, truth, inputs = table(kind, seed, arguments.columns)
    work = harness.Work()
    path, space, out = work.table(frame, "table"), work.file("space.tabgraft"), work.file("out")
    work.run("train", path, "--ignore", "target", "--seed", seed, "-o", space)
    report = work.run("discover", space, path, "--target", "target", "--n-suggested", N_SUGGESTED,
                      "--guide", arguments.guide, "--seed", seed, "--out-dir", out)
    enriched = work.file("enriched.csv")
    work.run("apply", f"{out}/suggested_features.json", path, "-o", enriched)
    enriched = pd.read_csv(enriched)
    suggestions = {s["name"]: s for s in report["run"]["suggestions"]}
    hit = [name for name in report["suggested"] if set(suggestions[name]["inputs"]) == inputs
           and is_truth(enriched[name], truth)]
    # A recommended feature that reads none of the truth's columns is a false claim.
    reads = {name: bool(set(s["inputs"]) & inputs) for name, s in suggestions.items()}
    claims = [name for name in report["recommended"] if reads[name]]
    is_open = any(reads[s["name"]] and (s.get("judgement") or {}).get("verdict") == "unconfirmed" for s in suggestions.values())
    if arguments.verbose:
        print(f"  {kind} {seed}: {report['seconds']:.1f} s, {'found' if hit else 'not found'}", flush=True)
        for name, s in suggestions.items():
            judged, refit = s.get("judgement"), s.get("refit")
            if (reads[name] or s["suggested"] or refit) and judged:
                print(f"    {name[:50]:50s} gain {s['gain']:.4f} effect {judged['effect']:+.3f} ({judged['interval'][0]:+.3f}) "
                      f"p {judged['p_adjusted']:.1e} {judged['verdict']:11s} " +
                      (f"refit {refit['effect']:+.3f} ({refit['interval'][0]:+.3f} to {refit['interval'][1]:+.3f}) "
                       f"of {refit['n_splits']}" if refit else ""), flush=True)
    return dict(found=bool(hit), recommended=bool(claims), open=is_open and not claims, n_claims=len(report["recommended"]),
                n_false=len(report["recommended"]) - len(claims), seconds=report["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--worth-seeds", type=int, default=5, help="tables of each kind on which the truth's worth is measured")
    parser.add_argument("--columns", type=int, default=0, help="columns of the table at least")
    parser.add_argument("--kinds", default=USUAL, help="which truths, with commas")
    parser.add_argument("--guide", default="predictor", choices=["predictor", "linear"], help="whose errors features explain")
    parser.add_argument("--verbose", action="store_true", help="print what became of the truth's features")
    arguments = parser.parse_args()
    harness.build()
    every = []
    for kind in arguments.kinds.split(","):
        aucs = np.array([worth(kind, seed, arguments.guide, arguments.columns) for seed in range(arguments.worth_seeds)])
        told = ""
        if len(aucs) > 1:
            gains = aucs[:, 1] - aucs[:, 0]
            error = gains.std(ddof=1) / len(gains) ** 0.5
            told = f"worth {gains.mean():+.3f} +- {error:.3f} (AUC {aucs[:, 0].mean():.3f} without); "
        rows = pd.DataFrame([search(kind, seed, arguments) for seed in range(arguments.seeds)])
        every.append(rows)
        print(f"{kind:10s} {told}in the first {N_SUGGESTED}: {rows.found.sum()} of {len(rows)}; recommended: "
              f"{rows.recommended.sum()} of {len(rows)}, open: {rows.open.sum()}", flush=True)
    every = pd.concat(every)
    print(f"found {every.found.mean():.1%} of {len(every)}; something of the truth recommended "
          f"{every.recommended.mean():.1%}; {every.n_false.sum()} of {every.n_claims.sum()} recommended features read noise "
          f"alone; {every.seconds.median():.1f} s a search (median), at most {every.seconds.max():.1f} s")


if __name__ == "__main__":
    main()
