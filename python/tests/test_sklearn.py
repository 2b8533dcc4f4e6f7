"""scikit-learn's conventions, by its own checks and in its own tools."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import tabgraft
from conftest import LATE

QUICK = {"n_epochs": 4, "d_model": 16}
QUICK_PREDICTOR = {**QUICK, "predictor_epochs": 60, "n_networks": 2, "d_hidden": 32}

@parametrize_with_checks(
    [
        tabgraft.TabgraftClassifier(**QUICK_PREDICTOR),
        tabgraft.TabgraftRegressor(**QUICK_PREDICTOR),
        tabgraft.TabgraftEmbedder(**QUICK),
    ]
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def parts(credit):
    return train_test_split(credit.drop(columns="target"), credit["target"], random_state=0)


def test_a_classifier_learns_from_mixed_columns(parts):
    X_train, X_test, y_train, y_test = parts
    labels = np.where(y_train == 1, "bad", "good")
    fitted = tabgraft.TabgraftClassifier(n_epochs=20, n_networks=3).fit(X_train, labels)
    assert list(fitted.classes_) == ["bad", "good"] and fitted.n_features_in_ == 20
    assert list(fitted.feature_names_in_) == list(X_train.columns)
    auc = roc_auc_score(y_test, fitted.predict_proba(X_test)[:, 0])
    assert auc > 0.72, auc
    assert set(fitted.predict(X_test)) == {"bad", "good"}
    twin = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(twin.predict_proba(X_test), fitted.predict_proba(X_test))


def test_an_estimator_grows_new_columns(parts):
    X_train, X_test, y_train, _ = parts
    fitted = tabgraft.TabgraftClassifier(**QUICK_PREDICTOR).fit(X_train.drop(columns=LATE), y_train)
    before = fitted.predict_proba(X_test.drop(columns=LATE))
    grown = fitted.extend(X_train, y_train)
    assert grown.n_features_in_ == 20 and fitted.n_features_in_ == 17
    assert grown.space_.extension_metadata["new_columns_added"] == LATE[:1] + [
        c for c in X_train.columns if c in LATE[1:]
    ]
    np.testing.assert_array_equal(fitted.predict_proba(X_test.drop(columns=LATE)), before)
    assert grown.predict(X_test).shape == (len(X_test),)
    # The predictor grew, too: the old one is in it.
    assert grown.predictor_.growth["base_id"] == fitted.predictor_.id
    # Other classes are another target.
    other = fitted.extend(X_train, np.where(X_train["job"] == X_train["job"].iloc[0], "c", y_train.astype(str)))
    assert other.predictor_.growth is None and list(other.classes_) == ["0", "1", "c"]


def test_a_regressor_grows_with_its_weights(parts):
    X_train, _, _, _ = parts
    rows, y = X_train.drop(columns="credit_amount"), X_train["credit_amount"]
    weights = np.where(np.arange(len(y)) % 3 == 0, 2.0, 1.0)
    fitted = tabgraft.TabgraftRegressor(**QUICK_PREDICTOR).fit(rows.drop(columns="duration"), y, weights)
    grown = fitted.extend(rows, y, weights)
    assert grown.predictor_.growth["columns_added"] == ["duration"]
    assert grown.score(rows, y) > fitted.score(rows.drop(columns="duration"), y)


def test_a_transformer_in_a_pipeline_with_names_and_frames(parts):
    X_train, X_test, y_train, y_test = parts
    embedder = tabgraft.TabgraftEmbedder(n_epochs=15, d_model=32)
    model = make_pipeline(embedder, StandardScaler(), LogisticRegression(max_iter=1000)).fit(X_train, y_train)
    assert roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]) > 0.68
    framed = clone(embedder).set_output(transform="pandas").fit(X_train)
    out = framed.transform(X_test)
    assert out.index.equals(X_test.index)
    assert list(out.columns) == list(framed.get_feature_names_out()) and out.shape == (len(X_test), 32)
    some = ColumnTransformer([("rows", clone(embedder), ["age", "job"])], remainder="drop")
    assert some.fit_transform(X_train).shape == (len(X_train), 32)


def test_search_and_cross_validation(parts):
    X_train, _, y_train, _ = parts
    search = GridSearchCV(
        tabgraft.TabgraftClassifier(**QUICK_PREDICTOR), {"d_model": [16, 24]}, cv=2, scoring="roc_auc"
    ).fit(X_train, y_train)
    assert search.best_params_["d_model"] in {16, 24} and search.best_score_ > 0.6
    scores = cross_val_score(
        tabgraft.TabgraftRegressor(**QUICK_PREDICTOR),
        X_train.drop(columns="credit_amount"),
        X_train["credit_amount"],
        cv=2,
        n_jobs=2,
        scoring="r2",
    )
    assert scores.mean() > 0.2


def test_weights_of_rows_are_used(parts):
    X_train, X_test, y_train, _ = parts
    model = tabgraft.TabgraftClassifier(**QUICK_PREDICTOR)
    plain = clone(model).fit(X_train, y_train).predict_proba(X_test)[:, 1].mean()
    weighted = clone(model).fit(X_train, y_train, sample_weight=1 + 9 * y_train).predict_proba(X_test)[:, 1].mean()
    assert weighted > plain + 0.1


def test_polars_rows_are_fine(parts):
    pl = pytest.importorskip("polars")
    X_train, X_test, y_train, _ = parts
    of_pandas = tabgraft.TabgraftClassifier(**QUICK_PREDICTOR).fit(X_train, y_train)
    of_polars = tabgraft.TabgraftClassifier(**QUICK_PREDICTOR).fit(pl.from_pandas(X_train), y_train)
    np.testing.assert_array_equal(
        of_polars.predict_proba(pl.from_pandas(X_test)), of_pandas.predict_proba(X_test)
    )


def test_the_random_state_decides(parts):
    X_train, X_test, y_train, _ = parts
    a, b, c = (
        tabgraft.TabgraftClassifier(**QUICK_PREDICTOR, random_state=state).fit(X_train, y_train).predict_proba(X_test)
        for state in (1, 1, 2)
    )
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 0


def test_frames_and_arrays_of_the_same_numbers_agree():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X[:, 0] > 0).astype(int)
    frame = pd.DataFrame(X, columns=["x0", "x1", "x2"])
    of_array = tabgraft.TabgraftClassifier(**QUICK_PREDICTOR).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(
        tabgraft.TabgraftClassifier(**QUICK_PREDICTOR).fit(frame, y).predict_proba(frame), of_array
    )
