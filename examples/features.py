# %% [markdown]
# # Features, by hand and by discovery
#
# A feature is a new column made from others: a formula, or a statistic that is learned from rows
# and looked up later. Features are grafted onto a space like any other new column.

# %%
import json
import tempfile
from pathlib import Path

import pandas as pd
import tabgraft

nearby = [folder / "fixtures" for folder in Path(globals().get("__file__", "notebook")).resolve().parents]
path = next(folder / "german_credit.csv" for folder in nearby if (folder / "german_credit.csv").exists())
credit = pd.read_csv(path)
space = tabgraft.EmbeddingSpace.fit(credit, ignore=["default"], name="v1")

# %% [markdown]
# ## By hand
#
# Formulas are small SQL expressions, no code: they are parsed and checked. A feature of the kind
# `group` compares a value with other rows of its group; its statistics come from the rows of
# `fit_transform`.

# %%
engineer = tabgraft.FeatureEngineer(
    [
        {"name": "amount_per_month", "formula": "credit_amount / duration"},
        {"name": "age_group", "formula": "CASE WHEN age < 25 THEN 'young' WHEN age >= 60 THEN 'old' ELSE 'middle' END"},
        {
            "name": "amount_beside_purpose",
            "definition": {"kind": "group", "of": "credit_amount", "by": "purpose", "statistic": "deviation"},
        },
    ]
)
enriched = engineer.fit_transform(credit)
print(enriched[["credit_amount", "duration", *engineer.names]].head(3).to_string())

# %% [markdown]
# One row alone gets the same values as it got among the others: nothing is computed anew from the
# rows that are asked about.

# %%
alone = engineer.transform(credit.iloc[[2]])
pd.testing.assert_frame_equal(alone, enriched.iloc[[2]])
print(alone[engineer.names].to_string())

# %% [markdown]
# Grafted, with the engineer: the child's file then holds the formulas and what was learned.

# %%
child = space.extend(enriched, features=engineer, name="v2")
print(child, child.inspect()["features"])

# %% [markdown]
# ## By discovery
#
# Candidates are proposed from the columns' kinds, ranked by what a predictor leaves unexplained,
# and the best are judged by refitting on other rows than those that suggested them.
#
# - *suggested*: the best few, proven or not;
# - *recommended*: better on the judging rows beyond chance, all candidates counted. Often none.

# %%
found = tabgraft.discover(space, credit, "default", budget_s=5)
print(f"{found.run['n_candidates']} candidates, judged on {found.run['n_judging_rows']} rows")
print("suggested:  ", ", ".join(found.suggested))
print("recommended:", ", ".join(found.recommended) or "none")

# %% [markdown]
# ## History
#
# Every run is added to two files of a folder. Later, in another process, they give the features
# back. Suggested ones may be tried without being proven; the choice is yours, and it is visible.

# %%
with tempfile.TemporaryDirectory() as folder:
    found.write(folder)
    print("files:", ", ".join(sorted(p.name for p in Path(folder).glob("*.json"))))

    history = Path(folder) / "feature_suggestion_history.json"
    print("runs:", len(json.loads(history.read_text())["runs"]))
    tabgraft.FeatureEngineer.from_json(history, target="default").fit_transform(credit, verbose=True)

    proven = tabgraft.FeatureEngineer.from_json(history, target="default", recommended_only=True)
    proven.fit_transform(credit)
    print("recommended only:", proven.names)

    tracker = tabgraft.FeatureEffectivenessTracker()
    tracker.load_history(Path(folder) / "feature_effectiveness.json")

# %% [markdown]
# ## What each was worth
#
# The effectiveness file pools the runs that judged a feature. `effect_points` is the difference of
# the metric with and without the feature, on judging rows. The best of many looks good by chance
# alone: the word *recommended* takes into account how many were tried, an interval does not.

# %%
judged = sorted(tracker.features, key=lambda feature: -feature["effect_points"])
for feature in judged[:5]:
    low, high = feature["interval_points"]
    print(f"{feature['name']}: {feature['metric']} {feature['effect_points']:+.4f} [{low:+.4f}, {high:+.4f}]")
print(f"{len(judged)} judged, recommended: {tracker.get_recommended_features(metric='roc_auc')}")
