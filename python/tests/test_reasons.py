"""Reasons: contributions of columns to predictions, as arrays, frames, pictures and for the package shap."""

import itertools
import math

import numpy as np
import pandas as pd
import polars as pl
import pytest

import tabgraft
from featrix.neural.single_predictor import SinglePredictor


@pytest.fixture(scope="module")
def rows(early):
    return early.head(12)


@pytest.fixture(scope="module")
def reasons(predictor, rows):
    return predictor.explain(rows, n_evaluations=400)


def log_odds(p):
    return np.log(p[:, 1]) - np.log(p[:, 0])


def test_contributions_sum_to_the_prediction_whatever_the_data_comes_as(predictor, rows, reasons):
    assert reasons.contributions.shape == reasons.standard_errors.shape == (12, 17)
    assert np.abs(reasons.base + reasons.contributions.sum(axis=1) - reasons.predictions).max() < 1e-12
    assert np.abs(reasons.predictions - log_odds(predictor.predict(rows).probabilities)).max() < 1e-12
    assert reasons.n_evaluations <= 400 and reasons.method == "orders" and len(reasons) == 12
    again = predictor.explain(pl.from_pandas(rows), n_evaluations=400)
    assert np.array_equal(again.contributions, reasons.contributions)
    alone = predictor.explain(rows.iloc[[7]], n_evaluations=400)
    assert np.array_equal(alone.contributions[0], reasons.contributions[7])
    other = predictor.explain(rows, n_evaluations=400, seed=1)
    assert not np.array_equal(other.contributions, reasons.contributions)
    error = np.hypot(reasons.standard_errors, other.standard_errors)
    assert np.mean(np.abs(other.contributions - reasons.contributions) < 3 * error + 1e-9) > 0.9


def test_eight_columns_get_their_shapley_values(credit):
    names = ["duration", "credit_amount", "age", "purpose", "job", "housing", "employment", "savings_status"]
    table = credit[[*names, "target"]]
    space = tabgraft.EmbeddingSpace.fit(table, ignore=["target"], n_epochs=2, d_model=16, progress=False)
    predictor = tabgraft.Predictor.fit(space, table, "target", n_epochs=4, n_networks=2, progress=False)
    rows = table.head(3)
    found = predictor.explain(rows)
    assert found.method == "exact" and found.n_evaluations == 256 and set(found.columns) == set(names)
    worth = {}
    for size in range(9):
        for hidden in itertools.combinations(found.columns, size):
            worth[frozenset(found.columns) - set(hidden)] = log_odds(predictor.predict_hiding(rows, list(hidden)))
    for i, column in enumerate(found.columns):
        value = np.zeros(3)
        for seen, without in worth.items():
            if column not in seen:
                weight = math.factorial(len(seen)) * math.factorial(7 - len(seen)) / math.factorial(8)
                value += weight * (worth[seen | {column}] - without)
        assert np.abs(found.contributions[:, i] - value).max() < 1e-12


def test_classes_scales_and_groups_are_chosen(predictor, rows):
    bad = predictor.explain(rows, scale="probability", n_evaluations=100)
    good = predictor.explain(rows, scale="probability", class_name=0, n_evaluations=100)
    assert (bad.outputs, good.outputs) == ([1], [0])
    assert np.abs(bad.contributions + good.contributions).max() < 1e-12
    grouped = predictor.explain(rows, groups={"person": ("age", "job"), "money": ["credit_amount"]}, n_evaluations=100)
    assert {"person", "money"} < set(grouped.columns) and len(grouped.columns) == 16
    with pytest.raises(tabgraft.OptionError, match="`class` is `2`"):
        predictor.explain(rows, class_name=2)
    with pytest.raises(tabgraft.OptionError, match="option `scale` is `odds`"):
        predictor.explain(rows, scale="odds")
    with pytest.raises(tabgraft.OptionError, match="at least 66"):
        predictor.explain(rows, n_evaluations=65)
    with pytest.raises(tabgraft.SchemaError, match="`absent`"):
        predictor.explain(rows, groups={"g": ["absent"]})
    with pytest.raises(tabgraft.SchemaError, match="`absent`"):
        predictor.predict_hiding(rows, ["absent"])
    with pytest.raises(tabgraft.OptionError, match="12 rows were explained"):
        predictor.explain(rows, n_evaluations=100).row(12)


