"""Predictors that grow with their space, thresholds and weights of classes, intervals: the Python door."""

import numpy as np
import pandas as pd
import pytest

import tabgraft

N = 600


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({name: random.uniform(size=N) for name in "abc"})
    frame["number"] = frame.a + 2 * frame.b + random.normal(scale=0.1 + frame.a, size=N)
    frame["rare"] = np.where(random.uniform(size=N) < 0.4 * frame.b**2 * (0.5 + frame.c), "yes", "no")
    return frame


@pytest.fixture(scope="module")
def space(data: pd.DataFrame) -> tabgraft.EmbeddingSpace:
    return tabgraft.EmbeddingSpace.fit(
        data.drop(columns="c"), ignore=["number", "rare"], n_epochs=1, d_model=16, progress=False
    )


def fit(space, data, target, **options):
    return tabgraft.Predictor.fit(space, data, target, n_epochs=4, n_networks=2, d_hidden=16, progress=False, **options)


def test_a_predictor_grows_and_its_old_learners_keep_their_bits(space, data):
    old = fit(space, data.drop(columns="c"), "rare")
    child = space.extend(data, ignore=["number", "rare"], n_epochs=1, progress=False)
    kept = old.extend(child, data, keep="if_not_worse", progress=False)
    assert kept.name == "predictor_extended" and kept.refused_growths == old.refused_growths == []
    grown = old.extend(child, data, data["rare"].to_numpy(), name="grown", progress=False)
    assert grown.growth["base_id"] == old.id and grown.growth["columns_added"] == ["c"]
    assert old.growth is None
    again = tabgraft.Predictor.from_bytes(grown.to_bytes())
    assert (again.predict(data).probabilities == grown.predict(data).probabilities).all()
    with pytest.raises(ValueError, match="already"):
        old.extend(space, data, progress=False)


def test_a_threshold_is_chosen_for_a_metric_or_for_costs_and_labels_go_by_it(space, data):
    plain = fit(space, data, "rare")
    chosen = fit(space, data, "rare", threshold_for="f1")
    assert plain.threshold == 0.5 and chosen.threshold < 0.5
    made = chosen.predict(data)
    assert made.threshold == chosen.threshold
    assert ((made.probabilities[:, 1] >= chosen.threshold) == (made.labels == "yes")).all()
    assert fit(space, data, "rare", cost_fp=1, cost_fn=9).threshold == 0.1
    with pytest.raises(ValueError, match="both `cost_fp` and `cost_fn`"):
        fit(space, data, "rare", cost_fp=1)
    with pytest.raises(ValueError, match="`f1`"):
        fit(space, data, "rare", threshold_for="f2")


def test_weights_of_classes_are_scikit_learns(space, data):
    n = [
        (fit(space, data, "rare", class_weight=weight).predict(data).labels == "yes").sum()
        for weight in [None, "balanced", {"yes": 50}]
    ]
    assert n[0] < n[1] <= n[2]
    with pytest.raises(ValueError, match="perhaps"):
        fit(space, data, "rare", class_weight={"perhaps": 2})
    classifier = tabgraft.TabgraftClassifier(n_epochs=1, d_model=16, predictor_epochs=2, class_weight={"yes": 50})
    rows = data[["a", "b", "c"]]
    assert (classifier.fit(rows, data["rare"]).predict(rows) == "yes").mean() > (data["rare"] == "yes").mean()
    with pytest.raises(ValueError, match="class_weight names"):
        tabgraft.TabgraftClassifier(class_weight={"perhaps": 2}).fit(rows, data["rare"])


def test_intervals_come_as_columns_and_reliability_as_a_table(space, data):
    predictor = fit(space, data, "number")
    made = predictor.predict(data, interval=0.9)
    assert list(made.to_pandas().columns) == ["prediction", "lower", "upper"]
    assert made.lower is not None and made.upper is not None
    covered = (made.lower <= data["number"]) & (data["number"] <= made.upper)
    assert 0.8 < covered.mean() <= 1
    assert predictor.predict(data).lower is None
    levels = predictor.reliability(data, rows="all")["levels"]
    assert [level["level"] for level in levels] == [0.5, 0.8, 0.9, 0.95]
    assert abs(levels[2]["covered"] - covered.mean()) < 1e-9
    found = fit(space, data, "rare").reliability(data, rows="all")
    assert found["n"] == N and 0 <= found["ece"] <= 0.2
    with pytest.raises(ValueError, match="for numbers"):
        fit(space, data, "rare").predict(data, interval=0.9)
