"""Data in from every library, and back out in the caller's own type."""

import sys

import numpy as np
import pandas as pd
import pytest

import tabgraft
from conftest import FIXTURE

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")
duckdb = pytest.importorskip("duckdb")


def forms(frame: pd.DataFrame, tmp_path):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    path = tmp_path / "rows.parquet"
    frame.to_parquet(path, index=False)
    rows = duckdb.sql("select * from frame")
    return {
        "polars": pl.from_pandas(frame),
        "pyarrow": table,
        "record batch": table.to_batches()[0],
        "duckdb": rows,
        "path": path,
        "text path": str(path),
        "shuffled index": frame.set_index(np.arange(len(frame))[::-1]),
        "named index": frame.set_index(pd.Index(range(len(frame)), name="loan")),
        "dictionary of lists": frame.to_dict("list"),
        "dictionary of arrays": {name: frame[name].to_numpy() for name in frame},
        "dictionary of series": {name: frame[name] for name in frame},
        "list of rows": frame.to_dict("records"),
        "structured array": frame.to_records(index=False).view(np.ndarray),
    }


def test_every_form_of_the_same_rows_gives_the_same_bits(space, early, tmp_path):
    expected = space.embed(early)
    assert expected.shape == (1000, space.d_model) and expected.dtype == np.float32
    for name, data in forms(early, tmp_path).items():
        assert space.column_report(data)["missing_columns"] == [], name
        np.testing.assert_array_equal(space.embed(data), expected, err_msg=name)


def test_a_file_and_a_frame_are_split_alike(early, tmp_path):
    path = tmp_path / "early.csv"
    early.to_csv(path, index=False)
    of_file = tabgraft.EmbeddingSpace.fit(path, ignore=["target"], n_epochs=1, d_model=16)
    of_frame = tabgraft.EmbeddingSpace.fit(early, ignore=["target"], n_epochs=1, d_model=16)
    assert of_file.hashes["data"] == of_frame.hashes["data"]
    assert of_file.training_info["n_rows_train"] == of_frame.training_info["n_rows_train"]
    # Typed and textual numbers are the same numbers, so the vectors are too.
    np.testing.assert_array_equal(of_frame.embed(early), of_file.embed(path))


def test_new_columns_come_back_in_the_callers_frame_with_its_index(early):
    engineer = tabgraft.FeatureEngineer(
        [
            {"name": "monthly", "formula": "credit_amount / duration"},
            {"name": "older", "formula": "CASE WHEN age >= 60 THEN 'old' ELSE 'young' END"},
        ]
    )
    frame = early.sample(frac=1.0, random_state=0)
    frame["duration"] = frame["duration"].astype("int16")
    enriched = engineer.fit_transform(frame)
    assert enriched.index.equals(frame.index)
    pd.testing.assert_frame_equal(enriched[frame.columns], frame)
    np.testing.assert_allclose(enriched["monthly"], frame["credit_amount"] / frame["duration"])

    of_polars = engineer.transform(pl.from_pandas(frame))
    assert isinstance(of_polars, pl.DataFrame) and of_polars["older"].to_list() == enriched["older"].to_list()
    of_arrow = engineer.transform(pa.Table.from_pandas(frame, preserve_index=False))
    assert isinstance(of_arrow, pa.Table)
    assert of_arrow["monthly"].to_pylist() == of_polars["monthly"].to_list()
    of_file = engineer.transform(FIXTURE)
    assert isinstance(of_file, tabgraft.Frame) and of_file.columns[-2:] == ["monthly", "older"]
    assert pa.table(of_file).num_rows == pl.DataFrame(of_file).height == len(of_file.to_pandas()) == 1000


