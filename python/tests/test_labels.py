"""Labels come back as they went in, from every container; weights of rows; what is no target."""

import datetime
import logging

import numpy as np
import pandas as pd
import pytest

import tabgraft

N = 120
QUICK = {"n_epochs": 25, "n_networks": 2, "d_hidden": 16, "progress": False}
ESTIMATOR = {"n_epochs": 2, "d_model": 16, "predictor_epochs": 25, "n_networks": 2, "d_hidden": 16}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=N), "b": rng.choice(list("xyz"), N)})


@pytest.fixture(scope="module")
def plain_space(rows):
    return tabgraft.EmbeddingSpace.fit(rows, n_epochs=2, d_model=16, progress=False)


def labels_of_every_sort(is_high):
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    day = np.where(is_high, np.datetime64("2024-01-02"), np.datetime64("2024-01-01"))
    return {
        "bool": is_high,
        "bool as objects": is_high.astype(object),
        "nullable bool": pd.Series(is_high, dtype="boolean"),
        "text of bool": np.where(is_high, "True", "False"),
        "text of float": np.where(is_high, "1.0", "0.0"),
        "codes": np.where(is_high, "01", "1"),
        "float": is_high.astype(float),
        "fractions": np.where(is_high, 0.5, 0.1),
        "float32": np.where(is_high, 0.5, 0.1).astype("float32"),
        "int8": np.where(is_high, 1, -1).astype("int8"),
        "nullable int": pd.Series(is_high.astype(int), dtype="Int64"),
        "big ints": np.where(is_high, 9007199254740993, 9007199254740992),
        "unsigned": np.where(is_high, 2**64 - 1, 2**64 - 2).astype("uint64"),
        "text of ints": np.where(is_high, "10", "2"),
        "category": pd.Series(np.where(is_high, 5, 3)).astype("category"),
        "string": pd.Series(np.where(is_high, "ja", "nein"), dtype="string"),
        "text as objects": pd.Series(np.where(is_high, "ja", "nein"), dtype=object),
        "days": day,
        "times": pd.Series(day.astype("datetime64[ns]")),
        "polars bool": pl.Series(is_high),
        "polars text": pl.Series(np.where(is_high, "ja", "nein").tolist()),
        "pyarrow ints": pa.chunked_array([pa.array(np.where(is_high, 4, 2))]),
    }


def test_labels_come_back_as_they_went_in(rows, plain_space):
    is_high = (rows["a"] > 0).to_numpy()
    for name, y in labels_of_every_sort(is_high).items():
        given = np.asarray(y)
        made = tabgraft.Predictor.fit(plain_space, rows, y, target_kind="set", **QUICK)
        labels = made.predict(rows).labels
        # Equal where the class is right, and different where it is not: types that cannot be equal never are.
        is_right = np.asarray(labels == given, dtype=bool)
        assert is_right.mean() > 0.6, name
        assert all((given == label).any() for label in labels) and len(made.classes) == 2, name


def test_columns_of_frames_give_their_labels_back(rows, plain_space):
    pl = pytest.importorskip("polars")
    y = np.where(rows["a"] > 0, np.float32(0.3), np.float32(0.1))
    for frame in [rows.assign(y=y), pl.from_pandas(rows.assign(y=y))]:
        labels = tabgraft.Predictor.fit(plain_space, frame, "y", target_kind="set", **QUICK).predict(rows).labels
        assert labels.dtype == np.float32 and (labels == y).mean() > 0.6


