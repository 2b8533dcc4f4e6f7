"""The native API: spaces, grafts, predictors, comparisons, discovery, files."""

import numpy as np
import pandas as pd
import pytest

import tabgraft


def test_a_frozen_graft_keeps_every_old_bit(space, early, credit):
    child = space.extend(credit, n_epochs=3, name="v2")
    before, after = space.embed(early), child.embed(credit)
    np.testing.assert_array_equal(after[:, : space.d_model], before)
    assert child.d_model > space.d_model and child.extension_metadata["mode"] == "frozen"
    assert child.extension_metadata["drift"]["max_cosine_distance"] == 0.0
    joint = space.extend(credit, mode="joint", n_epochs=3)
    assert joint.d_model == space.d_model and joint.extension_metadata["drift"]["max_cosine_distance"] > 0


def test_an_anchored_graft_holds_its_bound_and_parts_can_stay_frozen(space, credit):
    anchored = space.extend(credit, mode="anchored", drift_bound=0.01, n_epochs=4)
    assert 0 < anchored.extension_metadata["drift"]["mean_cosine_distance"] <= 0.01
    freeze = {"trunk": True, "columns": ["age"], "schedule": "by_epoch"}
    kept = space.extend(credit, mode="joint", freeze=freeze, n_epochs=3)
    assert kept.extension_metadata["freeze"] == {"tokens": False, "heads": False, **freeze}
    for options, message in [
        ({"mode": "joint", "drift_bound": 0.1}, "mode `joint` has no bound"),
        ({"mode": "joint", "d_side": 32}, "mode `joint` appends no coordinates"),
        ({"mode": "frozen", "freeze": freeze}, "thaws no old weight anyway"),
        ({"mode": "joint", "freeze": {"colour": 1}}, "unknown field `colour`"),
        ({"mode": "joint", "freeze": {"columns": ["rocket"]}}, "rocket"),
        ({"mode": "joint", "freeze": "trunk"}, '"trunk" is no dictionary'),
        ({"mode": "joint", "freeze": ["age"]}, "is no dictionary"),
    ]:
        with pytest.raises(tabgraft.TabgraftError, match=message):
            space.extend(credit, n_epochs=2, **options)


def test_the_same_seed_gives_the_same_bits(space, early):
    again = tabgraft.EmbeddingSpace.fit(early, ignore=["target"], name="v1", n_epochs=6, d_model=32)
    assert again.hashes == space.hashes
    other = tabgraft.EmbeddingSpace.fit(early, ignore=["target"], name="v1", n_epochs=6, d_model=32, seed=1)
    assert other.hashes["weights"] != space.hashes["weights"]


def test_late_columns_help_and_the_comparison_says_so(space, credit):
    found = space.compare(space.extend(credit, n_epochs=8), credit, "target", n_epochs=30)
    assert found.metric == "roc_auc" and found.interval[0] <= found.difference <= found.interval[1]
    assert found.verdict in {"better", "no_difference"} and found.difference > 0
    as_dict = found.to_dict()
    assert as_dict["spaces"]["drift"]["max_cosine_distance"] == 0.0
    assert as_dict["n_rows"] == found.n_rows > 100


def test_spaces_of_different_splits_compare_on_rows_that_test_both_or_by_cross_fitting(space, early):
    other = tabgraft.EmbeddingSpace.fit(early, ignore=["target"], n_epochs=1, d_model=16, split_seed=9)
    few = early.head(300)
    with pytest.raises(tabgraft.DataError, match="test rows for both") as refused:
        space.compare(other, few, "target")
    assert "cross_fit" in str(refused.value)
    found = space.compare(other, few, "target", n_epochs=1, n_networks=2, cross_fit=True)
    spaces = found.to_dict()["spaces"]
    assert (found.n_rows, spaces["evidence"], spaces["drift"]) == (300, "cross_fitted", None)


def test_a_graft_is_judged_by_a_target_and_needs_one(space, credit):
    for options in [{"keep": "if_not_worse"}, {"target": "target"}, {"keep": "sometimes"}]:
        with pytest.raises(tabgraft.OptionError, match="keep"):
            space.extend(credit, **options)
    with pytest.raises(tabgraft.OptionError, match="a batch of 16 rows"):
        space.extend(credit, memory_limit=1_000_000)