def test_arrays_take_names(tmp_path):
    rng = np.random.default_rng(0)
    array = rng.normal(size=(300, 3))
    array[::7, 1] = np.nan
    space = tabgraft.EmbeddingSpace.fit(array, columns=["a", "b", "c"], n_epochs=2, d_model=16)
    assert space.columns == ["a", "b", "c"]
    frame = pd.DataFrame(array, columns=["a", "b", "c"])
    np.testing.assert_array_equal(space.embed(array, columns=["a", "b", "c"]), space.embed(frame))
    mixed = np.array([[i % 17, "xy"[i % 2], None if i % 3 else i / 2, i % 5 == 0] for i in range(80)], dtype=object)
    assert tabgraft.EmbeddingSpace.fit(mixed, n_epochs=1, d_model=16).columns == ["x0", "x1", "x2", "x3"]
    with pytest.raises(tabgraft.OptionError, match="`columns` has 1 names, the array has 3 columns"):
        space.embed(array, columns=["a"])


def test_columns_of_mixed_values_are_read_value_by_value():
    frame = pd.DataFrame({"mixed": [1, "a", None, 2.5] * 20, "n": range(80)})
    space = tabgraft.EmbeddingSpace.fit(frame, n_epochs=1, d_model=16)
    assert "mixed" in space.columns


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({1, 2}, "cannot read a set as a table"),
        ([[1, 2]], "cannot read a list as a table"),
        (np.zeros(3), r"cannot read an array of shape \[3\] as a table"),
        (np.zeros((3, 1), dtype=complex), "Complex data not supported"),
        (pl.DataFrame({"a": [1]}).lazy(), "a polars LazyFrame"),
        (pd.DataFrame({"a": [[1], [2]]}), "`a` is a list"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "`a`"),
        ("no such file.csv", "no such file.csv"),
    ],
)
def test_what_is_no_table_is_refused_with_a_hint(data, message):
    with pytest.raises(tabgraft.TabgraftError, match=message):
        tabgraft.EmbeddingSpace.fit(data)


