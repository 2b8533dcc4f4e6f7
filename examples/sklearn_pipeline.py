# %% [markdown]
# # scikit-learn
#
# A classifier, a transformer, a search over their options, and a fitted estimator that learns new
# columns. Mixed columns go in as they are: nothing has to be encoded or imputed before.

# %%
from pathlib import Path

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tabgraft import TabgraftClassifier, TabgraftEmbedder

nearby = [folder / "fixtures" for folder in Path(globals().get("__file__", "notebook")).resolve().parents]
path = next(folder / "german_credit.csv" for folder in nearby if (folder / "german_credit.csv").exists())
credit = pd.read_csv(path)
X, y = credit.drop(columns="default"), credit["default"]
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %% [markdown]
# ## A classifier
#
# Two networks instead of five, to be quick.

# %%
classifier = TabgraftClassifier(n_networks=2).fit(X_train, y_train)
print(f"classifier: ROC AUC {roc_auc_score(y_test, classifier.predict_proba(X_test)[:, 1]):.3f} on {len(X_test)} rows")

# %% [markdown]
# ## Vectors in a pipeline
#
# The embedder does not look at the target. What comes behind it may be any estimator.

# %%
pipeline = make_pipeline(
    TabgraftEmbedder(n_epochs=20, d_model=64), StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)
).fit(X_train, y_train)
print(f"pipeline:   ROC AUC {roc_auc_score(y_test, pipeline.predict_proba(X_test)[:, 1]):.3f}")

embedder = pipeline[0].set_output(transform="pandas")
print(embedder.transform(X_test).iloc[:3, :4].to_string())

# %% [markdown]
# ## A search
#
# Options of the embedder and of the regression, together.

# %%
grid = {"tabgraftembedder__d_model": [32, 64], "logisticregression__C": [0.003, 0.03]}
search = GridSearchCV(pipeline, grid, cv=2, scoring="roc_auc").fit(X_train, y_train)
print("best:", search.best_params_, f"mean ROC AUC {search.best_score_:.3f}")

# %% [markdown]
# ## A fitted estimator learns new columns
#
# `extend` gives a new estimator and leaves the old one as it is.

# %%
late = ["checking_status", "credit_history", "savings_status"]
early = TabgraftClassifier(n_networks=2).fit(X_train.drop(columns=late), y_train)
grown = early.extend(X_train, y_train)
for name, model, columns in [
    ("without the new columns", early, list(early.feature_names_in_)),
    ("extended", grown, list(grown.feature_names_in_)),
]:
    auc = roc_auc_score(y_test, model.predict_proba(X_test[columns])[:, 1])
    print(f"{name}: {len(columns)} columns, ROC AUC {auc:.3f}")
