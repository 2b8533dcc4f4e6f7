"""The described API: scripts of the three-run story in our own words, and the traps that it sets."""

import asyncio
import datetime as dt
import json
import logging
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from featrix.neural.embedded_space import EmbeddingSpace
from featrix.neural.feature_effectiveness import FeatureEffectivenessTracker
from featrix.neural.feature_engineer import FeatureEngineer
from featrix.neural.input_data_set import FeatrixInputDataSet
from featrix.neural.io_utils import load_embedding_space
from featrix.neural.simple_mlp import SimpleMLP
from featrix.neural.single_predictor import SinglePredictor

import tabgraft

HISTORY = "qa.save/feature_suggestion_history.json"
EFFECTIVENESS = "qa.save/feature_effectiveness.json"


def first_space(frame: pd.DataFrame, n_epochs: int = 8) -> EmbeddingSpace:
    parts = FeatrixInputDataSet(df=frame, ignore_cols=["target"]).split(fraction=0.2)
    es = EmbeddingSpace(*parts, n_epochs=n_epochs, name="credit_es_v1")
    es.train(batch_size=128, n_epochs=n_epochs)
    return es


def trained(es: EmbeddingSpace, frame: pd.DataFrame, **options) -> SinglePredictor:
    sp = SinglePredictor(es, SimpleMLP.from_config(d_in=es.d_model, d_out=2), name="p")
    sp.prep_for_training(frame, "target", "set")
    asyncio.run(sp.train(n_epochs=4, **options))
    return sp


def test_three_runs_grow_one_space(in_folder):
    df = pd.read_csv("credit.csv")

    es_v1 = first_space(df)
    es_v1.save("embedding_space_v1.pkl")
    sp1 = trained(es_v1, df)
    sp1.save("predictor_v1.pkl")
    assert Path(HISTORY).exists() and Path(EFFECTIVENESS).exists()
    suggested = sp1.discovery.suggested
    assert len(suggested) == 3, "suggested are always the best three, proven or not"

    es_v1 = load_embedding_space("embedding_space_v1.pkl")
    engineer = FeatureEngineer.from_json(HISTORY)
    train_df = engineer.fit_transform(df.iloc[:800], verbose=True)
    val_df = engineer.transform(df.iloc[800:], verbose=False)
    assert list(train_df.columns) == [*df.columns, *suggested]
    assert train_df.index.equals(df.index[:800]) and len(val_df) == 200
    es_v2 = EmbeddingSpace.extend_from_existing(
        existing_es=es_v1,
        enriched_train_df=train_df,
        enriched_val_df=val_df,
        n_epochs=4,
        name="credit_es_v2",
        feature_metadata={"source": "feature_suggestion_history.json", "applied_features": suggested},
    )
    es_v2.train(batch_size=128, n_epochs=4)
    es_v2.save("embedding_space_v2.pkl")
    sp2 = trained(es_v2, train_df)
    assert sp2.column_report["ignored_columns"] == []

    es_v2 = load_embedding_space("embedding_space_v2.pkl")
    further = FeatureEngineer(suggestions=[{"name": "amount_per_month", "formula": "credit_amount / duration"}])
    es_v3 = EmbeddingSpace.extend_from_existing(
        existing_es=es_v2,
        enriched_train_df=further.fit_transform(train_df),
        enriched_val_df=further.transform(val_df),
        n_epochs=4,
    )
    es_v3.train()
    assert es_v3.name == "credit_es_v2_extended"
    assert [e["extended_from_es_name"] for e in es_v3.lineage] == ["credit_es_v1", "credit_es_v2"]
    assert es_v3.extension_metadata["new_columns_added"] == ["amount_per_month"]
    assert es_v3.lineage[0]["feature_metadata"]["applied_features"] == suggested
    assert es_v3.lineage[1]["parent"] == es_v2.hashes