def test_predictions_say_what_was_used(predictor, early):
    frame = early.drop(columns="duration").assign(extra=1)
    made = predictor.predict(frame)
    assert made.missing_columns == ["duration"]
    ignored = {c["name"]: c for c in made.ignored_columns}
    assert ignored["extra"]["unknown"] and "no codec" in ignored["extra"]["reason"]
    assert made.probabilities.shape == (1000, 2) and made.task == "binary"
    np.testing.assert_allclose(made.probabilities.sum(axis=1), 1.0)
    assert np.all((made.confidence >= 0) & (made.confidence <= 1))
    np.testing.assert_array_equal(made.labels, (made.probabilities[:, 1] >= made.threshold).astype(int))
    np.testing.assert_array_equal(np.asarray(made), made.labels)


def test_a_row_keeps_its_prediction_in_any_batch(predictor, early):
    whole = predictor.predict(early).probabilities
    np.testing.assert_array_equal(predictor.predict(early.iloc[[5]]).probabilities, whole[[5]])
    np.testing.assert_array_equal(predictor.predict(early[::-1]).probabilities, whole[::-1])


def test_scores_have_intervals_and_rows(predictor, early):
    scores = {s["metric"]: s for s in predictor.scores}
    assert scores["roc_auc"]["low"] <= scores["roc_auc"]["value"] <= scores["roc_auc"]["high"]
    again = {s["metric"]: s for s in predictor.evaluate(early)}
    assert again == scores
    everything = {s["metric"]: s for s in predictor.evaluate(early, rows="all")}
    assert everything["roc_auc"]["n"] == 1000 > scores["roc_auc"]["n"]
    assert predictor.compare(predictor, early).verdict == "no_difference"


def test_copies_of_rows_count_once_in_intervals_and_unseen_classes_as_wrong(predictor, early):
    some = early.head(200)
    once = predictor.evaluate(some, rows="all")
    copies = predictor.evaluate(pd.concat([some] * 5), rows="all")
    for row, copy in zip(once, copies, strict=True):
        assert (row["n"], row["n_copies"], copy["n"], copy["n_copies"]) == (200, 0, 1000, 800)
        assert abs(row["low"] - copy["low"]) < 0.01 and abs(row["high"] - copy["high"]) < 0.01
    odd = some.astype({"target": str})
    odd.loc[odd.index[:50], "target"] = "neither"
    accuracy = {s["metric"]: s for s in predictor.evaluate(odd, rows="all")}["accuracy"]
    assert accuracy["n_unseen"] == 50 and accuracy["value"] <= 0.75


def test_unlike_cells_are_found(predictor, early):
    odd = early.head(3).copy()
    odd["credit_amount"] = odd["credit_amount"].astype(float)
    odd.loc[odd.index[1], "credit_amount"] = 1e9
    odd.loc[odd.index[2], "purpose"] = "a rocket"
    found = {(g["row_idx"], g["column"]) for g in predictor.guardrails(odd)}
    assert {(1, "credit_amount"), (2, "purpose")} <= found


def test_a_target_may_be_an_array_and_rows_may_weigh(space, early):
    rows, y = early.drop(columns="target"), early["target"].to_numpy()
    options = {"n_epochs": 8, "n_networks": 2, "hold_out_test": False}
    plain = tabgraft.Predictor.fit(space, rows, y, **options)
    weighted = tabgraft.Predictor.fit(space, rows, y, sample_weight=1 + 9.0 * y, **options)
    mean = [p.predict(rows).probabilities[:, 1].mean() for p in (plain, weighted)]
    assert mean[1] > mean[0] + 0.1, "rows that weigh more pull the mean their way"
    even = tabgraft.Predictor.fit(space, rows, y, sample_weight=np.full(len(y), 3.0), **options)
    np.testing.assert_array_equal(even.predict(rows).probabilities, plain.predict(rows).probabilities)
    for bad in [[1.0], -np.ones(len(y)), np.zeros(len(y))]:
        with pytest.raises(tabgraft.DataError, match="weight"):
            tabgraft.Predictor.fit(space, rows, y, sample_weight=bad, **options)


