# %% [markdown]
# # Five runs under `featrix.neural`
#
# Scripts that import from `featrix.neural` run on tabgraft. This is their story: a space and a
# predictor that searches features; a second space with the features grafted on; and so on, each run
# on what the one before left. Each would be a process of its own; they meet in files.

# %%
import asyncio
import os
import tempfile
from pathlib import Path

import pandas as pd
from featrix.neural import FeatureEffectivenessTracker
from featrix.neural.embedded_space import EmbeddingSpace
from featrix.neural.feature_engineer import FeatureEngineer
from featrix.neural.input_data_set import FeatrixInputDataSet
from featrix.neural.io_utils import load_embedding_space
from featrix.neural.simple_mlp import SimpleMLP
from featrix.neural.single_predictor import SinglePredictor

nearby = [folder / "fixtures" for folder in Path(globals().get("__file__", "notebook")).resolve().parents]
path = next(folder / "german_credit.csv" for folder in nearby if (folder / "german_credit.csv").exists())

# Files are written where the process stands: here, a temporary folder.
folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)
pd.read_csv(path).rename(columns={"default": "target"}).to_csv("credit.csv", index=False)
df = pd.read_csv("credit.csv")


def show(sp):
    for score in sp.training_info["scores"]:
        if score["metric"] == "roc_auc":
            print(f"{sp.name}: ROC AUC {score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}], {score['n']} rows")


# %% [markdown]
# ## Run 1: a space, a predictor, a search
#
# `train` of the predictor ends with a search for features, here of 3 seconds at most. It writes
# both files of `qa.save`.

# %%
train_data, val_data = FeatrixInputDataSet(df=df, ignore_cols=["target"]).split(fraction=0.2)
es_v1 = EmbeddingSpace(train_data, val_data, n_epochs=40, name="credit_es_v1")
es_v1.train(batch_size=128, n_epochs=40)
es_v1.save("embedding_space_v1.pkl")

sp1 = SinglePredictor(es_v1, SimpleMLP.from_config(d_in=es_v1.d_model, d_out=2), name="credit_predictor_v1")
sp1.prep_for_training(df, "target", "set")
asyncio.run(sp1.train(n_epochs=20, discovery_budget_s=3))
sp1.save("predictor_v1.pkl")
show(sp1)
print("suggested:  ", sp1.discovery.suggested)
print("recommended:", sp1.discovery.recommended)
print("written:    ", sorted(p.name for p in Path("qa.save").glob("*.json")))

# %% [markdown]
# ## Run 2: the suggested features are grafted on
#
# The mode is `joint` under these module paths: new weights first, then all of them, for a quarter
# of the first training's epochs. The frames hold the target; the child ignores it as its parent
# did. Rows keep the part that they had in v1, whichever of the two frames they stand in.

# %%
es_v1 = load_embedding_space("embedding_space_v1.pkl")
engineer = FeatureEngineer.from_json("qa.save/feature_suggestion_history.json")
train_df_enriched = engineer.fit_transform(df.iloc[:800], verbose=True)
val_df_enriched = engineer.transform(df.iloc[800:])

es_v2 = EmbeddingSpace.extend_from_existing(
    existing_es=es_v1,
    enriched_train_df=train_df_enriched,
    enriched_val_df=val_df_enriched,
    n_epochs=10,
    name="credit_es_v2",
    feature_metadata={"source": "feature_suggestion_history.json", "applied_features": engineer.names},
)
es_v2.train(batch_size=128, n_epochs=10)
es_v2.save("embedding_space_v2.pkl")
for es in [es_v1, es_v2]:
    print(f"{es.name}: loss of the old columns {es.training_info['final_validation_loss']:.3f}")

# %% [markdown]
# v2 carries its features: where a frame lacks them, they are computed. So the raw frame has the vectors
# of the enriched one, and each later run may start from either. The comparison is on rows that neither
# space was trained on.

# %%
sp2 = SinglePredictor(es_v2, SimpleMLP.from_config(d_in=es_v2.d_model, d_out=2), name="credit_predictor_v2")
sp2.prep_for_training(train_df_enriched, "target", "set")
assert (es_v2.embed(df.iloc[:800]) == es_v2.embed(train_df_enriched)).all()
asyncio.run(sp2.train(n_epochs=20, discovery_budget_s=3))
sp2.save("predictor_v2.pkl")
show(sp2)
print("v2 against v1 on the same rows:", sp1.compare(sp2, df))