def test_metadata_has_every_described_field(credit, space):
    es = EmbeddingSpace.extend_from_existing(space, credit, n_epochs=2)
    before = es.extension_metadata
    es.train()
    metadata = es.extension_metadata
    assert before["training_epochs_used"] == 0 and metadata["training_epochs_used"] == 2
    assert {
        "extended_from_es_name",
        "extended_from_es_version",
        "extension_date",
        "new_columns_added",
        "original_column_count",
        "extended_column_count",
        "training_epochs_used",
        "feature_metadata",
    } <= metadata.keys()
    assert metadata["extended_column_count"] == metadata["original_column_count"] + 3
    assert "version" in metadata["extended_from_es_version"]
    assert metadata["mode"] == "joint"


def test_defaults_are_the_described_ones(credit, early):
    es = first_space(early, n_epochs=50 // 10)
    child = EmbeddingSpace.extend_from_existing(es, credit)
    assert child.name == "credit_es_v1_extended" and child.batch_size == es.batch_size
    child.train()
    # A quarter of the parent's, but at least ten.
    assert len(child.training_info["epochs"]) == 10
    assert isinstance(child.training_info["final_validation_loss"], float)


def test_an_extension_takes_a_quarter_of_the_parents_epochs_and_at_least_ten(early, credit):
    rows, wide = early.head(240), credit.head(240)
    for n_epochs, expected in [(50, 12), (47, 11), (40, 10), (12, 10)]:
        train, valid = FeatrixInputDataSet(rows, ignore_cols=["target"]).split(fraction=0.2)
        es = EmbeddingSpace(train, valid, n_epochs=n_epochs, d_model=16).train(progress=False)
        assert len(es.training_info["epochs"]) == n_epochs
        child = EmbeddingSpace.extend_from_existing(es, wide).train(progress=False)
        assert child.extension_metadata["training_epochs_used"] == expected, n_epochs
        assert len(child.training_info["epochs"]) == expected


def test_the_final_losses_of_parent_and_child_are_about_the_same_columns(early, credit):
    es = first_space(early, n_epochs=3)
    child = EmbeddingSpace.extend_from_existing(es, credit, n_epochs=2).train(progress=False)
    before, after = es.training_info, child.training_info
    for info in (before, after):
        losses = [info["final_column_losses"][name] for name in es.columns if name in info["final_column_losses"]]
        assert info["final_validation_loss"] == pytest.approx(np.mean(losses))
    assert set(after["final_column_losses"]) - set(before["final_column_losses"]) <= set(child.columns[-3:])
    new = [after["final_column_losses"][name] for name in child.columns[-3:]]
    assert after["new_columns_validation_loss"] == pytest.approx(np.mean(new))
    # About the parent's: the rule that the description gives for a good extension.
    assert after["final_validation_loss"] < 1.1 * before["final_validation_loss"]
    # The lineage has the parent's beside it.
    assert child.extension_metadata["parent_validation_loss"] == before["final_validation_loss"]


def test_the_source_of_features_and_the_day_they_were_loaded_are_kept(in_folder, credit, early, space):
    given = {"source": "our own list", "load_date": dt.datetime(2024, 5, 1, tzinfo=dt.timezone.utc)}
    child = EmbeddingSpace.extend_from_existing(space, credit, n_epochs=1, feature_metadata=given)
    assert child.extension_metadata["feature_metadata"]["source"] == "our own list"
    assert child.extension_metadata["feature_metadata"]["load_date"] == "2024-05-01T00:00:00+00:00"
    trained(space, early, discovery_budget_s=2)
    sp = SinglePredictor(space)
    start = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    sp.prep_for_training(early, "target", "set")
    metadata = sp.create_extended_embedding_space(n_epochs=1).extension_metadata["feature_metadata"]
    assert metadata["source"] == Path(HISTORY).name
    loaded = dt.datetime.fromisoformat(metadata["load_date"])
    assert loaded.utcoffset() == dt.timedelta(0) and start <= loaded <= dt.datetime.now(dt.timezone.utc)


def test_numbers_given_to_train_win(early):
    parts = FeatrixInputDataSet(df=early, ignore_cols=["target"]).split(fraction=0.2)
    es = EmbeddingSpace(*parts, n_epochs=7, batch_size=64)
    es.train(batch_size=100, n_epochs=2)
    assert len(es.training_info["epochs"]) == 2 and es.batch_size == 100


def test_the_target_of_the_parent_stays_out_of_the_child(credit, space):
    child = EmbeddingSpace.extend_from_existing(space, credit, n_epochs=1)
    assert "target" not in child.columns


def test_rows_keep_their_part_in_every_version(credit, early):
    parts = FeatrixInputDataSet(df=early, ignore_cols=["target"]).split(fraction=0.2)
    es = EmbeddingSpace(*parts, n_epochs=2)
    es.train()
    n_valid = es.training_info["n_rows_valid"]
    child = EmbeddingSpace.extend_from_existing(es, credit.iloc[:800], credit.iloc[800:], n_epochs=1)
    child.train()
    assert child.training_info["n_rows_valid"] == n_valid
    assert child.training_info["n_rows_train"] == es.training_info["n_rows_train"] == len(parts[0])
    assert child.hashes["split"] == es.hashes["split"]


def test_scores_are_of_rows_that_no_training_has_seen(in_folder, early):
    es = first_space(early, n_epochs=2)
    sp = trained(es, early, discovery_budget_s=0)
    n_seen = es.training_info["n_rows_train"] + es.training_info["n_rows_valid"]
    assert len(sp.val_df) == len(early) - n_seen
    for score in sp.training_info["scores"]:
        assert score["n"] == len(sp.val_df) and score["low"] <= score["value"] <= score["high"]
    assert set(sp.metrics) == {
        "roc_auc", "pr_auc", "log_loss", "accuracy", "balanced_accuracy", "f1", "brier",
    }
    assert not Path("qa.save").exists(), "no search, no files"


def test_a_negative_time_for_the_search_is_an_error_before_the_training(in_folder, space, early):
    sp = SinglePredictor(space)
    sp.prep_for_training(early, "target", "set")
    for budget in (-1, float("nan")):
        with pytest.raises(tabgraft.OptionError, match="discovery_budget_s"):
            sp.train_blocking(n_epochs=1, discovery_budget_s=budget)
    with pytest.raises(tabgraft.TabgraftError):
        sp.predict(early)  # nothing was trained


def test_columns_without_a_codec_are_named_and_the_way_out_is_offered(in_folder, credit, space, caplog):
    sp = SinglePredictor(space)
    with caplog.at_level(logging.WARNING, "tabgraft"):
        sp.prep_for_training(credit, "target", "set")
    assert "NOT be used: `checking_status`, `credit_history`, `savings_status`" in caplog.text
    assert "create_extended_embedding_space()" in caplog.text
    child = sp.create_extended_embedding_space(
        enriched_train_df=sp.train_df, enriched_val_df=sp.val_df, n_epochs=2, output_dir="qa.out/output"
    )
    child.train(batch_size=128, n_epochs=2)
    assert "target" not in child.columns and set(child.columns) > set(space.columns)
    assert load_embedding_space(f"qa.out/output/{child.name}.tabgraft").hashes == child.hashes


def test_features_of_the_history_are_loaded_and_grafted(in_folder, early, caplog):
    es = first_space(early, n_epochs=3)
    suggested = trained(es, early).discovery.suggested
    sp = SinglePredictor(es)
    with caplog.at_level(logging.INFO, "tabgraft"):
        sp.prep_for_training(early, "target", "set")
    assert sp.loaded_features["applied_features"] == suggested
    assert set(suggested) <= set(sp.train_df.columns) and len(sp.train_df) + len(sp.val_df) == len(early)
    child = sp.create_extended_embedding_space(sp.train_df, sp.val_df)
    child.train(n_epochs=2)
    assert child.extension_metadata["feature_metadata"]["applied_features"] == suggested
    assert child.inspect()["features"] == suggested

    sp.prep_for_training(early, "target", "set", load_features=False)
    assert sp.loaded_features is None and list(sp.train_df.columns) == list(early.columns)


def test_a_history_that_does_not_fit_is_refused_with_a_reason(in_folder, early, space, caplog):
    trained(space, early)
    other = SinglePredictor(space)
    with caplog.at_level(logging.WARNING, "tabgraft"):
        other.prep_for_training(early, "job", "set")
    assert "no run for the target `job`" in other.loaded_features["refused"]
    assert "no run for the target `job`" in caplog.text

    history = json.loads(Path(HISTORY).read_text())
    for suggestion in history["runs"][0]["suggestions"]:
        suggestion["inputs"] = ["bureau_score"]
    Path(HISTORY).write_text(json.dumps(history))
    other.prep_for_training(early, "target", "set")
    assert "reads `bureau_score`, not among the columns" in other.loaded_features["refused"]
    with pytest.raises(tabgraft.SchemaError, match="bureau_score"):
        FeatureEngineer.from_json(HISTORY).fit_transform(early)

    Path(HISTORY).write_text("{")
    other.prep_for_training(early, "target", "set")
    assert other.loaded_features["refused"]


def test_recommended_only_filters_and_says_what_is_left(in_folder, early, space, capsys):
    found = trained(space, early).discovery
    engineer = FeatureEngineer.from_json(HISTORY, recommended_only=True)
    enriched = engineer.fit_transform(early, verbose=True)
    assert list(enriched.columns) == [*early.columns, *found.recommended]
    assert f"{len(found.recommended)} feature(s) of run" in capsys.readouterr().out

    tracker = FeatureEffectivenessTracker()
    tracker.load_history(EFFECTIVENESS)
    recommended = tracker.get_recommended_features(metric="roc_auc", min_improvement_pct=1.0)
    suggestions = json.loads(Path(HISTORY).read_text())["runs"][-1]["suggestions"]
    chosen = [s for s in suggestions if s["name"] in recommended]
    assert FeatureEngineer(suggestions=chosen).names == recommended


def test_awaiting_leaves_the_loop_running(in_folder, early, space):
    sp = SinglePredictor(space)
    sp.prep_for_training(early, "target", "set")

    async def both() -> int:
        ticks = 0
        training = asyncio.ensure_future(sp.train(n_epochs=30, discovery_budget_s=0))
        while not training.done():
            await asyncio.sleep(0.005)
            ticks += 1
        await training
        return ticks

    assert asyncio.run(both()) > 10


def test_a_cancelled_training_stops_soon_and_keeps_its_state(in_folder, early, space):
    sp = SinglePredictor(space)
    sp.prep_for_training(early, "target", "set")

    async def cancelled() -> float:
        training = asyncio.ensure_future(sp.train(n_epochs=10_000, discovery_budget_s=0))
        await asyncio.sleep(0.1)
        training.cancel()
        start = time.perf_counter()
        with pytest.raises(asyncio.CancelledError):
            await training
        return time.perf_counter() - start

    assert asyncio.run(cancelled()) < 5.0
    assert len(sp.predict(early)) == len(early)


def test_what_comes_too_early_says_what_to_call(space, early):
    sp = SinglePredictor(space)
    with pytest.raises(tabgraft.OptionError, match="prep_for_training"):
        asyncio.run(sp.train())
    with pytest.raises(tabgraft.OptionError, match="not trained yet"):
        sp.predict(early)
    parts = FeatrixInputDataSet(df=early, ignore_cols=["target"]).split()
    with pytest.raises(tabgraft.OptionError, match="call `train\\(\\)` first"):
        EmbeddingSpace(*parts).embed(early)


def test_heads_of_other_sizes_are_refused(space, early):
    with pytest.raises(tabgraft.OptionError, match="`d_in` is 7, vectors of the space have 32"):
        SinglePredictor(space, SimpleMLP.from_config(d_in=7, d_out=2))
    sp = SinglePredictor(space, SimpleMLP.from_config(d_in=32, d_out=5))
    sp.prep_for_training(early, "target", "set")
    with pytest.raises(tabgraft.OptionError, match="`d_out` is 5, target `target` needs 2"):
        sp.train_blocking(n_epochs=1, discovery_budget_s=0)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"d_in": 0, "d_out": 2}, "`d_in` is 0, allowed is 1 or more"),
        ({"d_in": -1, "d_out": 2}, "`d_in` is -1, allowed is 1 or more"),
        ({"d_in": 32, "d_out": 0}, "`d_out` is 0, allowed is 1 or more\nhint: it is the number of classes"),
        ({"d_in": 32, "d_out": 2, "d_hidden": 3}, "`d_hidden` is 3, allowed is 8 to 4096"),
        ({"d_in": 32, "d_out": 2, "d_hidden": -3}, "`d_hidden` is -3"),
        ({"d_in": 32, "d_out": 2, "dropout": 1.5}, "`dropout` is 1.5, allowed is 0 to 0.9"),
    ],
)
def test_sizes_of_a_head_that_cannot_be_are_named_at_once(sizes, words):
    with pytest.raises(tabgraft.OptionError, match=words):
        SimpleMLP.from_config(**sizes)


