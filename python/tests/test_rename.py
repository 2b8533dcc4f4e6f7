"""Columns get the names that a model knows before anything else looks at them."""

import numpy as np
import pandas as pd
import pytest

import tabgraft
from featrix.neural.embedded_space import EmbeddingSpace
from featrix.neural.input_data_set import FeatrixInputDataSet
from featrix.neural.single_predictor import SinglePredictor

pl = pytest.importorskip("polars")

QUICK = {"n_epochs": 2, "d_model": 16, "progress": False}
OTHER = {"years": "age", "what for": "purpose"}
BACK = {new: old for old, new in OTHER.items()}


@pytest.fixture
def other(early) -> pd.DataFrame:
    """The same rows as another system exports them."""
    return early.rename(columns=BACK)


def test_every_question_takes_new_names(space, predictor, early, credit, other, tmp_path):
    z = space.embed(early)
    path = tmp_path / "other.csv"
    other.to_csv(path, index=False)
    for data in [other, pl.from_pandas(other), path, FeatrixInputDataSet(other)]:
        np.testing.assert_array_equal(space.embed(data, rename=OTHER), z)
    read = tabgraft.read_table(path, rename=OTHER)
    assert "age" in read.columns and "years" not in read.columns
    np.testing.assert_array_equal(space.embed(read), z)
    np.testing.assert_array_equal(space.embed(tabgraft.read_table(path), rename=OTHER), z)
    expected = predictor.predict(early).probabilities
    np.testing.assert_array_equal(predictor.predict(other, rename=OTHER).probabilities, expected)
    assert predictor.evaluate(other, rename=OTHER) == predictor.evaluate(early)
    assert predictor.guardrails(other, rename=OTHER) == predictor.guardrails(early)
    assert predictor.compare(predictor, other, rename=OTHER).n_rows == predictor.compare(predictor, early).n_rows
    assert space.split(other, rename=OTHER).tolist() == space.split(early).tolist()
    assert set(space.known_rows(other, rename=OTHER)) == {"whole"}
    assert space.column_report(other, rename=OTHER)["missing_columns"] == []
    late = credit.rename(columns=BACK)
    child = space.extend(late, rename=OTHER, n_epochs=2, progress=False)
    assert child.columns == space.extend(credit, n_epochs=2, progress=False).columns
    engineer = tabgraft.FeatureEngineer([{"name": "young", "formula": "age < 25"}])
    enriched = engineer.fit_transform(other, rename=OTHER)
    assert list(enriched.columns) == [*other.columns, "young"]
    judged = engineer.judge(space, other, "target", rename=OTHER, guide="linear", budget_s=2, progress=False)
    assert judged.run["suggestions"][0]["name"] == "young"


def test_what_a_training_renames_is_remembered(early, other, predictor, caplog):
    space = tabgraft.EmbeddingSpace.fit(other, rename=OTHER, ignore=["target"], **QUICK)
    assert "age" in space.columns and space.inspect()["reading"]["renamed"] == OTHER
    z = space.embed(early)
    caplog.clear()
    for data in [other, other.astype({"years": str})]:
        np.testing.assert_array_equal(space.embed(data), z)
    np.testing.assert_array_equal(space.embed(other, rename=OTHER), z)
    np.testing.assert_array_equal(tabgraft.EmbeddingSpace.from_bytes(space.to_bytes()).embed(other), z)
    # A column of the name that the model knows is that column.
    both = early.assign(years=0)
    np.testing.assert_array_equal(space.embed(both), z)
    assert "missing" not in caplog.text
    fitted = tabgraft.Predictor.fit(space, other, "target", n_epochs=2, n_networks=2, progress=False)
    np.testing.assert_array_equal(fitted.predict(other).probabilities, fitted.predict(early).probabilities)
    with pytest.raises(tabgraft.SchemaError, match="no column `yeers` to be renamed `age`"):
        tabgraft.EmbeddingSpace.fit(other, rename={"yeers": "age"}, **QUICK)


def test_unknown_names_and_names_that_meet_are_errors(space, early, other):
    with pytest.raises(tabgraft.SchemaError, match="no column `yeers` to be renamed `age`[^\n]*\nhint: did you mean `years`"):
        space.embed(other, rename={"yeers": "age"})
    with pytest.raises(tabgraft.SchemaError, match="columns `age`, `years` would both be `age`"):
        space.embed(early.assign(years=1), rename={"years": "age"})
    with pytest.raises(tabgraft.SchemaError, match="would both be `age`"):
        space.embed(pl.from_pandas(other), rename={"years": "age", "what for": "age"})


def test_the_described_way_and_the_estimators_rename_too(early, other, space, tmp_path):
    train, valid = FeatrixInputDataSet(other, ignore_cols=["target"], rename=OTHER).split(0.2)
    es = EmbeddingSpace(train, valid, n_epochs=2, d_model=16).train(progress=False)
    assert "purpose" in es.columns
    np.testing.assert_array_equal(es.embed(other), es.embed(early))
    single = SinglePredictor(space, qa_dir=tmp_path)
    single.prep_for_training(other, "target", "set", rename=OTHER)
    single.train_blocking(n_epochs=2, discovery_budget_s=0, progress=False)
    assert "years" in single.train_df.columns
    expected = single.predict(early).probabilities
    np.testing.assert_array_equal(single.predict(other, rename=OTHER).probabilities, expected)
    X, y = other.drop(columns="target"), other["target"]
    made = tabgraft.TabgraftClassifier(n_epochs=2, d_model=16, predictor_epochs=2, rename=OTHER).fit(X, y)
    assert "age" in made.space_.columns and made.predict(X).shape == (1000,)