def test_a_single_predictor_gives_the_reasons_of_its_predictor(space, early, tmp_path):
    single = SinglePredictor(space, name="risk", qa_dir=tmp_path)
    with pytest.raises(tabgraft.OptionError, match="`risk` is not trained yet"):
        single.explain(early)
    single.prep_for_training(early, "target", "set")
    single.train_blocking(n_epochs=2, discovery_budget_s=0, progress=False)
    rows = early.head(5)
    options = {"scale": "probability", "class_name": 0, "groups": {"person": ["age", "job"]}, "n_evaluations": 100, "seed": 3}
    found, wanted = single.explain(rows, **options), single.fitted.explain(rows, **options)
    assert found.columns == wanted.columns and found.outputs == wanted.outputs == [0]
    assert np.array_equal(found.contributions, wanted.contributions)
    assert np.array_equal(found.base, wanted.base) and found.scale == "probability"
    renamed = single.explain(rows.rename(columns={"age": "years"}), rename={"years": "age"}, **options)
    assert np.array_equal(renamed.contributions, found.contributions)
    again = SinglePredictor.load(saved(single, tmp_path / "risk.tabgraft"))
    assert np.array_equal(again.explain(rows, **options).contributions, found.contributions)


def saved(single, path):
    single.save(path)
    return path


def test_reasons_read_as_frames_and_pictures(reasons, predictor, rows):
    frame = reasons.to_pandas()
    assert isinstance(frame, pd.DataFrame) and frame.shape == (12, 36)
    assert np.array_equal(frame["contribution_age"], reasons.contributions[:, reasons.columns.index("age")])
    assert reasons.to_polars().columns == list(frame.columns)
    sizes = np.abs(reasons.contributions).mean(axis=0)
    assert [c["column"] for c in reasons.importance] == [reasons.columns[i] for i in np.argsort(-sizes, kind="stable")]
    first = reasons.importance[0]
    assert first["interval"][0] < first["mean_absolute"] < first["interval"][1]
    why = reasons.row(3)
    assert [abs(r["contribution"][0]) for r in why["reasons"]] == sorted(np.abs(reasons.contributions[3]))[::-1]
    assert {r["column"]: r["cell"] for r in why["reasons"]}["age"] == str(rows["age"][3])
    assert "mean size of contribution" in str(reasons) and repr(reasons).startswith("Explanation(12 rows")
    odd = rows.head(1).assign(purpose="<script>&")
    page = predictor.explain(odd, n_evaluations=100)._repr_html_()
    assert "<script>" not in page and "&lt;script&gt;&amp;" in page and page.count("background:#") == 17


def test_numbers_and_several_classes(credit):
    space = tabgraft.EmbeddingSpace.fit(credit, ignore=["target", "credit_amount", "purpose"], n_epochs=2, d_model=16, progress=False)
    fit = {"n_epochs": 3, "n_networks": 2, "progress": False}
    number = tabgraft.Predictor.fit(space, credit, "credit_amount", **fit)
    found = number.explain(credit.head(4), n_evaluations=100)
    assert found.scale == "number" and found.outputs == ["credit_amount"]
    assert np.array_equal(found.predictions, number.predict(credit.head(4)).labels)
    classes = tabgraft.Predictor.fit(space, credit, "purpose", **fit)
    found = classes.explain(credit.head(4), scale="probability", n_evaluations=100)
    k = len(classes.classes)
    assert found.outputs == classes.classes and found.contributions.shape == (4, len(found.columns), k)
    assert found.base.shape == (k,) and found.predictions.shape == (4, k)
    assert np.abs(found.base + found.contributions.sum(axis=1) - found.predictions).max() < 1e-12
    frame = found.to_pandas()
    assert frame["row"].tolist() == [r for r in range(4) for _ in range(k)] and frame["output"].tolist() == found.outputs * 4
    assert found._repr_html_().count("background:#") == len(found.columns)


def test_shap_takes_an_explanation_where_it_is_installed(reasons, rows):
    shap = pytest.importorskip("shap", reason="shap is not installed")
    plain = reasons.to_shap()
    assert isinstance(plain, shap.Explanation)
    assert np.array_equal(plain.values, reasons.contributions) and (plain.base_values == reasons.base).all()
    age = plain.feature_names.index("age")
    assert plain.data[:, age].tolist() == rows["age"].tolist() and plain.display_data[0, age] == str(rows["age"][0])
    assert np.isnan(plain.data[:, plain.feature_names.index("purpose")]).all()
    pytest.importorskip("matplotlib", reason="matplotlib is not installed").use("agg")
    shap.plots.waterfall(plain[0], show=False)
    shap.plots.bar(plain, show=False)


def test_shap_is_named_where_it_is_not_installed(reasons, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "shap", None)
    with pytest.raises(ImportError, match=r"pip install 'tabgraft\[shap\]'"):
        reasons.to_shap()