def test_no_new_columns_lists_both_sets(space, early):
    with pytest.raises(tabgraft.NoNewColumnsError, match="no new columns found") as raised:
        EmbeddingSpace.extend_from_existing(space, early)
    assert "the space has `duration`" in str(raised.value) and "hint:" in str(raised.value)


def test_a_saved_predictor_predicts_the_same_and_the_file_is_no_pickle(in_folder, early, space):
    sp = trained(space, early, discovery_budget_s=0)
    sp.save("predictor.pkl")
    loaded = SinglePredictor.load("predictor.pkl")
    assert isinstance(loaded, SinglePredictor) and loaded.name == "p"
    np.testing.assert_array_equal(
        loaded.predict(early).probabilities, sp.predict(early).probabilities
    )
    assert tabgraft.verify("predictor.pkl")["kind"] == "predictor"
    with pytest.raises(tabgraft.OptionError, match="loaded without its embedding space"):
        loaded.prep_for_training(early, "target", "set")


def test_numbers_can_be_predicted(in_folder, early, space):
    es = first_space(early.drop(columns="credit_amount"), n_epochs=2)
    sp = SinglePredictor(es)
    sp.prep_for_training(early, "credit_amount", "scalar")
    asyncio.run(sp.train(n_epochs=20, discovery_budget_s=0))
    assert sp.metrics["r2"] > 0.2
    assert sp.predict(early).labels.dtype == np.float64
    around = sp.predict(early, interval=0.8).to_pandas()
    inside = (around.lower <= early.credit_amount) & (early.credit_amount <= around.upper)
    # Rows that were learned from are among them.
    assert inside.mean() > 0.7 and (around.lower < around.upper).all()


