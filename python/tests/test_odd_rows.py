"""Odd rows and changed ones: what Python sees of them."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

import tabgraft


@pytest.fixture(scope="module")
def found(space, early):
    return space.surprise(early.head(50).assign(purpose=["a yacht", *early["purpose"].tolist()[1:50]]))


def test_rows_are_scored_with_their_cells(space, early, found):
    assert found.cells.shape == (50, 17) and found.columns == space.columns
    assert (found.cells >= 0).all() and (found.scores >= 0).all()
    assert ((found.share_less_odd >= 0) & (found.share_less_odd < 1)).all()
    order = np.argsort(found.scores)
    assert (np.diff(found.share_less_odd[order]) >= 0).all(), "a higher score is never less odd"
    yacht = [cell for cell in found.reasons[0] if cell["found"] == "a yacht"]
    assert yacht[0]["oddity"] == "unseen" and 0 < yacht[0]["p_found"] < 0.05
    for row, cells in enumerate(found.reasons):
        assert len(cells) <= 3
        for cell in cells:
            at = found.columns.index(cell["column"])
            assert cell["surprise"] == pytest.approx(float(found.cells[row, at]), abs=1e-6)
            assert cell["p_found"] == pytest.approx(np.exp(-cell["surprise"]))
            assert 0 < cell["p_expected"] <= 1 and cell["expected"]


def test_what_is_found_reads_as_a_frame(space, early, found):
    frame = found.to_pandas()
    assert isinstance(frame, pd.DataFrame) and frame.shape == (50, 17)
    assert frame["odd_1_column"].tolist() == [cells[0]["column"] if cells else None for cells in found.reasons]
    assert found.to_polars().shape == (50, 17) and len(found) == 50
    yacht = space.surprise(early.head(1).assign(purpose="a yacht"))
    assert "a yacht" in str(yacht) and "a yacht" in yacht._repr_html_() and "40 less odd" in str(found)
    assert repr(found).startswith("Surprise(50 rows, held against ")
    none = space.surprise(pl.from_pandas(early.head(0)))
    assert none.to_pandas().empty and none.reasons == []


def test_hostile_cells_stay_text(space, early):
    odd = space.surprise(early.head(1).assign(purpose="<script>alert(1)</script>"))
    assert "<script>" not in odd._repr_html_()


def test_other_rows_may_be_the_usual_ones(space, early):
    against = early[early["age"] > 40]
    held = space.surprise(early.head(5), against=against)
    assert f"held against {min(len(against), 1000)}" in repr(held)
    with pytest.raises(tabgraft.SchemaError, match="not one of the table's"):
        space.surprise(early, against=pd.DataFrame({"x": [1]}))
    with pytest.raises(tabgraft.OptionError, match="`n_reasons` is 101"):
        space.surprise(early, n_reasons=101)


def test_a_loaded_space_says_the_same(space, early, tmp_path):
    path = tmp_path / "v1.tabgraft"
    space.save(path)
    loaded = tabgraft.EmbeddingSpace.load(path)
    assert np.array_equal(loaded.surprise(early).cells, space.surprise(early).cells)
    assert loaded.watch(early).to_dict() == space.watch(early).to_dict()


def test_rows_of_the_training_have_not_changed_and_changed_ones_have(space, early):
    assert space.watch(early).changes == []
    found = space.watch(early.assign(age=early["age"] + 20, purpose="a yacht"))
    assert found.changed and {"column": "age", "what": "values"} in found.changes
    assert {"column": "purpose", "what": "unseen"} in found.changes
    gone = space.watch(early.drop(columns="age"))
    assert {"column": "age", "what": "missing"} in gone.changes
    frame = found.to_pandas().set_index("column")
    assert frame.loc["age", "changed"] and frame.loc["age", "p_values"] < 0.01 and frame.loc["age", "psi"] > 0.25
    assert 0 <= frame["jensen_shannon"].max() <= 1 and found.to_polars().shape == (17, 14)
    assert "age" in str(found) and "purpose" in found._repr_html_() and "changed" in repr(found)
    assert json.loads(json.dumps(found.to_dict()))["n_rows"] == 1000
    for options, text in [({"alpha": 0}, "`alpha` is 0"), ({"min_psi": -1}, "`min_psi` is -1")]:
        with pytest.raises(tabgraft.OptionError, match=text):
            space.watch(early, **options)
    with pytest.raises(tabgraft.DataError, match="has no row"):
        space.watch(early.head(0))


def test_a_predictor_watches_its_columns_one_by_one_in_the_same_shape(space, predictor, early):
    other = early.assign(age=early["age"] + 20, purpose="a yacht")
    found, of_space = predictor.watch(other), space.watch(other)
    assert type(found) is type(of_space) and found.to_dict().keys() == of_space.to_dict().keys()
    assert {"column": "purpose", "what": "unseen"} in found.changes and "one by one" in repr(found)
    frame, of_space = found.to_pandas(), of_space.to_pandas()
    assert list(frame) == list(of_space) and frame["psi"].equals(of_space["psi"])
    assert frame["surprise"].isna().all() and not of_space["surprise"].isna().any()
    assert not predictor.watch(early).changed and not predictor.watch(other, against=other).changed
    with pytest.raises(tabgraft.OptionError, match="`alpha` is 2"):
        predictor.watch(early, alpha=2)
