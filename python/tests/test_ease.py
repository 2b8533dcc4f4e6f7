"""What makes a day easy: previews, thresholds, scores by name, copies, documents of any value."""

import copy
import datetime
import json
import logging
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from featrix.neural.embedded_space import EmbeddingSpace
from featrix.neural.input_data_set import FeatrixInputDataSet
from featrix.neural.simple_mlp import SimpleMLP
from featrix.neural.single_predictor import SinglePredictor

import tabgraft


def test_predictions_are_frames_lists_and_previews(predictor, early):
    made = predictor.predict(early)
    frame = made.to_pandas()
    assert list(frame.columns) == ["class", "confidence", "p_0", "p_1"] and len(frame) == len(made)
    assert frame["class"].tolist() == made.labels.tolist() == list(made)
    assert np.array_equal(frame["p_1"], made.probabilities[:, 1])
    polars = pytest.importorskip("polars")
    assert isinstance(made.to_polars(), polars.DataFrame) and made.to_polars().columns == list(frame.columns)
    lines = repr(made).splitlines()
    assert lines[0] == "Predictions(1000 rows, binary)" and lines[1].split() == ["row", "class", "probability", "confidence"]
    assert len(lines) == 8 and lines[-1].strip() == "and 995 more row(s)"
    assert made._repr_html_().count("<tr>") == 6


def test_a_threshold_of_its_own_decides(predictor, early):
    p = predictor.predict(early).probabilities[:, 1]
    made = predictor.predict(early, threshold=0.2)
    assert made.threshold == 0.2 and np.array_equal(made.labels, (p >= 0.2).astype(int))
    assert predictor.predict(early).threshold == 0.5
    with pytest.raises(tabgraft.OptionError, match="`threshold` is 1.5, allowed is 0 to 1"):
        predictor.predict(early, threshold=1.5)


def test_scores_answer_by_name_and_stay_a_list(predictor, early):
    scores = predictor.scores
    assert scores["roc_auc"].value == scores[0]["value"] == predictor.metrics["roc_auc"]
    assert "roc_auc" in scores and "rmse" not in scores
    assert json.loads(json.dumps(scores)) == scores and isinstance(scores, list)
    assert pickle.loads(pickle.dumps(scores)) == scores == copy.deepcopy(scores)
    assert repr(scores).splitlines()[0].split() == ["metric", "value", "95", "%", "interval", "rows"]
    assert "ROC AUC" in scores._repr_html_() and "<th style=" in scores._repr_html_()
    with pytest.raises(KeyError, match="there is no score 'rmse'; there are 'roc_auc'"):
        scores["rmse"]
    with pytest.raises(AttributeError, match="a score has no 'mean'; it has metric, value"):
        scores[0].mean
    assert predictor.evaluate(early)["roc_auc"].n > 0


def test_one_network_stops_on_rows_of_its_own(space, early):
    one = tabgraft.Predictor.fit(space, early, "target", n_networks=1, n_epochs=6)
    assert len(one.inspect()["fit_info"]["best_epochs"]) == 1
    assert one.scores["roc_auc"].value > 0.6
    with pytest.raises(tabgraft.OptionError, match="`n_networks` is 0, allowed is 1 to 20"):
        tabgraft.Predictor.fit(space, early, "target", n_networks=0)


def test_metadata_takes_values_of_numpy_and_dates(space, credit):
    said = {
        "gain": np.float64(0.5), "n": np.int64(3), "ok": np.bool_(True), "list": np.array([1, 2]),
        "when": datetime.datetime(2026, 1, 2, 3, 4), "day": datetime.date(2026, 1, 2), "at": pd.Timestamp("2026-01-02"),
        "file": Path("a/b"), "names": {"b", "a"}, "column": pd.Series([1.5]),
    }
    child = space.extend(credit, n_epochs=1, feature_metadata=said)
    kept = child.extension_metadata["feature_metadata"]
    assert kept["gain"] == 0.5 and kept["n"] == 3 and kept["ok"] is True and kept["list"] == [1, 2]
    assert kept["when"] == "2026-01-02T03:04:00" and kept["day"] == "2026-01-02" and kept["names"] == ["a", "b"]
    assert kept["file"] == str(Path("a/b")) and kept["column"] == [1.5] and kept["at"].startswith("2026-01-02")
    with pytest.raises(TypeError, match=r"(?s)a document cannot hold .*hint: numbers, text"):
        space.extend(credit, n_epochs=1, feature_metadata={"x": object()})
    with pytest.raises(ValueError, match="hint: write None"):
        space.extend(credit, n_epochs=1, feature_metadata={"x": float("nan")})


def test_the_date_of_an_extension_is_read_by_older_pythons(space, credit):
    child = space.extend(credit, n_epochs=1)
    date = child.extension_metadata["extension_date"]
    assert date.endswith("+00:00") and child.lineage[0]["extension_date"] == date
    assert datetime.datetime.fromisoformat(date).utcoffset() == datetime.timedelta(0)


