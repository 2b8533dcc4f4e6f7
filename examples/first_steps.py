# %% [markdown]
# # First steps
#
# A table goes in as the path of a file. An embedding space learns one vector per row, without a
# target. A predictor stands on top of it. Only tabgraft and NumPy are needed.

# %%
import tempfile
from pathlib import Path

import numpy as np
import tabgraft

# German Credit, 1,000 loans; `default` is 1 where a loan went bad.
nearby = [folder / "fixtures" for folder in Path(globals().get("__file__", "notebook")).resolve().parents]
credit = next(folder / "german_credit.csv" for folder in nearby if (folder / "german_credit.csv").exists())

# %% [markdown]
# ## A space
#
# The target stays out of the space, so that the space can serve predictors of any target. Every
# other column is used, or listed with the reason why not.

# %%
space = tabgraft.EmbeddingSpace.fit(credit, ignore=["default"], name="credit")
print(space)

card = space.inspect()
for column in card["columns"][:5]:
    print(f"  {column['name']:17} {column['kind']:12} {column['reason']}")
print(f"  and {len(card['columns']) - 5} more")
for column in card["excluded"]:
    print(f"  {column['name']:17} left out: {column['reason']}")

# %% [markdown]
# ## Vectors
#
# Rows that are alike are near each other. These are the three nearest to the first loan, by the
# cosine of the angle between two vectors.

# %%
z = space.embed(credit)
print("vectors:", z.shape, z.dtype)

unit = z / np.linalg.norm(z, axis=1, keepdims=True)
cosines = unit @ unit[0]
for row in np.argsort(-cosines)[1:4]:
    print(f"  row {row}: cosine {cosines[row]:.3f}")

# %% [markdown]
# ## A predictor
#
# Its scores come from rows that neither the space nor the predictor has learned from. Few rows
# make wide intervals: they are printed beside every score.

# %%
predictor = tabgraft.Predictor.fit(space, credit, "default")
print(predictor)
for score in predictor.scores:
    print(f"  {score['metric']:9} {score['value']:.3f}  95 % interval {score['low']:.3f} to {score['high']:.3f}, {score['n']} rows")

# %%
predictions = predictor.predict(credit)
print("classes:", predictions.classes)
for row in range(3):
    print(
        f"  row {row}: class {predictions.labels[row]}, probability of class 1 "
        f"{predictions.probabilities[row, 1]:.3f}, confidence {predictions.confidence[row]:.2f}"
    )

# %% [markdown]
# ## Files
#
# A model is one file of weights and JSON. Loading it runs no code, and what is loaded predicts the
# same.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "credit.tabgraft"
    predictor.save(path)
    print(f"{path.name}: {path.stat().st_size:,} bytes, {tabgraft.verify(path)['kind']}")
    loaded = tabgraft.Predictor.load(path)

same = np.array_equal(loaded.predict(credit).probabilities, predictions.probabilities)
print("the loaded predictor gives the same probabilities:", same)
assert same