def test_dates_are_labels_and_bytes_are_none(rows, plain_space):
    early, late = datetime.date(2024, 1, 1), datetime.date(2024, 2, 1)
    y = np.where(rows["a"] > 0, late, early)
    labels = tabgraft.Predictor.fit(plain_space, rows, y, target_kind="set", **QUICK).predict(rows).labels
    assert labels.dtype == "datetime64[D]" and (labels == y).mean() > 0.6
    for raw in [np.where(rows["a"] > 0, b"q", b"w"), [b"q", b"w"] * (len(rows) // 2)]:
        with pytest.raises(tabgraft.SchemaError, match="holds a bytes"):
            tabgraft.Predictor.fit(plain_space, rows, raw, target_kind="set", **QUICK)


def test_a_csv_file_and_the_frame_read_from_it_agree(rows, plain_space, tmp_path):
    for name, y in {"bool": rows["a"] > 0, "int": (rows["a"] > 0).astype(int), "float": (rows["a"] > 0) * 1.0}.items():
        frame = rows.assign(y=y)
        path = tmp_path / f"{name}.csv"
        frame.to_csv(path, index=False)
        for data in [frame, path]:
            made = tabgraft.Predictor.fit(plain_space, data, "y", target_kind="set", **QUICK)
            assert made.predict(path).labels.dtype == y.dtype, (name, data)
            assert (made.predict(path).labels == y).mean() > 0.6
            assert made.evaluate(path, rows="all") == made.evaluate(frame, rows="all")


def test_estimators_give_labels_back(rows):
    is_high = (rows["a"] > 0).to_numpy()
    for name, y in labels_of_every_sort(is_high).items():
        if name in {"pyarrow ints", "fractions", "float32"}:  # what scikit-learn takes for no classes
            continue
        model = tabgraft.TabgraftClassifier(**ESTIMATOR).fit(rows, y)
        accuracy = np.asarray(model.predict(rows) == np.asarray(y), dtype=bool).mean()
        assert accuracy > 0.6 and model.score(rows, y) == accuracy, name
        assert len(model.classes_) == 2, name


def test_labels_spelled_almost_alike_are_told(rows, caplog, plain_space):
    y = np.where(rows["a"] > 0, "yes", "no").astype(object)
    y[:30] = [label.upper() for label in y[:30]]
    with pytest.warns(UserWarning, match=r"differ only by case.*`NO` \(\d+ rows\) and `no` \(\d+ rows\)"):
        model = tabgraft.TabgraftClassifier(**ESTIMATOR).fit(rows, y)
    assert list(model.classes_) == ["NO", "YES", "no", "yes"]
    with caplog.at_level(logging.WARNING, logger="tabgraft"):
        tabgraft.Predictor.fit(plain_space, rows, y, **QUICK)
    assert "differ only by case" in caplog.text


def test_targets_that_are_none_are_refused_with_their_place(rows):
    y = rows["a"].to_numpy() * 3
    regressor = tabgraft.TabgraftRegressor(**ESTIMATOR)
    classifier = tabgraft.TabgraftClassifier(**ESTIMATOR)
    bad = lambda value: np.where(np.arange(N) == 3, value, y)  # noqa: E731
    words = np.where(y > 0, "a", "b").astype(object)
    cases = [
        (regressor, bad(np.nan), r"Input y contains NaN: 1 of 120 values, the first of them y\[3\]"),
        (regressor, bad(np.inf), r"Input y contains infinity: 1 of 120 values, the first of them y\[3\]"),
        (regressor, bad(1e300), r"row 3: 1e300 is beyond 1e100"),
        (regressor, np.ma.array(y, mask=np.arange(N) == 3), r"Input y contains masked values.* y\[3\]"),
        (classifier, np.where(np.arange(N) == 3, np.nan, y > 0), r"Input y contains NaN.* y\[3\]"),
        (classifier, np.where(np.arange(N) == 3, None, words), r"Input y contains missing values.* y\[3\]"),
        (classifier, pd.Series(y > 0, dtype="boolean").where(np.arange(N) != 3), r"missing values.* y\[3\]"),
        (regressor, np.c_[y, y], r"1d array, got an array of shape \(120, 2\)"),
        (regressor, np.r_[y, 0], r"\[120, 121\]"),
    ]
    for model, target, match in cases:
        with pytest.raises(ValueError, match=match):
            model.fit(rows, target)


def test_native_targets_are_one_dimensional_and_masks_hold(rows, plain_space):
    y = rows["a"].to_numpy() * 3
    with pytest.raises(tabgraft.DataError, match=r"the target has shape \[120, 2\], one value per row is needed"):
        tabgraft.Predictor.fit(plain_space, rows, np.c_[y, y], **QUICK)
    with pytest.raises(tabgraft.DataError, match="the target has 121 values, the data has 120 rows"):
        tabgraft.Predictor.fit(plain_space, rows, np.r_[y, 0], **QUICK)
    masked = tabgraft.Predictor.fit(plain_space, rows, np.ma.array(y, mask=np.arange(N) < 9), **QUICK)
    assert masked.inspect()["fit_info"]["n_rows_without_target"] == 9


def test_masked_cells_are_missing():
    rng = np.random.default_rng(0)
    values, mask = rng.normal(size=(N, 3)), rng.random((N, 3)) < 0.2
    hole = np.where(mask, np.nan, values)
    masked = np.ma.array(np.where(mask, 1e6, values), mask=mask)
    space = tabgraft.EmbeddingSpace.fit(hole, n_epochs=2, d_model=16, progress=False)
    np.testing.assert_array_equal(space.embed(masked), space.embed(hole))
    model = tabgraft.TabgraftClassifier(**ESTIMATOR).fit(masked, values[:, 0] > 0)
    np.testing.assert_array_equal(model.predict_proba(masked), model.predict_proba(hole))
    whole = np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]])
    assert tabgraft.EmbeddingSpace.fit(hole[:, :2], n_epochs=1, d_model=16, progress=False).embed(whole).shape == (2, 16)