def test_a_single_predictor_is_copied_pickled_and_prepared_again(space, early, tmp_path):
    single = SinglePredictor(space, SimpleMLP(space.d_model, 2), name="risk", qa_dir=tmp_path, seed=3)
    single.prep_for_training(early, "target", "set")
    single.train_blocking(n_epochs=2, discovery_budget_s=0)
    wanted = single.predict(early).probabilities
    for other in (copy.copy(single), copy.deepcopy(single), pickle.loads(pickle.dumps(single))):
        assert other.name == "risk" and np.array_equal(other.predict(early).probabilities, wanted)
        other.prep_for_training(early, "target", "set")
        assert repr(other) == "SinglePredictor(name=\"risk\", target=\"target\", not trained)"
        assert single.metrics, "the first one keeps its training"
    untrained = pickle.loads(pickle.dumps(SinglePredictor(space)))
    untrained.prep_for_training(early, "target", "set")
    single.save(tmp_path / "risk.tabgraft")
    loaded = SinglePredictor.load(tmp_path / "risk.tabgraft")
    with pytest.raises(tabgraft.OptionError, match="embedding_space=es"):
        loaded.prep_for_training(early, "target", "set")
    again = SinglePredictor.load(tmp_path / "risk.tabgraft", embedding_space=space)
    assert np.array_equal(again.predict(early).probabilities, wanted)
    again.prep_for_training(early, "target", "set")
    again.train_blocking(n_epochs=1, discovery_budget_s=0)


def test_a_frame_in_the_place_of_a_data_set_is_told_what_to_do(early):
    with pytest.raises(TypeError, match=r"(?s)`train_data` is a DataFrame.*EmbeddingSpace.fit"):
        EmbeddingSpace(early)
    with pytest.raises(TypeError, match="`val_data` is a DataFrame"):
        EmbeddingSpace(FeatrixInputDataSet(early, ignore_cols=["target"]), early)


def test_epochs_beyond_half_of_a_short_parents_are_warned_of(space, credit, caplog):
    with caplog.at_level(logging.WARNING, logger="tabgraft"):
        space.extend(credit, auto_epochs=False)  # a quarter of the parent's, at least ten
    assert "10 epochs for a graft" in caplog.text and "more than half of the 6" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="tabgraft"):
        space.extend(credit, n_epochs=5)
    assert "at most half of the parent's, which had 6: train the parent for 20 or more" in caplog.text


def test_pictures_of_all_that_a_notebook_shows(space, credit, early, predictor, tmp_path):
    child = space.extend(credit, n_epochs=1, name="v2", feature_metadata={"by": "<b>me</b>"})
    registry = tabgraft.Registry(tmp_path / "models", create=True)
    registry.add(child)
    registry.promote("v2")
    early.assign(purpose="<i>x</i>").to_csv(tmp_path / "early.csv", index=False)
    frame = tabgraft.FeatureEngineer([{"name": "a", "formula": "age"}]).fit_transform(tmp_path / "early.csv")
    shown = [
        predictor.predict(early), registry, frame, predictor.scores, predictor.scores[0],
        child.rank_columns(credit, "target"), child.extension_metadata,
    ]
    for thing in shown:
        html = thing._repr_html_()
        assert html.startswith("<div>") and html.endswith("</div>"), type(thing)
        assert "<b>" not in html and "<i>" not in html and html.count("<td") == html.count("</td>") > 0
        assert html.count("<th ") == html.count('<th style="text-align:left">') > 0, "headers stand over their cells"
    assert "current" in registry._repr_html_() and "&lt;i&gt;" in frame._repr_html_()


def test_a_notebook_shows_one_line_that_is_updated_and_gone_in_the_end(space, credit, monkeypatch):
    shown, written = [], []

    class Handle:
        def update(self, data, raw):
            shown.append(data["text/plain"])

    def display(data, raw, display_id):
        assert raw and display_id and not shown, "one line"
        shown.append(data["text/plain"])
        return Handle()

    class Stream:
        write = written.append

        def flush(self):
            pass

    Stream.__module__ = "ipykernel.iostream"
    module = types.ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(sys, "stderr", Stream())
    space.extend(credit, n_epochs=3)
    assert len(shown) > 1 and "epoch" in shown[0] and shown[-1] == ""
    assert not any("epoch" in text or "\r" in text for text in written)


def test_a_column_whose_type_changed_is_named(space, credit, caplog):
    changed = credit.assign(age=[f"about {age}" for age in credit["age"]], duration=pd.Timestamp("2026-01-01"))
    with pytest.raises(tabgraft.SchemaError, match=r"(?s)could not copy what the parent learned of `\w+`, `\w+`: they are of another type now") as e:
        space.extend(changed, n_epochs=1)
    assert "`age`" in str(e.value) and "`duration`" in str(e.value) and "hint: give what is new another name" in str(e.value)
    codes = credit.assign(purpose=credit["purpose"].astype("category").cat.codes, age=credit["age"] > 30)
    with caplog.at_level(logging.WARNING, logger="tabgraft"):
        space.extend(codes, n_epochs=1)
    assert "could not copy what the parent learned of `purpose`" in caplog.text
    assert "could not copy what the parent learned of `age`: column `age`: true and false stand where" in caplog.text