def grown(es: EmbeddingSpace, frame: pd.DataFrame, run: int) -> EmbeddingSpace:
    """One run of the loop, by the described calls: predictor and search, then the graft of what was found."""
    sp = SinglePredictor(es, name=f"p{run}", seed=run)
    sp.prep_for_training(frame, "target", "set")
    sp.train_blocking(n_epochs=2, discovery_budget_s=2)
    engineer = FeatureEngineer.from_json(HISTORY)
    train_df = engineer.fit_transform(frame.iloc[:800])
    val_df = engineer.transform(frame.iloc[800:])
    child = EmbeddingSpace.extend_from_existing(es, train_df, val_df, n_epochs=2, name=f"credit_es_v{run + 1}")
    child.train()
    return child


def warnings_of(caplog) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING and "epochs for a graft" not in r.getMessage()]


@pytest.mark.parametrize("kind", ["raw", "enriched"])
def test_five_runs_in_a_loop_by_extension(in_folder, early, kind, caplog):
    es, frame, suggested = first_space(early, n_epochs=2), early, []
    for run in range(1, 6):
        with caplog.at_level(logging.WARNING, "tabgraft"):
            child = grown(es, frame, run)
        newest = json.loads(Path(HISTORY).read_text())["runs"][-1]
        new = [s["name"] for s in newest["suggestions"] if s["suggested"]]
        # What the run suggested is new, and nothing else is: older features were there.
        assert sorted(child.extension_metadata["new_columns_added"]) == sorted(new), (run, newest)
        suggested += new
        assert set(child.engineer().names) == set(suggested)
        child.save(f"v{run + 1}.pkl")
        child = load_embedding_space(f"v{run + 1}.pkl")
        enriched = child.engineer().transform(early)
        assert set(suggested) < set(enriched.columns)
        vectors = child.embed(early)
        np.testing.assert_array_equal(vectors, child.embed(enriched))
        np.testing.assert_array_equal(vectors, child.embed(enriched.drop(columns=suggested[::2])))
        es, frame = child, enriched if kind == "enriched" else early
    assert len(es.lineage) == 5 and len(es.columns) == 17 + len(suggested)
    assert not [w for w in warnings_of(caplog) if "not what its feature gives" in w or "missing" in w]

    sp = SinglePredictor(es, name="last")
    sp.prep_for_training(early, "target", "set", load_features=False)
    assert sp.column_report["missing_columns"] == [] and set(suggested) < set(sp.train_df.columns)
    sp.train_blocking(n_epochs=2, discovery_budget_s=0)
    enriched = es.engineer().transform(early)
    np.testing.assert_array_equal(sp.predict(early).probabilities, sp.predict(enriched).probabilities)
    assert sp.evaluate(early) == sp.evaluate(enriched)


