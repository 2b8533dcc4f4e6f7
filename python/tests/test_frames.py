"""Data in from every library, and back out in the caller's own type."""

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
        ({"a": [1, 2]}, "cannot read a dict as a table"),
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
    import sys

    expected = space.embed(early)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    np.testing.assert_array_equal(space.embed(early), expected)
    engineer = tabgraft.FeatureEngineer([{"name": "monthly", "formula": "credit_amount / duration"}])
    enriched = engineer.fit_transform(early)
    assert enriched.index.equals(early.index) and enriched["monthly"].dtype == np.float64