def test_rows_of_weight_0_do_no_harm(rows):
    bad = 20
    y = 10 * rows["a"].to_numpy() + (rows["b"] == "x") * 5
    garbage = pd.DataFrame({"a": 1e6 * np.arange(1, bad + 1), "b": ["q"] * bad})
    dirty, weights = pd.concat([rows, garbage], ignore_index=True), np.r_[np.ones(N), np.zeros(bad)]
    regressor = tabgraft.TabgraftRegressor(**ESTIMATOR)
    clean = regressor.fit(rows, y).predict(rows)
    np.testing.assert_array_equal(
        regressor.fit(dirty, np.r_[y, np.full(bad, 1e200)], sample_weight=weights).predict(rows), clean
    )
    np.testing.assert_array_equal(regressor.fit(rows, y, sample_weight=np.full(N, 0.5)).predict(rows), clean)
    classes = np.r_[(y > 0).astype(int), np.full(bad, 7)]
    model = tabgraft.TabgraftClassifier(**ESTIMATOR).fit(dirty, classes, sample_weight=weights)
    assert list(model.classes_) == [0, 1, 7]
    probabilities = model.predict_proba(rows)
    assert probabilities.shape == (N, 3) and (probabilities[:, 2] == 0).all()
    with pytest.raises(ValueError, match="y has one class .* to learn from"):
        tabgraft.TabgraftClassifier(**ESTIMATOR).fit(rows, (y > 0) * 1, sample_weight=(y > 0) * 1.0)


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (np.zeros(N), "the weights of all 120 rows are zero"),
        (np.r_[1.0, -2.0, np.ones(N - 2)], "the weight of row 1 is -2"),
        (np.r_[np.nan, np.ones(N - 1)], "the weight of row 0 is NaN"),
        (np.r_[np.ones(N - 1), np.inf], "the weight of row 119 is inf"),
        (np.ones(5), "5 row weights for 120 rows"),
        (np.ones((N, 2)), r"the row weights have shape \[120, 2\]"),
    ],
    ids=["zero", "negative", "NaN", "infinite", "short", "two-dimensional"],
)
def test_unusable_weights_are_refused_by_row(rows, plain_space, weights, match):
    with pytest.raises(ValueError, match=match):
        tabgraft.TabgraftRegressor(**ESTIMATOR).fit(rows, rows["a"], sample_weight=weights)
    with pytest.raises(tabgraft.DataError, match=match):
        tabgraft.Predictor.fit(plain_space, rows, rows["a"].to_numpy(), sample_weight=weights, **QUICK)


def test_arrays_go_by_position_where_names_are_not_known(rows):
    pl = pytest.importorskip("polars")
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(N, 3)), columns=["age", "bmi", "bp"])
    y = 100 * X["age"] - 50 * X["bp"]
    of_frame = tabgraft.TabgraftRegressor(**ESTIMATOR).fit(X, y)
    expected = of_frame.predict(X)
    for data in [X.to_numpy(), pd.DataFrame(X.to_numpy())]:
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            np.testing.assert_array_equal(of_frame.predict(data), expected)
    for data in [X[["bp", "age", "bmi"]], X.rename(columns=str.upper)]:
        with pytest.raises(ValueError, match="feature names should match"):
            of_frame.predict(data)
    with pytest.raises(ValueError, match="X has 2 features"):
        of_frame.predict(X.to_numpy()[:, :2])
    of_array = tabgraft.TabgraftRegressor(**ESTIMATOR).fit(X.to_numpy(), y)
    for data in [X, pl.from_pandas(X)]:
        with pytest.warns(UserWarning, match="X has feature names"):
            np.testing.assert_array_equal(of_array.predict(data), of_array.predict(X.to_numpy()))


def test_no_known_column_is_an_error_that_shows_both_sets(rows, plain_space):
    match = r"not one of the table's 2 column\(s\) is known.*the table has `x0`, `x1`; the space has `a`, `b`"
    with pytest.raises(tabgraft.SchemaError, match=match):
        plain_space.embed(rows.to_numpy())
    predictor = tabgraft.Predictor.fit(plain_space, rows, rows["a"].to_numpy(), **QUICK)
    with pytest.raises(tabgraft.SchemaError, match=match):
        predictor.predict(rows.to_numpy())
    with pytest.raises(tabgraft.SchemaError, match="did you mean `A` for `a`, `B` for `b`"):
        predictor.predict(rows.rename(columns=str.upper))
    np.testing.assert_array_equal(
        predictor.predict(rows.to_numpy(), columns=["a", "b"]).labels, predictor.predict(rows).labels
    )
