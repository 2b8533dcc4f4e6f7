# %% [markdown]
# # polars
#
# Frames go in by the Arrow interface, without pandas. Features come back in a polars frame.

# %%
from pathlib import Path

import numpy as np
import polars as pl
import tabgraft

nearby = [folder / "fixtures" for folder in Path(globals().get("__file__", "notebook")).resolve().parents]
path = next(folder / "german_credit.csv" for folder in nearby if (folder / "german_credit.csv").exists())
credit = pl.read_csv(path)
print(credit.select("checking_status", "duration", "credit_amount", "default").head(3))

# %% [markdown]
# ## Features in polars, or from tabgraft
#
# A column that polars computes is a new column like any other. A feature of tabgraft is remembered
# in the model's file, so that it can be computed again where the model is loaded.

# %%
engineer = tabgraft.FeatureEngineer([{"name": "amount_per_month", "formula": "credit_amount / duration"}])
enriched = engineer.fit_transform(credit)
print(type(enriched), enriched.columns[-2:])

by_polars = credit.select(pl.col("credit_amount") / pl.col("duration")).to_series()
print("the same numbers:", np.allclose(enriched["amount_per_month"], by_polars))

# %% [markdown]
# ## A space, and vectors beside their rows

# %%
space = tabgraft.EmbeddingSpace.fit(credit, ignore=["default"], name="credit")
child = space.extend(enriched, features=engineer)
z = child.embed(enriched)
beside = credit.select("purpose", "default").with_columns(pl.Series("z", z))
print(beside.head(3))

# %% [markdown]
# ## Predictions beside their rows

# %%
predictor = tabgraft.Predictor.fit(child, enriched, "default", n_networks=2)
predictions = predictor.predict(enriched)
scored = credit.select("purpose", "default").with_columns(probability=predictions.probabilities[:, 1])
print(scored.group_by("purpose").agg(pl.len(), pl.col("default", "probability").mean()).sort("len", descending=True))

# %% [markdown]
# A lazy frame has no rows yet: collect it first.

# %%
try:
    child.embed(credit.lazy())
except tabgraft.SchemaError as error:
    print(error)
