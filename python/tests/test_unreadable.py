"""Broken cells, unknown spellings and odd types: counted, named with their rows, and read where they can be."""

import numpy as np
import pandas as pd
import pytest

import tabgraft

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pl = pytest.importorskip("polars")

QUICK = {"n_epochs": 1, "d_model": 16, "progress": False}


def measured(n_rows: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=n_rows).round(3), "grade": rng.choice(list("abc"), n_rows)})
    frame["y"] = (frame["size"] + (frame["grade"] == "a") > 0).map({True: "yes", False: "no"})
    return frame


def test_every_door_takes_broken_cells_as_missing_ones(caplog):
    frame = measured()
    space = tabgraft.EmbeddingSpace.fit(frame, ignore=["y"], **QUICK)
    predictor = tabgraft.Predictor.fit(space, frame, "y", n_epochs=1, n_networks=2, progress=False)
    broken, empty = frame.astype({"size": object}), frame.copy()
    broken.loc[5, "size"], empty.loc[5, "size"] = "12 EUR", None
    made = predictor.predict(broken, errors="missing")
    [column] = made.unreadable_columns
    assert column == {
        "name": "size",
        "kind": "numeric",
        "n_unreadable": 1,
        "n_rows": 240,
        "row_idx": 5,
        "example": "12 EUR",
    }
    assert predictor.predict(frame).unreadable_columns == []
    pairs = {
        "guardrails": lambda data, **options: predictor.guardrails(data, **options),
        "split": lambda data, **options: space.split(data, **options).tolist(),
        "known_rows": lambda data, **options: space.known_rows(data, **options).tolist(),
        "predictors": lambda data, **options: predictor.compare(predictor, data, rows="all", **options).to_dict(),
        "spaces": lambda data, **options: space.compare(
            space, data, "y", n_epochs=1, n_networks=2, cross_fit=True, progress=False, **options
        ).verdict,
    }
    for name, ask in pairs.items():
        caplog.clear()
        assert ask(broken, errors="missing") == ask(empty), name
        told = [record.getMessage() for record in caplog.records]
        assert any("`12 EUR` in row 5" in text for text in told), (name, told)
        with pytest.raises(tabgraft.OptionError, match="option `errors`"):
            ask(broken, errors="ignore")
    estimator = tabgraft.TabgraftClassifier(n_epochs=1, d_model=16, predictor_epochs=1, errors="missing")
    estimator.fit(frame[["size", "grade"]], frame["y"])
    np.testing.assert_array_equal(estimator.predict(broken[["size", "grade"]]), estimator.predict(empty[["size", "grade"]]))


def test_polars_columns_of_nulls_within_lists_and_structs_are_left_out_and_the_rest_is_read():
    frame = pl.from_pandas(measured()).with_columns(
        nothing=pl.lit(None),
        lists=pl.Series([[None]] * 240),
        structs=pl.Series([{"a": None, "b": 1}] * 240),
        deep=pl.Series([[{"a": [None]}]] * 240),
    )
    assert "Null" in str(frame.schema["lists"]) and "Null" in str(frame.schema["structs"])
    space = tabgraft.EmbeddingSpace.fit(frame, ignore=["y"], **QUICK)
    assert space.columns == ["size", "grade"]
    reasons = {column["name"]: column["reason"] for column in space.inspect()["excluded"]}
    assert reasons["lists"] == "a list" and reasons["structs"] == "a struct" and reasons["deep"] == "a list"


@pytest.mark.parametrize("closed", ["right", "left", "both", "neither"])
def test_intervals_in_arrow_and_parquet_are_those_of_the_frame(closed, tmp_path):
    frame = measured()
    breaks = np.linspace(-4, 4, 6)
    index = pd.IntervalIndex.from_breaks(breaks, closed=closed)
    at = np.clip(np.searchsorted(breaks, frame["size"]) - 1, 0, 4)
    frame["band"] = pd.Series(index.array.take(at), dtype=index.dtype)
    frame["whole"] = pd.Series(pd.arrays.IntervalArray.from_breaks(range(6), closed=closed).take(at))
    space = tabgraft.EmbeddingSpace.fit(frame, ignore=["y"], **QUICK)
    assert {"band", "whole"} <= set(space.columns)
    z = space.embed(frame)
    frame.to_parquet(tmp_path / "t.parquet")
    for same in [pa.Table.from_pandas(frame), tmp_path / "t.parquet"]:
        np.testing.assert_array_equal(space.embed(same), z)


