"""Planted features: does discovery find a truth that is known, among columns of noise?

Synthetic tables of 2,000 rows, each with one planted truth and columns of noise: a ratio above a threshold,
a product, a cross of two categories, a deviation from a group's mean, the age of a date. `--columns 60` adds noise until
there are so many, and `--kinds strong` plants a product worth +.36 of ROC AUC, which has to be recommended whatever
else there is to look at. A truth counts as
found if one of the first five suggestions reads its columns and orders the rows as it does (rank correlation
of at least .8; for the cross: the same cells). Prints the share found for each kind, and of all.
"""

import argparse
import json

import numpy as np
import pandas as pd

import harness

N_ROWS = 2000
N_NOISE_NUMBERS, N_NOISE_CATEGORIES = 8, 4
N_SUGGESTED = 5


def ratio(rng):
    income, debt = rng.lognormal(3.5, 0.5, N_ROWS), rng.lognormal(3.0, 0.5, N_ROWS)
    return {"income": income, "debt": debt}, debt / income, 2.2 * (debt / income > 1.0)


def product(rng):
    width, height = rng.normal(0, 1, N_ROWS), rng.normal(0, 1, N_ROWS)
    return {"width": width, "height": height}, width * height, 1.2 * width * height


def strong(rng):
    width, height = rng.normal(0, 1, N_ROWS), rng.normal(0, 1, N_ROWS)
    return {"width": width, "height": height}, width * height, 4.0 * width * height


def cross(rng):
    colour, shape = rng.choice(list("abcd"), N_ROWS), rng.choice(list("wxyz"), N_ROWS)
    cells = pd.Series(colour) + pd.Series(shape)
    # Every row and every column of the table of effects sums to 0: neither category tells anything alone.
    effect = {c + s: 1.1 * (-1) ** (i + j) for i, c in enumerate("abcd") for j, s in enumerate("wxyz")}
    return {"colour": colour, "shape": shape}, cells, cells.map(effect).to_numpy()


def deviation(rng):
    group = rng.choice([f"region {i}" for i in range(8)], N_ROWS)
    level = {name: value for name, value in zip(sorted(set(group)), rng.normal(0, 3, 8))}
    price = np.array([level[g] for g in group]) + rng.normal(0, 1, N_ROWS)
    deviates = price - pd.Series(price).groupby(group).transform("mean").to_numpy()
    return {"price": price, "region": group}, deviates, 1.4 * deviates


def age(rng):
    days = rng.integers(0, 2000, N_ROWS)
    opened = pd.Timestamp("2024-06-30") - pd.to_timedelta(days, unit="D")
    return {"opened": opened.strftime("%Y-%m-%d").to_numpy()}, days.astype(float), 2.0 * (days < 400)


KINDS = {"ratio": ratio, "product": product, "cross": cross, "deviation": deviation, "age": age, "strong": strong}
USUAL = "ratio,product,cross,deviation,age"


def table(kind: str, seed: int, n_columns: int = 0):
    """The frame with its target, the truth's values and the columns that it reads."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    columns, truth, signal = KINDS[kind](rng)
    n_numbers = max(N_NOISE_NUMBERS, n_columns - len(columns) - N_NOISE_CATEGORIES)
    noise = {f"n{i}": rng.normal(0, 1, N_ROWS) for i in range(n_numbers)}
    noise |= {f"c{i}": rng.choice(list("pqrs"), N_ROWS) for i in range(N_NOISE_CATEGORIES)}
    p = 1 / (1 + np.exp(-(signal - np.mean(signal))))
    frame = pd.DataFrame(columns | noise)
    frame = frame[rng.permutation(frame.columns)]
    frame["target"] = np.where(rng.random(N_ROWS) < p, "yes", "no")
    return frame, truth, set(columns)


def is_truth(values: pd.Series, truth) -> bool:
    """Whether a column orders the rows as the truth does."""
    if isinstance(truth, pd.Series):
        return bool((values.groupby(truth).nunique() == 1).all() and (truth.groupby(values).nunique() == 1).all())
    if values.dtype == bool:
        values = values.astype(float)
    if not pd.api.types.is_numeric_dtype(values):
        return False
    return abs(values.corr(pd.Series(truth), method="spearman")) >= 0.8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--columns", type=int, default=0, help="columns of the table at least")
    parser.add_argument("--kinds", default=USUAL, help="which truths, with commas")
    parser.add_argument("--guide", default="predictor", choices=["predictor", "linear"], help="whose errors features explain")
    parser.add_argument("--verbose", action="store_true", help="print what was suggested instead of a truth")
    arguments = parser.parse_args()
    harness.build()
    found, proven, seconds, false_claims, n_claims = {}, {}, [], 0, 0
    for kind in arguments.kinds.split(","):
        hits, claims = 0, 0
        for seed in range(arguments.seeds):
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
            if arguments.verbose and not hit:
                print(f"  {kind} {seed}: {', '.join(report['suggested'])}", flush=True)
            hits += bool(hit)
            # A recommended feature that reads none of the truth's columns is a false claim.
            recommended = [suggestions[name] for name in report["recommended"]]
            claims += any(set(s["inputs"]) & inputs for s in recommended)
            n_claims += len(recommended)
            false_claims += sum(not set(s["inputs"]) & inputs for s in recommended)
            seconds.append(report["seconds"])
        found[kind], proven[kind] = hits, claims
        print(f"{kind:10s} in the first {N_SUGGESTED}: {hits} of {arguments.seeds}; "
              f"recommended: {claims} of {arguments.seeds}", flush=True)
    n = arguments.seeds * len(found)
    print(f"found {sum(found.values()) / n:.1%} of {n}; something of the truth recommended {sum(proven.values()) / n:.1%}; "
          f"{false_claims} of {n_claims} recommended features read noise alone; "
          f"{np.median(seconds):.1f} s a search (median)")


if __name__ == "__main__":
    main()