def test_discovery_keeps_suggested_and_recommended_apart(space, early, tmp_path):
    found = tabgraft.discover(space, early, "target", budget_s=1, n_judged=4)
    assert len(found.suggested) == 3 and set(found.recommended) <= {s["name"] for s in found.run["suggestions"]}
    found.write(tmp_path)
    assert {p.name for p in tmp_path.glob("*.json")} == {
        "feature_suggestion_history.json",
        "feature_effectiveness.json",
        "suggested_features.json",
    }
    engineer = tabgraft.FeatureEngineer.from_json(tmp_path / "suggested_features.json")
    enriched = engineer.transform(early)
    assert list(enriched.columns[-3:]) == engineer.names == found.suggested
    child = space.extend(enriched, features=engineer, n_epochs=2)
    assert child.inspect()["features"] == found.suggested


def test_features_whose_inputs_are_absent_are_left_out_only_when_asked(early):
    engineer = tabgraft.FeatureEngineer(
        [{"name": "a", "formula": "age + 1"}, {"name": "b", "formula": "bureau * 2"}]
    )
    with pytest.raises(tabgraft.SchemaError, match="feature `b`: there is no column `bureau`"):
        engineer.fit_transform(early)
    assert list(engineer.fit_transform(early, skip_missing=True).columns[-1:]) == ["a"]


@pytest.mark.parametrize("suggestion", [{"formula": "a"}, {"name": "x"}, {"name": "x", "definition": 3}])
def test_half_a_suggestion_is_refused(suggestion):
    with pytest.raises(tabgraft.MalformedFileError):
        tabgraft.FeatureEngineer([suggestion])


def test_files_load_elsewhere_and_broken_ones_are_refused(space, early, tmp_path):
    path = tmp_path / "v1.tabgraft"
    space.save(path)
    loaded = tabgraft.EmbeddingSpace.load(str(path))
    np.testing.assert_array_equal(loaded.embed(early), space.embed(early))
    assert tabgraft.verify(path)["kind"] == "embedding_space"
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes() == space.to_bytes()

    flipped = bytearray(path.read_bytes())
    flipped[-5] ^= 1
    (tmp_path / "flipped").write_bytes(flipped)
    with pytest.raises(tabgraft.VerificationError):
        tabgraft.EmbeddingSpace.load(tmp_path / "flipped")
    (tmp_path / "short").write_bytes(path.read_bytes()[:1000])
    with pytest.raises(tabgraft.MalformedFileError):
        tabgraft.EmbeddingSpace.load(tmp_path / "short")
    with pytest.raises(tabgraft.FileError):
        tabgraft.EmbeddingSpace.load(tmp_path / "absent")
    with pytest.raises(tabgraft.SchemaError, match="expected `predictor`"):
        tabgraft.Predictor.load(path)
    with pytest.raises(tabgraft.OptionError, match="keeps no data"):
        loaded.train()


def test_options_outside_their_range_are_named(early, space):
    for options, message in [
        ({"d_model": 7}, "`d_model` is 7, allowed is 8 to 4096"),
        ({"kinds": {"age": "colour"}}, "`colour`, allowed is `numeric`"),
        ({"group": "age", "time": "age"}, "options `group`, `time` are given"),
        ({"key": "age", "time": "age"}, "options `key`, `time` are given"),
        ({"n_epochs": 0}, "`n_epochs` is 0"),
    ]:
        with pytest.raises(tabgraft.OptionError, match=message):
            tabgraft.EmbeddingSpace.fit(early, **options)
    with pytest.raises(tabgraft.OptionError, match="`mode` is `soft`, allowed is `frozen`"):
        space.extend(early, mode="soft")


def test_a_device_is_found_replaced_or_named(credit, early):
    options = dict(ignore=["target"], n_epochs=1, d_model=16)
    with pytest.raises(tabgraft.OptionError, match="`device` is `tpu`, allowed is `cpu`, `gpu` or `auto`"):
        tabgraft.EmbeddingSpace.fit(early, device="tpu", **options)
    space = tabgraft.EmbeddingSpace.fit(early, device="auto", **options)
    assert space.training_info["device"]
    child = space.extend(credit, n_epochs=1, device="auto")
    plain = child.consolidate(credit, n_epochs=1, device="auto")
    assert child.training_info["device"] == plain.training_info["device"] == space.training_info["device"]
    if space.training_info["device"] == "cpu":
        with pytest.raises(tabgraft.OptionError, match="option `device` is `gpu`, but"):
            space.extend(credit, device="gpu")