def test_cut_categories_in_a_pyarrow_table_are_those_of_the_frame():
    frame = measured()
    frame["band"] = pd.cut(frame["size"], 4)
    frame.loc[3, "band"] = None
    space = tabgraft.EmbeddingSpace.fit(frame, ignore=["y"], **QUICK)
    table = pa.Table.from_pandas(frame)
    assert "interval" in str(table.schema.field("band").type)
    np.testing.assert_array_equal(space.embed(table), space.embed(frame))
    again = tabgraft.EmbeddingSpace.fit(table, ignore=["y"], **QUICK)
    assert again.inspect()["columns"] == space.inspect()["columns"]


def test_what_made_known_cells_unseen_is_told(caplog):
    frame = measured()
    frame["zip"] = np.resize(["01067", "04109", "80331"], 240)
    space = tabgraft.EmbeddingSpace.fit(frame, ignore=["y"], kinds={"zip": "categorical"}, **QUICK)
    predictor = tabgraft.Predictor.fit(space, frame, "y", n_epochs=1, n_networks=2, progress=False)
    for column, change, cause, words in [
        ("grade", str.upper, "case", "only case sets them apart"),
        ("grade", lambda cell: str("abc".index(cell)), "codes", "turned into codes"),
        ("zip", lambda cell: str(int(cell)), "leading_zeros", "zeros in front that are lost"),
    ]:
        caplog.clear()
        made = predictor.predict(frame.assign(**{column: frame[column].map(change)}))
        assert made.unseen_columns[0]["cause"] == cause and words in caplog.text


def test_rows_of_frames_count_from_0_and_files_are_told_by_lines(tmp_path):
    frame = measured()
    space = tabgraft.EmbeddingSpace.fit(frame, ignore=["y"], **QUICK)
    broken = frame.astype({"size": object})
    broken.loc[7, "size"] = "abc"
    broken.to_csv(tmp_path / "t.csv", index=False)
    broken.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    array = broken[["size", "grade"]].to_numpy()
    for data, place, options in [
        (broken, "row 7", {}),
        (pl.from_pandas(broken.astype(str)), "row 7", {}),
        (array, "row 7", {"columns": ["size", "grade"]}),
        (tmp_path / "t.csv", "line 9", {}),
        (tmp_path / "t.jsonl", "line 8", {}),
    ]:
        with pytest.raises(tabgraft.DataError, match=f"column `size`, {place}: `abc` is not a number"):
            space.embed(data, **options)
        with pytest.raises(tabgraft.DataError, match=f"column `size`, {place}: `abc` is not a number"):
            tabgraft.EmbeddingSpace.fit(data, kinds={"size": "numeric"}, **QUICK, **options)


def test_plain_python_with_nested_cells_is_read_without_them():
    columns = {name: cells.tolist() for name, cells in measured().items()}
    space = tabgraft.EmbeddingSpace.fit(columns, ignore=["y"], **QUICK)
    nested = columns | {"tags": [["a"]] * 240, "raw": [b"x"] * 240}
    rows = [dict(zip(nested, cells, strict=True)) for cells in zip(*nested.values(), strict=True)]
    for data in [nested, rows]:
        made = tabgraft.EmbeddingSpace.fit(data, ignore=["y"], **QUICK)
        found = {column["name"]: (column["exclusion"], column["reason"]) for column in made.inspect()["excluded"]}
        assert found["tags"] == ("unreadable", "a list") and found["raw"] == ("unreadable", "a bytes")
        assert tabgraft.EmbeddingSpace.fit(data, ignore=["y", "tags", "raw"], **QUICK).columns == ["size", "grade"]
        np.testing.assert_array_equal(space.embed(data), space.embed(columns))
    with pytest.raises(tabgraft.SchemaError, match="column `tags` holds a list"):
        tabgraft.read_table({"tags": [["a"]]})


def test_whole_numbers_of_128_bits_keep_their_digits():
    frame = pl.from_pandas(measured())
    space = tabgraft.EmbeddingSpace.fit(frame, ignore=["y"], **QUICK)
    large = frame.with_columns(pl.Series("code", [2**100 + i % 3 for i in range(240)], dtype=pl.Int128))
    np.testing.assert_array_equal(space.embed(large), space.embed(frame))
    made = tabgraft.EmbeddingSpace.fit(large, ignore=["y"], **QUICK)
    reason = next(column["reason"] for column in made.inspect()["columns"] if column["name"] == "code")
    assert "3 distinct codes of digits" in reason, reason
