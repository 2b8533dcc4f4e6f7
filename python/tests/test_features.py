"""Features of one's own, what was applied, and what features were worth over runs."""

import json
import logging

import numpy as np
import pandas as pd
import pytest

import tabgraft


def test_a_formula_is_added_behind_the_others(early):
    engineer = tabgraft.FeatureEngineer([{"name": "monthly", "formula": "credit_amount / duration"}])
    engineer.add("heavy", "monthly > 300", reason="much to pay each month")
    enriched = engineer.fit_transform(early)
    expected = early["credit_amount"] / early["duration"] > 300
    assert engineer.names == ["monthly", "heavy"] and (enriched["heavy"].astype(bool) == expected).all()
    assert engineer.suggestions[1]["reason"] == "much to pay each month"
    for name, formula, kind in [
        ("monthly", "age", tabgraft.OptionError),
        ("own", "own + 1", tabgraft.OptionError),
        ("wrong", "flor(age)", tabgraft.FormulaError),
    ]:
        with pytest.raises(kind, match=name):
            engineer.add(name, formula)
    assert engineer.names == ["monthly", "heavy"], "what is refused is not added"


def test_added_features_keep_what_the_others_learned(early):
    bins = {"name": "bins", "definition": {"kind": "bins", "column": "age", "n_bins": 4}}
    engineer = tabgraft.FeatureEngineer([bins])
    engineer.fit_transform(early)
    engineer.add("older", "age + 1")
    assert engineer.transform(early.head(3)).shape == (3, early.shape[1] + 2)


def test_a_history_takes_additions_before_and_after_its_first_frame(space, early, tmp_path, capsys):
    found = tabgraft.discover(space, early, "target", budget_s=1, n_judged=4, progress=False)
    found.write(tmp_path)
    engineer = tabgraft.FeatureEngineer.from_json(tmp_path / "feature_suggestion_history.json")
    engineer.add("mine", "age * 2", reason="twice the age")
    engineer.fit_transform(early)
    engineer.add("more", "mine + 1")
    assert engineer.names[-2:] == ["mine", "more"]
    fewer = tabgraft.FeatureEngineer(engineer.suggestions[:-1])
    assert fewer.names == [*found.suggested, "mine"]
    engineer = tabgraft.FeatureEngineer.from_json(tmp_path / "feature_suggestion_history.json")
    engineer.fit_transform(early)
    engineer.add("mine", "age * 2", reason="twice the age")
    engineer.transform(early, verbose=True)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == f"4 feature(s) of run {found.run['run_id']}:"
    assert shown[1].split() == ["feature", "made", "by", "missing", "values", "status", "because"]
    assert len(shown) == 6
    mine = next(line for line in shown if line.strip().startswith("mine"))
    assert all(word in mine for word in ["age * 2", "0.0 %", "38 to 150, median 66", "by hand", "twice the age"])
    assert sum("suggested, not proven" in line or "recommended" in line for line in shown) == 3


def test_what_was_applied_is_told_with_its_values(capsys):
    frame = pd.DataFrame({"x": [1.0, 2.0, None, 40.0], "w": ["a", "b", "b", "c"]})
    engineer = tabgraft.FeatureEngineer(
        [
            {"name": "twice", "formula": "x * 2", "reason": "double"},
            {"name": "upper_w", "formula": "upper(w)"},
            {"name": "never", "formula": "x / 0"},
            {"name": "w_mean", "definition": {"kind": "group", "of": "x", "by": "w", "statistic": "mean"}},
        ]
    )
    engineer.fit_transform(frame, verbose=True)
    rows = capsys.readouterr().out.splitlines()[2:]
    told = [("25.0 %", "2 to 80, median 4", "double"), ("0.0 %", "3 levels"), ("100.0 %", "-"), ("mean of `x` by `w`",)]
    for row, words in zip(rows, told, strict=True):
        assert all(word in row for word in words), row


def test_skipped_features_are_named_when_fitted_and_when_applied(early, caplog, capsys):
    suggestions = [
        {"name": "a", "formula": "age + 1"},
        {"name": "b", "formula": "bureau * 2"},
        {"name": "c", "formula": "b + 1"},
    ]
    with caplog.at_level(logging.WARNING, logger="tabgraft"):
        engineer = tabgraft.FeatureEngineer(suggestions)
        enriched = engineer.fit_transform(early, verbose=True, skip_missing=True)
    assert engineer.names == ["a"] and list(enriched.columns[-1:]) == ["a"]
    assert [r.getMessage() for r in caplog.records] == [
        "feature `b` is skipped: the table has no column `bureau`",
        "feature `c` is skipped: it uses a skipped feature: `b`",
    ]
    assert capsys.readouterr().out.count("skipped: ") == 2

    caplog.clear()
    engineer = tabgraft.FeatureEngineer(suggestions)
    engineer.fit_transform(early.assign(bureau=1.0))
    with pytest.raises(tabgraft.SchemaError, match="feature `b`: there is no column `bureau`"):
        engineer.transform(early)
    with caplog.at_level(logging.WARNING, logger="tabgraft"):
        assert list(engineer.transform(early, skip_missing=True).columns[-1:]) == ["a"]
    assert len(caplog.records) == 2


def test_a_callables_result_is_a_plain_column_of_the_lineage(space, early):
    by_hand = early.assign(shape=np.sin(early["age"] / 10))
    child = space.extend(by_hand, n_epochs=1)
    assert child.inspect()["features"] == []
    assert child.extension_metadata["new_columns_added"] == ["shape"]


def test_a_feature_proven_once_and_not_again_is_shown_so(space, early, tmp_path):
    found = tabgraft.discover(space, early, "target", budget_s=5, n_judged=4, progress=False)
    found.write(tmp_path)
    path = tmp_path / "feature_effectiveness.json"
    tracker = tabgraft.FeatureEffectivenessTracker()
    assert repr(tracker) == "FeatureEffectivenessTracker(0 features, 0 recommended)"
    tracker.load_history(path)
    assert len(tracker.standings) == len(tracker) == 4

    document = json.loads(path.read_text())
    one = document["features"][0]
    # A second run of the same figures, so that the pooled ones stay as they are.
    first = {**one["runs"][0], "verdict": "proven"}
    one["runs"] = [first, {**first, "run_id": "later", "verdict": "unproven"}]
    one["n_rows"] *= 2
    path.write_text(json.dumps(document))
    tracker.load_history(path)
    standing = next(s for s in tracker.standings if s["name"] == one["name"])
    assert (standing["record"], standing["verdicts"]) == ("mixed", ["proven", "unproven"])
    assert "mixed: proven, unproven" in tracker.summary()
    assert "mixed: proven, unproven" in tracker._repr_html_()
    assert standing["recommended"] == (one["interval_points"][0] > 0)
