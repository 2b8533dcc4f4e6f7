"""Frames that break Arrow's rules: an error that names column and row, never a crash."""

import numpy as np
import pandas as pd
import pytest

import tabgraft

pa = pytest.importorskip("pyarrow")


def latin(n_rows: int) -> "pa.Array":
    """Texts of which the seventh is Latin-1, as pyarrow reads them from Parquet without complaint."""
    cells = [b"Bonn" if i % 2 else b"Rome" for i in range(n_rows)]
    cells[6] = b"Caf\xe9"
    offsets = np.cumsum([0] + [len(cell) for cell in cells]).astype(np.int32)
    return pa.Array.from_buffers(pa.string(), n_rows, [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(cells))])


def raw(data_type, n_rows: int, *buffers) -> "pa.Array":
    return pa.Array.from_buffers(data_type, n_rows, [None, *(pa.py_buffer(b) for b in buffers)])


def hostile(n_rows: int) -> dict[str, tuple["pa.Array", str]]:
    numbers = np.arange(n_rows + 1, dtype=np.int32)
    backwards = numbers.copy()
    backwards[7] = 2
    keys = pa.array(np.full(n_rows, 1, dtype=np.int32))
    far = pa.array(np.where(np.arange(n_rows) == 6, 9, 0).astype(np.int32))
    view = np.zeros((n_rows, 4), dtype=np.uint32)
    view[:, 0] = 4
    view[:, 1] = int.from_bytes(b"Rome", "little")
    view[6, 1] = int.from_bytes(b"Caf\xe9", "little")
    return {
        "latin-1": (latin(n_rows), r"row 6: `Caf\\xe9` is not UTF-8 text"),
        "a view": (raw(pa.string_view(), n_rows, view), r"row 6: `Caf\\xe9` is not UTF-8 text"),
        "offsets that run backwards": (raw(pa.string(), n_rows, backwards, b"x" * n_rows), "row 6: "),
        "a key beside its dictionary": (pa.DictionaryArray.from_arrays(far, pa.array(["a", "b"]), safe=False), "row 6: "),
        "a dictionary of latin-1": (
            pa.DictionaryArray.from_arrays(keys, latin(10).slice(5, 2)),
            r"row 0: `Caf\\xe9` is not UTF-8 text",
        ),
        "a wrong count of missing cells": (
            pa.Array.from_buffers(pa.int64(), n_rows, [pa.py_buffer(b"\xaa" * n_rows), pa.py_buffer(b"\0" * 8 * n_rows)], 3),
            "null_count",
        ),
    }


@pytest.mark.parametrize("name", hostile(100))
@pytest.mark.parametrize("kinds", [None, {"city": "categorical"}])
def test_a_frame_that_breaks_arrows_rules_is_refused_with_column_and_row(name, kinds, capfd):
    column, message = hostile(100)[name]
    table = pa.table({"n": pa.array(range(100)), "city": column})
    with pytest.raises(tabgraft.DataError, match=f"`the frame`, column `city`.*{message}") as refused:
        tabgraft.EmbeddingSpace.fit(table, kinds=kinds, n_epochs=1, d_model=16)
    assert "\n" in str(refused.value) or refused.value.__notes__, "a hint is there"
    assert capfd.readouterr().err == ""


def test_rows_count_over_all_batches():
    table = pa.table({"n": pa.array(range(100)), "city": latin(100)})
    pieces = pa.concat_tables([table.slice(0, 3), table.slice(3)])
    with pytest.raises(tabgraft.DataError, match=r"column `city`, row 6: "):
        tabgraft.EmbeddingSpace.fit(pieces, n_epochs=1, d_model=16)


def test_the_name_of_a_column_that_is_no_text_is_refused(capfd):
    class Stream:
        """Hands batches over without looking at their names, which a pyarrow table does itself."""

        def __arrow_c_stream__(self, requested_schema=None):
            schema = pa.schema([pa.field(b"caf\xe9", pa.int64())])
            batch = pa.RecordBatch.from_arrays([pa.array([1, 2])], schema=schema)
            return pa.RecordBatchReader.from_batches(schema, [batch]).__arrow_c_stream__(requested_schema)

    with pytest.raises(tabgraft.DataError, match="its schema cannot be read"):
        tabgraft.EmbeddingSpace.fit(Stream())
    assert capfd.readouterr().err == ""


def test_a_parquet_file_of_latin_1_is_refused_as_a_frame_is(tmp_path):
    path = tmp_path / "cities.parquet"
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"n": pa.array(range(100)), "city": latin(100)}), path)
    for data in (path, pq.read_table(path)):
        with pytest.raises(tabgraft.DataError, match=r"column `city`, row 6: `Caf\\xe9` is not UTF-8 text"):
            tabgraft.EmbeddingSpace.fit(data)


def test_missing_cells_hide_what_lies_under_them():
    present = np.packbits(np.arange(104) % 104 != 6, bitorder="little")
    sound = latin(100)
    hidden = pa.Array.from_buffers(pa.string(), 100, [pa.py_buffer(present), *sound.buffers()[1:]])
    space = tabgraft.EmbeddingSpace.fit(pa.table({"n": range(100), "city": hidden}), n_epochs=1, d_model=16)
    assert space.columns == ["city"]
    assert tabgraft.EmbeddingSpace.from_bytes(space.to_bytes()).columns == space.columns


def test_what_cannot_be_learned_from_says_why(early):
    """A table without a usable column, a target without a value, and weights that are no numbers."""
    same = pd.DataFrame({"a": ["x"] * 40, "b": [None] * 40})
    with pytest.raises(tabgraft.SchemaError, match=r"no column of the table can be used: `a` \(.+\), `b` \(.+\)"):
        tabgraft.EmbeddingSpace.fit(same, n_epochs=1)
    rows = early.head(200).assign(empty=None)
    space = tabgraft.EmbeddingSpace.fit(rows, ignore=["target", "empty"], n_epochs=1, d_model=8)
    with pytest.raises(tabgraft.DataError, match="target `empty` has no value in any row"):
        tabgraft.Predictor.fit(space, rows, "empty")
    for weights in [["a"] * 200, [object()] * 200, "heavy"]:
        with pytest.raises(tabgraft.DataError, match="row weights"):
            tabgraft.Predictor.fit(space, rows, "target", sample_weight=weights)