@pytest.mark.parametrize("kind", ["raw", "enriched"])
def test_three_runs_in_a_loop_by_auto_extension(in_folder, early, kind):
    es, frame, suggested = first_space(early, n_epochs=2), early, []
    for run in range(1, 4):
        searching = SinglePredictor(es, seed=run)
        searching.prep_for_training(frame, "target", "set")
        searching.train_blocking(n_epochs=2, discovery_budget_s=2)
        new = searching.discovery.suggested
        sp = SinglePredictor(es, seed=run)
        sp.prep_for_training(frame, "target", "set")
        loaded = sp.loaded_features
        # The best is suggested first; features are applied in the order in which they were proposed.
        assert loaded["refused"] is None and sorted(loaded["applied_features"]) == sorted(new)
        assert set(loaded["already_there"]) <= set(suggested)
        assert {loaded["runs"][name] for name in new} == {loaded["run_id"]}
        es = sp.create_extended_embedding_space(sp.train_df, sp.val_df, n_epochs=2)
        es.train()
        assert es.extension_metadata["new_columns_added"] == loaded["applied_features"]
        suggested += new
        assert set(es.engineer().names) == set(suggested)
        frame = es.engineer().transform(early) if kind == "enriched" else early
        np.testing.assert_array_equal(es.embed(early), es.embed(es.engineer().transform(early)))
    assert len(es.lineage) == 3


