# %% [markdown]
# # A new data source arrives
#
# A space is trained and in use. Later a bureau delivers three more columns for the same rows. They
# are grafted onto the space: its vectors keep their bits, and a comparison on rows that no training
# has seen says whether the columns help.

# %%
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import tabgraft

nearby = [folder / "fixtures" for folder in Path(globals().get("__file__", "notebook")).resolve().parents]
path = next(folder / "german_credit.csv" for folder in nearby if (folder / "german_credit.csv").exists())
credit = pd.read_csv(path)

late = ["checking_status", "credit_history", "savings_status"]
early = credit.drop(columns=late)

# %% [markdown]
# ## Before
#
# Two networks instead of five, to be quick.

# %%
space = tabgraft.EmbeddingSpace.fit(early, ignore=["default"], name="v1")
before = tabgraft.Predictor.fit(space, early, "default", name="before", n_networks=2)

# %% [markdown]
# The space has no codec for the new columns. It does not use them and says so: in a log record of
# `tabgraft` when it embeds them, and in `column_report`.

# %%
space.embed(credit)
for column in space.column_report(credit)["ignored_columns"]:
    print(f"{column['name']}: {column['reason']}")

# %% [markdown]
# ## A frozen graft
#
# Only new weights are trained. The child's vectors are the parent's, with further coordinates
# behind them.

# %%
child = space.extend(credit, name="v2")
graft = child.extension_metadata
print("new columns:", ", ".join(graft["new_columns_added"]))
print(f"coordinates: {space.d_model} -> {child.d_model}")
print(f"seconds: {space.training_info['seconds']:.2f} for v1, {graft['seconds']:.2f} for the graft")

old, new = space.embed(early), child.embed(credit)
same = np.array_equal(new[:, : space.d_model], old)
print("old coordinates are bit-identical:", same)
assert same

# %% [markdown]
# ## Does it help?
#
# Both predictors are scored on the same rows. The interval is that of the difference; the verdict
# is `better` or `worse` only where the interval leaves 0 out.

# %%
after = tabgraft.Predictor.fit(child, credit, "default", name="after", n_networks=2)
found = before.compare(after, credit)
print(found)
print(f"{found.metric}: {found.difference:+.3f}, 95 % interval {found.interval[0]:+.3f} to {found.interval[1]:+.3f}")
print("with the new columns the predictor is:", found.verdict)

# %% [markdown]
# ## The joint graft beside it
#
# `mode="joint"` trains old weights too. Vectors keep their length, and they move: the drift says
# how far.

# %%
joint = space.extend(credit, mode="joint", name="v2_joint")
for name, graft in {"frozen": child, "joint": joint}.items():
    drift = graft.extension_metadata["drift"]
    print(f"{name:6}  {graft.d_model} coordinates, mean cosine distance to v1 {drift['mean_cosine_distance']:.4f}")

after_joint = tabgraft.Predictor.fit(joint, credit, "default", name="after_joint", n_networks=2)
print("joint against frozen:", after.compare(after_joint, credit))

# %% [markdown]
# ## What happened is written down
#
# The child knows its parent by the hashes of its content.

# %%
with tempfile.TemporaryDirectory() as folder:
    child.save(Path(folder) / "v2.tabgraft")
    loaded = tabgraft.EmbeddingSpace.load(Path(folder) / "v2.tabgraft")
for graft in loaded.lineage:
    print(f"{graft['extended_from_es_name']} -> {loaded.name}: {', '.join(graft['new_columns_added'])}")
print("the parent's weights are the recorded ones:", loaded.lineage[0]["parent"]["weights"] == space.hashes["weights"])