# %% [markdown]
# ## Run 3 and every run after
#
# The lines of run 2 once more, on the raw frame. Features accumulate: the history's newest run comes with
# all that it is made from and with what v2 has. A feature of your own goes behind them.

# %%
es_v2 = load_embedding_space("embedding_space_v2.pkl")
engineer = FeatureEngineer.from_json("qa.save/feature_suggestion_history.json")
engineer.add("duration_age_risk", "duration / greatest(age - 18, 1)")
es_v3 = EmbeddingSpace.extend_from_existing(
    existing_es=es_v2,
    enriched_train_df=engineer.fit_transform(df.iloc[:800], verbose=True),
    enriched_val_df=engineer.transform(df.iloc[800:]),
    n_epochs=10,
    name="credit_es_v3",
)
es_v3.train(batch_size=128)
es_v3.save("embedding_space_v3.pkl")

# %%
for run in [4, 5]:
    parent = load_embedding_space(f"embedding_space_v{run - 1}.pkl")
    sp = SinglePredictor(parent, SimpleMLP.from_config(d_in=parent.d_model, d_out=2), name=f"credit_predictor_v{run - 1}")
    sp.prep_for_training(df, "target", "set")
    sp.train_blocking(n_epochs=10, discovery_budget_s=3)
    show(sp)
    engineer = FeatureEngineer.from_json("qa.save/feature_suggestion_history.json")
    child = EmbeddingSpace.extend_from_existing(
        existing_es=parent,
        enriched_train_df=engineer.fit_transform(df.iloc[:800]),
        enriched_val_df=engineer.transform(df.iloc[800:]),
        n_epochs=10,
        name=f"credit_es_v{run}",
    )
    child.train(batch_size=128)
    child.save(f"embedding_space_v{run}.pkl")

# %% [markdown]
# The lineage has a step for each run, and the last space gives all features back.

# %%
es_v5 = load_embedding_space("embedding_space_v5.pkl")
for step in es_v5.lineage:
    print(f"{step['extended_from_es_name']}: + {', '.join(step['new_columns_added'])}, {step['training_epochs_used']} epochs")
everything = es_v5.engineer().transform(df)
print(f"{len(es_v5.columns)} columns, {len(es_v5.engineer())} of them features")
assert (es_v5.embed(df) == es_v5.embed(everything)).all()

# %% [markdown]
# ## The short way
#
# `prep_for_training` applies what the history comes to for this target, and reports it, with the run
# of each feature; columns that the space has no codec for are named in a warning.
# `create_extended_embedding_space` grafts them.

# %%
sp = SinglePredictor(es_v1, SimpleMLP.from_config(d_in=es_v1.d_model, d_out=2))
sp.prep_for_training(df, "target", "set")
print("applied:", sp.loaded_features["applied_features"])
print("runs:   ", len(set(sp.loaded_features["runs"].values())))
es_auto = sp.create_extended_embedding_space(
    enriched_train_df=sp.train_df, enriched_val_df=sp.val_df, output_dir="qa.out", n_epochs=10
)
es_auto.train(batch_size=128)
print("written:", os.listdir("qa.out"))

# %% [markdown]
# ## Only what is proven
#
# The stricter way: features that were better on judging rows beyond chance, and by at least one
# percent. On a table of this size that is often none, and then there is nothing to graft.

# %%
tracker = FeatureEffectivenessTracker()
tracker.load_history("qa.save/feature_effectiveness.json")
recommended = tracker.get_recommended_features(metric="roc_auc", min_improvement_pct=1.0)
engineer = FeatureEngineer.from_json("qa.save/feature_suggestion_history.json")
filtered = [s for s in engineer.suggestions if s["name"] in recommended]
print(f"{len(engineer)} features of {len(set(engineer.runs.values()))} runs, {len(filtered)} of them proven")
print(FeatureEngineer(suggestions=filtered).names)

# %%
os.chdir(path.parent)
folder.cleanup()