def test_run_two_repeated_on_v2_goes_on(in_folder, early):
    v1 = first_space(early, n_epochs=2)
    v2 = grown(v1, early, 1)
    sp = SinglePredictor(v2)
    sp.prep_for_training(early, "target", "set")
    # There is one run yet, and v2 has what it suggests.
    assert sp.loaded_features["applied_features"] == [] and sp.column_report["ignored_columns"] == []
    v3 = grown(v2, early, 2)
    engineer = FeatureEngineer.from_json(HISTORY)
    history = json.loads(Path(HISTORY).read_text())["runs"]
    assert set(engineer.runs.values()) == {run["run_id"] for run in history}
    assert set(v3.engineer().names) == set(engineer.names)
    first = engineer.fit_transform(early)
    # Raw, half and whole frames become the same one, and nothing is computed twice.
    half = first.drop(columns=engineer.names[::2])
    again = FeatureEngineer.from_json(HISTORY)
    for frame in (half, first):
        made = again.fit_transform(frame)
        assert sorted(made.columns) == sorted(first.columns)
        pd.testing.assert_frame_equal(made[first.columns], first)


def test_suggestions_and_names_are_there_before_any_frame(in_folder, early, space):
    found = trained(space, early).discovery
    engineer = FeatureEngineer.from_json(HISTORY)
    assert engineer.names == found.suggested == [s["name"] for s in engineer.suggestions]
    assert {s["run_id"] for s in engineer.suggestions} == {found.run["run_id"]}
    chosen = [s for s in engineer.suggestions if s["name"] in found.suggested[1:]]
    filtered = FeatureEngineer(suggestions=chosen)
    assert list(filtered.fit_transform(early).columns) == [*early.columns, *found.suggested[1:]]


