"""Scorers: record batches in, record batches out, the model loaded once in each process."""

import pickle
import subprocess
import sys

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import tabgraft
from tabgraft import scoring
from tabgraft.scoring import Scorer


@pytest.fixture
def batch(early):
    return pa.RecordBatch.from_pandas(early, preserve_index=False)


def test_a_batch_scores_as_its_frame(space, predictor, early, batch):
    z = Scorer(space)(batch)
    assert z.schema.names == [f"z{i}" for i in range(space.d_model)]
    assert np.array_equal(np.column_stack(z.columns), space.embed(early))
    said, wanted = Scorer(predictor, keep=["age"])(batch), predictor.predict(early)
    assert said.schema.names == ["age", "class", "confidence", "p_0", "p_1"]
    assert said.column("class").to_pylist() == wanted.labels.tolist()
    assert np.array_equal(np.column_stack([said.column("p_0"), said.column("p_1")]), wanted.probabilities)
    assert np.array_equal(said.column("age"), early["age"])


def test_features_are_added_to_a_batch(early, batch):
    engineer = tabgraft.FeatureEngineer([{"name": "monthly", "formula": "credit_amount / duration"}])
    wanted = engineer.fit_transform(early)
    made = pickle.loads(pickle.dumps(Scorer(engineer)))(batch)
    assert made.schema.names == list(wanted.columns)
    assert np.array_equal(made.column("monthly"), wanted["monthly"])


def test_parts_of_any_size_score_as_the_whole(predictor, batch):
    score = Scorer(predictor)
    parts = pa.Table.from_batches([batch]).to_batches(max_chunksize=137)
    assert pa.Table.from_batches(score.batches(parts)).equals(pa.Table.from_batches([score(batch)]))
    empty = score(batch.slice(0, 0))
    assert empty.num_rows == 0 and empty.schema == score.schema(batch.schema) == score(batch).schema


@pytest.mark.parametrize("from_file", [True, False])
def test_a_scorer_is_pickled_and_loads_once_in_a_process(predictor, batch, tmp_path, monkeypatch, from_file):
    predictor.save(tmp_path / "p.tabgraft")
    score = Scorer(tmp_path / "p.tabgraft" if from_file else predictor)
    there = pickle.dumps(score)
    assert (len(there) < 1000) == from_file
    monkeypatch.setattr(scoring, "_loaded", {})
    loads = []
    load = Scorer._load
    monkeypatch.setattr(Scorer, "_load", lambda self: loads.append(1) or load(self))
    results = [pickle.loads(there)(batch) for _ in range(3)]
    assert len(loads) == 1 and all(result.equals(score(batch)) for result in results)


def test_another_version_at_the_place_is_an_error(space, child_of, batch, tmp_path, monkeypatch):
    space.save(tmp_path / "s.tabgraft")
    there = pickle.dumps(Scorer(tmp_path / "s.tabgraft"))
    child_of(space).save(tmp_path / "s.tabgraft")
    monkeypatch.setattr(scoring, "_loaded", {})
    with pytest.raises(tabgraft.VersionError, match="was made for"):
        pickle.loads(there)(batch)


@pytest.fixture
def child_of(credit):
    return lambda space: space.extend(credit, n_epochs=1)


def test_what_a_scorer_cannot_do_is_said_at_once(space, batch):
    with pytest.raises(tabgraft.OptionError, match="can `embed`"):
        Scorer(space, "predict")
    with pytest.raises(tabgraft.SchemaError, match="`nobody`"):
        Scorer(space, keep=["nobody"])(batch)


def test_duckdb_and_polars_score_by_it(predictor, early):
    score = Scorer(predictor, keep=["age"])
    wanted = predictor.predict(early).probabilities[:, 1]
    reader = duckdb.from_df(early).to_arrow_reader(200) if hasattr(duckdb.DuckDBPyRelation, "to_arrow_reader") else duckdb.from_df(early).fetch_arrow_reader(200)
    scored = pa.Table.from_batches(score.batches(reader))
    assert np.array_equal(duckdb.sql("SELECT p_1 FROM scored").fetchnumpy()["p_1"], wanted)
    lazy = pl.from_pandas(early).lazy()
    made = lazy.map_batches(lambda frame: pl.from_arrow(score(frame.to_arrow())), validate_output_schema=False)
    assert np.array_equal(made.collect()["p_1"], wanted)


def test_importing_tabgraft_imports_no_engine():
    heavy = ["pyarrow", "pandas", "mlflow", "onnx", "onnxruntime", "duckdb", "polars", "pyspark", "ray", "dask"]
    code = f"import sys, tabgraft, tabgraft.scoring, tabgraft.mlflow; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
    code = "import sys; sys.modules['pyarrow'] = None; from tabgraft.scoring import Scorer; Scorer('x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "tabgraft[scoring]" in done.stderr
