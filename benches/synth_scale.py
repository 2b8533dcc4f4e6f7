"""A synthetic credit table with a known best score: ratios, thresholds, interactions, a season, 20,000 merchants.

    synth_scale.py OUT.parquet [ROWS]        default 1,000,000 rows; needs NumPy and pandas with pyarrow

Column `default` (5 % positive) is the target; ROC AUC of the true probability, before cells were made missing, is .8205.
`tabgraft discover` on 100,000 of its rows has to confirm what passes within its default budget.
"""
import sys

import numpy as np
import pandas as pd

out, n = sys.argv[1], 1_000_000
rng = np.random.default_rng(20261123)
age = rng.integers(18, 75, n)
income = np.exp(rng.normal(10.4, 0.55, n) + 0.008 * (age - 18))
debt = income * rng.beta(2, 5, n) * 2
duration = rng.choice([6, 12, 18, 24, 36, 48, 60], n, p=[0.1, 0.25, 0.15, 0.2, 0.15, 0.1, 0.05])
amount = np.exp(rng.normal(8, 0.8, n))
region = rng.integers(0, 50, n)
merchant = rng.zipf(1.3, n) % 20000
channel = rng.choice(["web", "branch", "phone", "agent"], n, p=[0.5, 0.25, 0.15, 0.1])
day = rng.integers(0, 1460, n)
of_region, of_merchant = rng.normal(0, 0.35, 50), rng.normal(0, 0.6, 20000)
z = (
    -2.4
    + 1.4 * np.tanh(2 * (debt / income - 0.6))
    + 0.9 * (age < 25)
    + 0.8 * np.clip(np.log(amount / duration / (income / 12)) + 1.5, -2, 2)
    + of_region[region]
    + of_merchant[merchant]
    + 0.4 * np.sin(2 * np.pi * day / 365.25)
    + 0.7 * ((channel == "agent") & (duration >= 36))
    - 0.5 * ((channel == "branch") & (age > 50))
)
target = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
table = pd.DataFrame(
    {
        "applied": (pd.Timestamp("2021-01-01") + pd.to_timedelta(day, "D")).strftime("%Y-%m-%d"),
        "age": age,
        "income": income.round(0),
        "debt": debt.round(0),
        "duration": duration,
        "amount": amount.round(0),
        "region": [f"r{i:02d}" for i in region],
        "merchant": [f"m{i:05d}" for i in merchant],
        "channel": channel,
    }
)
for column, share in [("income", 0.06), ("debt", 0.1), ("channel", 0.03)]:
    table.loc[rng.random(n) < share, column] = None if column == "channel" else np.nan
for i in range(6):
    table[f"noise{i}"] = rng.normal(size=n).round(3)
table["default"] = target
rows = int(sys.argv[2]) if len(sys.argv) > 2 else n
table.head(rows).to_parquet(out, index=False)