def test_dates_and_categories_of_pandas_are_columns():
    n = 200
    frame = pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=n, freq="7h"),
            "zoned": pd.date_range("2024-01-01", periods=n, freq="5h", tz="Europe/Berlin"),
            "class": pd.Categorical(["a", "b", None, "c"] * (n // 4)),
            "whole": pd.array([1, 2, None, 4] * (n // 4), dtype="Int64"),
            "flag": pd.array([True, None] * (n // 2), dtype="boolean"),
        }
    )
    kinds = {
        c["name"]: c["kind"] for c in tabgraft.EmbeddingSpace.fit(frame, n_epochs=1, d_model=16).inspect()["columns"]
    }
    assert kinds["when"] == kinds["zoned"] == "timestamp"
    assert kinds["class"] == "categorical" and set(kinds) == set(frame.columns)


def test_pandas_works_without_pyarrow(space, early, monkeypatch):
    expected = space.embed(early)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    np.testing.assert_array_equal(space.embed(early), expected)
    engineer = tabgraft.FeatureEngineer([{"name": "monthly", "formula": "credit_amount / duration"}])
    enriched = engineer.fit_transform(early)
    assert enriched.index.equals(early.index) and enriched["monthly"].dtype == np.float64


def by_name(space):
    columns = {c["name"]: (c["kind"], c["reason"]) for c in space.inspect()["columns"]}
    return columns, {c["name"]: c["reason"] for c in space.inspect()["excluded"]}


@pytest.mark.parametrize("library", ["pandas", "pandas without pyarrow", "polars", "file"])
def test_columns_that_are_declared_as_categories_are_categories(library, tmp_path, monkeypatch):
    rng, n = np.random.default_rng(0), 120
    frame = pd.DataFrame({"x": rng.normal(size=n)})
    frame["floor"] = pd.Categorical(rng.choice([10, 20, 30, 47], n))
    frame["size"] = pd.Categorical(rng.choice(["1,5", "2,5", "3,5"], n))
    frame["flag"] = pd.Categorical(rng.choice(["yes", "no"], n))
    frame["own"] = pd.Categorical([f"{i * i + 0.5}" for i in range(n)])
    data = frame
    if library == "pandas without pyarrow":
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    if library == "polars":
        plain = pl.from_pandas(frame.astype({"floor": "str", "size": "str", "flag": "str", "own": "str"}))
        levels = pl.Enum(["10", "20", "30", "47"])
        data = plain.with_columns(
            pl.col("floor").cast(levels), pl.col("size", "flag", "own").cast(pl.Categorical)
        )
    if library == "file":
        data = tmp_path / "rows.parquet"
        frame.to_parquet(data)
    space = tabgraft.EmbeddingSpace.fit(data, n_epochs=1, d_model=16)
    columns, _ = by_name(space)
    assert columns["floor"] == ("categorical", f"declared as categories, 4 distinct in {n} rows")
    assert columns["size"] == ("categorical", f"declared as categories, 3 distinct in {n} rows")
    assert columns["flag"] == ("categorical", f"declared as categories, 2 distinct in {n} rows")
    # As many categories as rows name nothing.
    assert columns["own"][0] == "numeric"
    [note] = [note for note in space.inspect()["notes"] if "`own`" in note]
    assert f"declared as categories, but has {n} of them in {n} rows" in note
    plain = frame.astype({"floor": "int64", "size": "str"})
    np.testing.assert_array_equal(space.embed(data), space.embed(plain))

    given = tabgraft.EmbeddingSpace.fit(data, kinds={"floor": "numeric"}, n_epochs=1, d_model=16)
    assert by_name(given)[0]["floor"] == ("numeric", "set by the user")


@pytest.fixture
def texts_of_pandas():
    with pd.option_context("mode.string_storage", "python"):
        yield


@pytest.mark.parametrize("has_pyarrow", [True, False])
def test_intervals_of_pandas_are_categories_by_their_text(has_pyarrow, monkeypatch, request):
    rng, n = np.random.default_rng(0), 120
    frame = pd.DataFrame({"x": rng.normal(size=n), "age": rng.integers(1, 60, n).astype(float)})
    frame.loc[::10, "age"] = np.nan
    frame["target"] = rng.choice(["a", "b"], n)
    frame["cut"] = pd.cut(frame["age"], [0, 10, 40, 60])
    frame["quarter"] = pd.qcut(frame["x"], 4)
    frame["plain"] = pd.Series(pd.array(frame["cut"], dtype="interval"))
    dtypes = frame.dtypes.copy()
    if not has_pyarrow:
        # Without pyarrow pandas keeps texts of its own; with it they are pyarrow's, out of reach from here on.
        request.getfixturevalue("texts_of_pandas")
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    space = tabgraft.EmbeddingSpace.fit(frame, ignore=["target"], n_epochs=1, d_model=16)
    columns, excluded = by_name(space)
    assert columns["cut"] == columns["plain"] == ("categorical", "declared as categories, 3 distinct in 108 rows")
    assert columns["quarter"] == ("categorical", f"declared as categories, 4 distinct in {n} rows")
    assert set(excluded) == {"target"} and frame.dtypes.equals(dtypes)
    texts = frame.assign(cut=frame["cut"].astype(object).map(str, na_action="ignore"))
    assert texts["cut"].iloc[1] in ("(0, 10]", "(10, 40]", "(40, 60]")
    np.testing.assert_array_equal(space.embed(frame), space.embed(texts))
    predictor = tabgraft.Predictor.fit(space, frame, "target", n_epochs=1, n_networks=2)
    np.testing.assert_array_equal(
        predictor.predict(frame).probabilities, predictor.predict(texts).probabilities
    )


def test_periods_of_pandas_are_the_times_when_they_begin():
    rng, n = np.random.default_rng(0), 120
    frame = pd.DataFrame({"x": rng.normal(size=n), "month": pd.period_range("2015-01", periods=n, freq="M")})
    frame.loc[::10, "month"] = pd.NaT
    frame["quarter"] = frame["month"].dt.to_timestamp().dt.to_period("Q").astype("category")
    space = tabgraft.EmbeddingSpace.fit(frame, n_epochs=1, d_model=16)
    columns, _ = by_name(space)
    assert columns["month"][0] == columns["quarter"][0] == "timestamp"
    times = frame.assign(
        month=frame["month"].dt.to_timestamp(),
        quarter=frame["quarter"].astype("period[Q]").dt.to_timestamp(),
    )
    np.testing.assert_array_equal(space.embed(frame), space.embed(times))


def test_columns_of_the_type_null_are_missing_cells():
    rng, n = np.random.default_rng(0), 120
    full = pd.DataFrame({"x": rng.normal(size=n), "y": rng.normal(size=n), "target": rng.choice(["a", "b"], n)})
    empty = full.assign(y=None)
    of_polars = pl.from_pandas(full).with_columns(pl.lit(None).alias("y"))
    assert of_polars.schema["y"] == pl.Null
    space = tabgraft.EmbeddingSpace.fit(full, ignore=["target"], n_epochs=1, d_model=16)
    predictor = tabgraft.Predictor.fit(space, full, "target", n_epochs=1, n_networks=2)
    absent = full.assign(y=np.nan)
    for data in (empty, of_polars):
        fitted = tabgraft.EmbeddingSpace.fit(data, ignore=["target"], n_epochs=1, d_model=16)
        assert by_name(fitted)[1]["y"] == f"no value in {n} rows"
        np.testing.assert_array_equal(space.embed(data), space.embed(absent))
        expected = predictor.predict(absent).probabilities
        np.testing.assert_array_equal(predictor.predict(data).probabilities, expected)


def test_floats_of_32_bits_give_the_vectors_of_the_same_decimals_in_a_file(tmp_path):
    rng = np.random.default_rng(3)
    shares = pd.DataFrame({f"p{i}": rng.integers(0, 1000, 300) / 1000 for i in range(4)})
    shares.to_csv(tmp_path / "shares.csv", index=False)
    space = tabgraft.EmbeddingSpace.fit(tmp_path / "shares.csv", n_epochs=1, d_model=16)
    expected = space.embed(tmp_path / "shares.csv")
    narrow = shares.astype("float32")
    array = narrow.to_numpy()
    for same in [narrow, shares]:
        assert np.array_equal(space.embed(same), expected)
    assert np.array_equal(space.embed(array, columns=list(shares)), expected)
    assert set(space.known_rows(narrow).tolist()) == {"whole"}


def test_plain_python_is_a_table_as_pandas_has_it(space, early):
    rows = [{"a": 1, "b": "x"}, {"c": 2.5, "a": 3}, {}]
    frame = tabgraft.read_table(rows)
    assert frame.columns == ["a", "b", "c"] == list(pd.DataFrame(rows).columns) and len(frame) == 3
    pd.testing.assert_frame_equal(frame.to_pandas(), pd.DataFrame(rows), check_dtype=False)
    # One value stands in every row, as in pandas.
    frame = tabgraft.read_table({"a": range(3), "b": ("x", None, "z"), "c": 7})
    assert frame.to_pandas()["c"].tolist() == [7, 7, 7] and frame.to_pandas()["b"].isna().tolist() == [False, True, False]
    # A row of its own is the everyday question to a model.
    row = early.iloc[0].to_dict()
    np.testing.assert_array_equal(space.embed([row]), space.embed(early.iloc[:1]))
    for data, words in [
        ({"a": [1, 2], "b": [1]}, "column `a` has 2 cells, column `b` has 1"),
        (row, "a single row is a list of one dictionary"),
        ({}, "a single row is a list of one dictionary"),
        ({"a": np.zeros((2, 2))}, "column `a` has shape"),
        (np.zeros((2, 2), dtype=[("a", "f8")]), "a structured array of shape"),
        (np.zeros(2, dtype=[("a", "f8", (3,))]), "field `a` holds arrays"),
        ([{"a": [1, 2]}], "column `a` holds a list"),
        ([1, 2], "cannot read a list as a table"),
        ([], "cannot read a list as a table"),
    ]:
        with pytest.raises(tabgraft.SchemaError, match=words):
            tabgraft.read_table(data)
    records = np.zeros(2, dtype=[("a", "f8"), ("b", "i4")])
    assert tabgraft.read_table(records).columns == ["a", "b"]
    with pytest.raises(tabgraft.OptionError, match="names of its own"):
        tabgraft.read_table(records, columns=["x", "y"])
