"""`space.refresh`: the same columns, new rows, from Python; and what leaves a refreshed space as ONNX."""

import numpy as np
import pytest

import tabgraft

FAST = dict(n_epochs=2, progress=False)
NEW = ["education", "used car"]


@pytest.fixture(scope="module")
def frames(early):
    is_new = early["purpose"].isin(NEW)
    return early[~is_new], early


@pytest.fixture(scope="module")
def first(frames):
    return tabgraft.EmbeddingSpace.fit(frames[0], ignore=["target"], d_model=16, **FAST)


def test_frozen_keeps_the_bits_of_every_row_without_a_new_level(first, frames, tmp_path):
    known, every = frames
    child = first.refresh(every, mode="frozen", **FAST)
    step = child.extension_metadata
    assert (step["operation"], step["mode"], step["drift"]["max_cosine_distance"]) == ("refresh", "frozen", 0.0)
    is_new = every["purpose"].isin(NEW).to_numpy()
    moved = (child.embed(every) != first.embed(every)).any(axis=1)
    np.testing.assert_array_equal(moved, is_new)
    assert any("`purpose`: 2 new level(s) have codes of their own" in note for note in child.notes)
    first.save(tmp_path / "v1.tabgraft"), child.save(tmp_path / "v2.tabgraft")
    assert tabgraft.verify(tmp_path / "v2.tabgraft", parent=tmp_path / "v1.tabgraft")


def test_anchored_holds_its_bound_and_a_predictor_grows_onto_it(first, frames):
    known, every = frames
    child = first.refresh(every, drift_bound=0.01, name="later", **FAST)
    assert child.name == "later"
    assert 0 < child.extension_metadata["drift"]["mean_cosine_distance"] <= 0.01
    options = dict(n_epochs=4, n_networks=2, progress=False)
    predictor = tabgraft.Predictor.fit(first, known, "target", **options)
    grown = predictor.extend(child, every, progress=False)
    assert len(grown.predict(every).labels) == len(every)


def test_what_cannot_be_is_said(first, frames):
    with pytest.raises(tabgraft.OptionError, match="`anchored` or `frozen`"):
        first.refresh(frames[1], mode="joint")
    with pytest.raises(ValueError, match="no category has a new level"):
        first.refresh(frames[0], mode="frozen", **FAST)


def test_new_levels_leave_as_onnx(first, frames, tmp_path):
    pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    from test_onnx import same

    for mode in ["frozen", "anchored"]:
        same(first.refresh(frames[1], mode=mode, **FAST), frames[1].head(300), tmp_path)