def test_a_filtered_suggestion_brings_what_it_is_made_from(in_folder, early, space):
    trained(space, early)
    history = json.loads(Path(HISTORY).read_text())
    second = json.loads(json.dumps(history["runs"][0]))
    second["run_id"], made_from = "second", second["suggestions"][0]["name"]
    suggestion = second["suggestions"][0] | {
        "name": "further", "definition": {"kind": "formula", "formula": f'CAST("{made_from}" AS VARCHAR)'},
        "inputs": [made_from], "suggested": True, "recommended": False,
    }
    suggestion.pop("state", None)
    second["suggestions"] = [suggestion]
    history["runs"].append(second)
    Path(HISTORY).write_text(json.dumps(history))
    engineer = FeatureEngineer.from_json(HISTORY)
    assert engineer.names == [made_from, "further"] and engineer.runs["further"] == "second"
    only = [s for s in engineer.suggestions if s["name"] == "further"]
    assert [made["name"] for made in only[0]["made_of"]] == [made_from]
    enriched = FeatureEngineer(suggestions=only).fit_transform(early)
    assert list(enriched.columns) == [*early.columns, made_from, "further"]


def test_a_column_that_is_not_its_feature_is_named_loudly_and_used(in_folder, early, space, caplog):
    monthly = FeatureEngineer([{"name": "monthly", "formula": "credit_amount / duration"}])
    child = EmbeddingSpace.extend_from_existing(space, monthly.fit_transform(early), n_epochs=2)
    child.train()
    assert child.engineer().names == ["monthly"], "recorded although nobody passed the engineer"
    wrong = early.assign(monthly=1.5)
    with caplog.at_level(logging.WARNING, "tabgraft"):
        vectors = child.embed(wrong)
    assert "column `monthly` is not what its feature gives: 1000 of 1000 compared rows differ" in caplog.text
    assert not np.array_equal(vectors, child.embed(early))
    with pytest.raises(tabgraft.SchemaError, match="already has a column of this name"):
        monthly.transform(wrong)
    predictor = tabgraft.Predictor.fit(child, early, "target", n_epochs=2, n_networks=2)
    for ask in (predictor.predict, predictor.evaluate):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "tabgraft"):
            ask(wrong)
        assert "column `monthly` is not what its feature gives" in caplog.text


def test_an_unknown_metric_is_an_error(in_folder, early, space):
    trained(space, early)
    tracker = FeatureEffectivenessTracker()
    tracker.load_history(EFFECTIVENESS)
    with pytest.raises(tabgraft.OptionError, match="metric `auc` is unknown, there are `roc_auc`"):
        tracker.get_recommended_features(metric="auc")
    assert tracker.get_recommended_features(metric="rmse") == []
