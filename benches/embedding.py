"""The vectors of a space by rules of others, beside skrub's TableVectorizer and PCA of the same width.

On a fold of each shared table both learn from the rows to learn from, without the target, and give vectors of them and of
the others. On the vectors, standardised: 20 nearest neighbours; a linear model, its penalty chosen inside the
rows to learn from; a small network (64 hidden units, early stopping); and, without a target, outliers: of half of the
test rows half of the cells come from other rows, and the mean distance to the 20 nearest rows that were learned from should
tell them apart (ROC AUC). Scores are ROC AUC, R2, or minus log-loss for several classes. At most 20,000 rows of each
part. Needs skrub (`pip install skrub`). Wanted: ahead on average and on two thirds of the tables, in each.
"""

import warnings

import numpy as np
import pandas as pd

import harness
import quality

RULES = ["neighbours", "linear", "network", "outliers"]
MOST_ROWS = 20_000
WIDTH = 128
#: Variance of a direction, as a share of the first one's, below which it is rounding of 32 bits and left out.
LEAST_SPREAD = 1e-6

warnings.filterwarnings("ignore")


def by_skrub(train, *others):
    from sklearn.decomposition import PCA
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from skrub import TableVectorizer

    plain = make_pipeline(TableVectorizer(), SimpleImputer(), StandardScaler())
    x = plain.fit_transform(train)
    pca = PCA(n_components=min(WIDTH, x.shape[1], len(x)), random_state=0).fit(x)
    # Standardising would blow a direction without spread up.
    kept = pca.explained_variance_ > LEAST_SPREAD * pca.explained_variance_[0]
    return [pca.transform(plain.transform(frame))[:, kept] for frame in (train, *others)]


def by_space(train, *others):
    work = harness.Work()
    space = work.file("space.tabgraft")
    work.run("train", work.table(train, "train"), "--p-test", 0, "-o", space)
    return [work.embed(space, work.table(frame, f"t{i}")) for i, frame in enumerate((train, *others))]


def mixed(frame, seed):
    """Half of the cells of each row from other rows."""
    random = np.random.RandomState(seed)
    out = frame.copy()
    foreign = random.uniform(size=frame.shape) < 0.5
    for k, column in enumerate(frame):
        other = frame[column].to_numpy()[random.permutation(len(frame))]
        out[column] = np.where(foreign[:, k], other, frame[column].to_numpy())
    return out


def supervised(rule, z, y, z_test, y_test, task):
    from sklearn.linear_model import LogisticRegressionCV, RidgeCV
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    is_number = task == "regression"
    if rule == "neighbours":
        model = (KNeighborsRegressor if is_number else KNeighborsClassifier)(20)
    elif rule == "linear":
        model = RidgeCV(np.logspace(-1, 4, 11)) if is_number else LogisticRegressionCV(Cs=5, cv=3, max_iter=300)
    else:
        model = (MLPRegressor if is_number else MLPClassifier)(hidden_layer_sizes=(64,), early_stopping=True, random_state=0)
    if is_number:
        centre, spread = y.mean(), y.std()
        predicted = model.fit(z, (y - centre) / spread).predict(z_test) * spread + centre
    else:
        predicted = model.fit(z, y).predict_proba(z_test)
    return next(iter(quality.measure(task, y, y_test, predicted, np.unique(y)).values()))


def scores(z, y, z_test, y_test, z_mixed, task) -> dict:
    from sklearn.metrics import roc_auc_score
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler().fit(z)
    z, z_test, z_mixed = (scale.transform(part) for part in (z, z_test, z_mixed))
    found = {rule: supervised(rule, z, y, z_test, y_test, task) for rule in RULES[:3]}
    near = NearestNeighbors(n_neighbors=20).fit(z)
    half = len(z_test) // 2
    both = np.vstack([z_test[:half], z_mixed[half:]])
    truth = np.r_[np.zeros(half), np.ones(len(z_mixed) - half)]
    found["outliers"] = roc_auc_score(truth, near.kneighbors(both)[0].mean(axis=1))
    return found


def one(meta, i) -> list[dict]:
    frame, y, folds = quality.load(meta)
    repeat, fold = divmod(i, 5)
    test = folds[repeat] == fold
    random = np.random.RandomState(i)
    parts = [random.permutation(np.flatnonzero(part))[:MOST_ROWS] for part in (~test, test)]
    rows = frame.drop(columns=[meta["target"]])
    odd = mixed(rows.iloc[parts[1]], i)
    features = quality.as_features(rows, meta)
    results = []
    for name, embed, cells, strange in [
        ("tabgraft", by_space, rows, odd),
        ("skrub", by_skrub, features, quality.as_features(odd, meta)),
    ]:
        z = embed(cells.iloc[parts[0]], cells.iloc[parts[1]], strange)
        found = scores(z[0], y[parts[0]], z[1], y[parts[1]], z[2], meta["task"])
        results.append(dict(table=meta["name"], fold=i, vectors=name, **found))
    return results


def main() -> None:
    arguments = quality.fold_parser(__doc__).parse_args()

    def show(rows):
        return {rule: [round(of[rule], 4) for of in rows] for rule in RULES}

    table = quality.each_fold(arguments, one, show)
    means = table.groupby(["table", "vectors"], sort=False)[RULES].mean().unstack()
    print("\n" + means.round(4).to_string())
    for rule in RULES:
        d = means[rule]["tabgraft"] - means[rule]["skrub"]
        print(f"{rule:10s} tabgraft minus skrub {d.mean():+.4f} (median {d.median():+.4f}), ahead on {(d > 0).sum()} of {len(d)}")


if __name__ == "__main__":
    main()
