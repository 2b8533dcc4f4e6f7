"""Similar rows: an index of vectors by key, and what is found in it."""

import subprocess

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tabgraft
from conftest import needs_program, program


@pytest.fixture(scope="module")
def loans(early):
    return early.assign(id=[f"loan {i}" for i in range(len(early))])


@pytest.fixture(scope="module")
def index(space, loans):
    return space.index(loans, key="id")


def test_a_row_finds_itself_first_and_what_numpy_finds(space, loans, index):
    vectors = space.embed(loans)
    assert np.array_equal(index.vectors, vectors) and index.keys == loans["id"].tolist()
    found = index.search(space, loans, k=5)
    unit = vectors.astype(np.float64) / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    wanted = np.sort(unit @ unit.T, axis=1)[:, ::-1][:, :5]
    assert np.abs(found.similarities - wanted).max() < 1e-5
    assert found.similarities[:, 0].min() > 1 - 1e-5
    dots = index.search(space, loans.head(20), k=3, similarity="dot").similarities
    assert np.abs(dots - np.sort(vectors[:20] @ vectors.T, axis=1)[:, ::-1][:, :3]).max() < 1e-3


def test_what_is_found_reads_as_a_frame(space, loans, index):
    found = index.search(space, pl.from_pandas(loans.head(3)), k=2)
    frame = found.to_pandas()
    assert isinstance(frame, pd.DataFrame) and frame["row"].tolist() == [0, 0, 1, 1, 2, 2]
    assert frame["rank"].tolist() == [1, 2] * 3 and found.to_polars().shape == (6, 4)
    assert frame["neighbour"].tolist() == [key for keys in found.keys for key in keys]
    assert len(found) == 3 and "loan 0" in str(found) and "loan 0" in found._repr_html_()
    assert index.search(space, loans.head(0)).to_pandas().empty


def test_an_index_outlives_a_frozen_graft_and_refuses_a_joint_one(space, loans, index, credit):
    wanted = index.search(space, loans.head(30), k=4)
    frozen = space.extend(credit, n_epochs=1, name="v2")
    found = index.search(frozen, credit.head(30), k=4)
    assert found.keys == wanted.keys and np.array_equal(found.similarities, wanted.similarities)
    joint = space.extend(credit, n_epochs=1, mode="joint", name="v2_joint")
    with pytest.raises(tabgraft.SchemaError, match="`v1`.*which are none of `v2_joint`"):
        index.search(joint, credit.head(1))
    grown = index.with_rows(frozen, credit.head(2).assign(id=["new 1", "loan 0"]), key="id")
    assert len(grown) == 1001 and len(grown.without(["new 1"])) == 1000


def test_vectors_leave_as_one_column_of_arrow(space, loans, tmp_path):
    vectors = space.embed(loans)
    frame = space.embed(loans, key=["id", "age"], vector_column="z")
    table = pa.table(frame)
    assert table.schema.names == ["id", "age", "z"] and len(frame) == 1000
    assert table.schema.field("z").type == pa.list_(pa.float32(), space.d_model)
    column = table.column("z").combine_chunks()
    assert np.array_equal(column.flatten().to_numpy().reshape(1000, -1), vectors)
    assert table.column("id").to_pylist() == loans["id"].tolist()
    # Other readers of Arrow, and a notebook.
    polars = pl.DataFrame(frame)
    assert polars["z"].dtype == pl.Array(pl.Float32, space.d_model)
    assert np.array_equal(polars["z"].to_numpy(), vectors)
    assert "[" in frame._repr_html_() and "loan 0" in frame._repr_html_()
    # A path, and no row.
    loans.to_csv(tmp_path / "loans.csv", index=False)
    from_file = pa.table(space.embed(tmp_path / "loans.csv", key="id", vector_column="z"))
    assert from_file.column("z").combine_chunks().equals(column)
    assert pa.table(space.embed(loans.head(0), vector_column="z")).num_rows == 0
    with pytest.raises(tabgraft.OptionError, match="`key` is given without `vector_column`"):
        space.embed(loans, key="id")
    with pytest.raises(tabgraft.SchemaError, match="`nothing`"):
        space.embed(loans, key="nothing", vector_column="z")
    with pytest.raises(tabgraft.SchemaError, match="`id` stands twice"):
        space.embed(loans, key="id", vector_column="id")


@needs_program
def test_the_command_writes_the_same_column(space, loans, tmp_path):
    space.save(tmp_path / "v1")
    loans.to_csv(tmp_path / "loans.csv", index=False)
    options = ["--key", "id", "--vector-column", "z", "-o", tmp_path / "z.parquet"]
    subprocess.run([program(), "embed", tmp_path / "v1", tmp_path / "loans.csv", *options], check=True)
    written = pq.read_table(tmp_path / "z.parquet")
    assert written.equals(pa.table(space.embed(loans, key="id", vector_column="z")))


def test_an_index_is_a_file(space, loans, index, tmp_path):
    path = tmp_path / "loans.index"
    index.save(path)
    again = tabgraft.RowIndex.load(path)
    assert again.keys == index.keys and again.version == space.id
    with pytest.raises(tabgraft.SchemaError, match="a file of kind `row_index`"):
        tabgraft.EmbeddingSpace.load(path)


def test_mistakes_are_named(space, loans, index):
    with pytest.raises(tabgraft.DataError, match="row 1.*key `loan 0` is that of row 0"):
        space.index(loans.head(2).assign(id="loan 0"), key="id")
    with pytest.raises(tabgraft.SchemaError, match="`idd`"):
        space.index(loans, key="idd")
    with pytest.raises(tabgraft.DataError, match="no row of the index has the key `loan 1000`"):
        index.search(space, loans.head(1), among=["loan 1000"])
    with pytest.raises(tabgraft.OptionError, match="`cosine` or `dot`"):
        index.search(space, loans.head(1), similarity="euclid")
    with pytest.raises(tabgraft.OptionError, match="k is 0"):
        index.search(space, loans.head(1), k=0)
