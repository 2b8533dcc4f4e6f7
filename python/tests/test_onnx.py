"""A model that leaves as ONNX says the same in onnxruntime: z, predictions, and which cells are missing or unseen."""

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest

import tabgraft

#: Largest difference of a coordinate, a probability, or a number in deviations of its target.
TOLERANCE = 1e-5


def feeds(session: onnxruntime.InferenceSession, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """A frame's columns as the model's inputs ask for them."""
    found = {}
    for asked in json.loads(session.get_modelmeta().custom_metadata_map["tabgraft.inputs"]):
        cells = frame[asked["name"]] if asked["name"] in frame else pd.Series([None] * len(frame), dtype=object)
        if asked["type"] == "string":
            found[asked["name"]] = np.array(["" if pd.isna(cell) else str(cell) for cell in cells], dtype=object)
        elif "unit" in asked:
            times = pd.to_datetime(cells)
            seconds = (times - pd.Timestamp(0)).dt.total_seconds()
            found[asked["name"]] = np.where(times.isna(), np.nan, seconds).astype("float64")
        else:
            found[asked["name"]] = pd.to_numeric(cells).to_numpy("float64", na_value=np.nan)
    return found


def run(path, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds(session, frame)), strict=True))


def same(model, frame: pd.DataFrame, tmp_path, **options) -> dict[str, np.ndarray]:
    """Holds a model's ONNX against the model, and prints the largest difference."""
    path = tmp_path / "model.onnx"
    summary = model.to_onnx(path, **options)
    found = run(path, frame)
    assert [output["name"] for output in summary["outputs"]] == list(found)
    if isinstance(model, tabgraft.EmbeddingSpace):
        difference = np.abs(found["z"] - model.embed(frame)).max()
    else:
        said = model.predict(frame)
        if "probabilities" in found:
            difference = np.abs(found["probabilities"] - said.probabilities).max()
            classes = np.array(list(map(str, model.classes)))
            # Two programs may differ about a row that lies on a border by less than they differ elsewhere.
            doubtful = np.abs(found["confidence"]) < TOLERANCE
            assert (found["class"] == np.array(list(map(str, said.labels))))[~doubtful].all()
            assert (classes[found["class_idx"]] == found["class"]).all()
            assert np.allclose(found["confidence"], said.confidence, atol=10 * TOLERANCE)
        else:
            values = np.asarray(said.labels)
            difference = np.abs(found["prediction"] - values).max() / max(values.std(), 1e-12)
    print(f"{type(model).__name__} `{model.name}`: largest difference {difference:.1e}")
    assert difference < TOLERANCE
    assert found["missing"].shape == found["unseen"].shape == (len(frame), len(summary["columns"]))
    return found


def all_kinds(n: int, seed: int) -> pd.DataFrame:
    """A table of every kind of column with missing cells, and a target of each task."""
    rng = np.random.default_rng(seed)
    days = pd.Timestamp("2015-03-01") + pd.to_timedelta(rng.integers(0, 4000 * 86_400, n), unit="s")
    late = days + pd.to_timedelta(rng.integers(0, 90, n), unit="D")
    frame = pd.DataFrame(
        {
            "amount": rng.lognormal(3, 2, n),
            "count": rng.poisson(4, n).astype("float64"),
            "wide": rng.normal(0, 1, n) * 10.0 ** rng.integers(-200, 200, n),
            "city": rng.choice(["Berlin", "Kraków", "北京", "São Paulo", "x'y\"z"], n),
            "plan": rng.integers(1, 5, n).astype(str),
            "active": rng.choice(["Yes", "no"], n),
            "opened": days,
            "closed": late,
        }
    )
    score = np.log(frame["amount"]) / 4 + (frame["city"] == "Berlin") + frame["opened"].dt.month / 12
    frame["number"] = 1000 * score + rng.normal(0, 50, n)
    frame["two"] = np.where(score + rng.normal(0, 0.3, n) > score.median(), "good", "bad")
    frame["three"] = pd.qcut(score + rng.normal(0, 0.3, n), 3, labels=["low", "mid", "high"]).astype(str)
    for column in frame.columns[:8]:
        frame.loc[rng.random(n) < 0.1, column] = None
    return frame


TARGETS = ["number", "two", "three"]
#: Categories that are whole numbers.
KINDS = {"plan": "categorical"}


def odd(frame: pd.DataFrame) -> pd.DataFrame:
    """Cells that training has not seen: far numbers, infinities, other categories, other centuries."""
    new = frame.head(60).copy()
    new.loc[new.index[:5], "city"] = "Nowhere"
    new.loc[new.index[5:8], "plan"] = "3.0"
    new.loc[new.index[8:12], "plan"] = "99"
    new.loc[new.index[12:16], "active"] = ["TRUE", "0", "off", "maybe"]
    new.loc[new.index[16:20], "amount"] = [np.inf, -np.inf, 1e300, -1e300]
    new.loc[new.index[20:24], "opened"] = [
        pd.Timestamp(text) for text in ["1970-01-01", "2000-02-29 23:59:59", "1900-03-01", "2199-12-31"]
    ]
    new.loc[new.index[24:26], "city"] = ""
    new.loc[new.index[26]] = None
    return new


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return all_kinds(900, 1)


@pytest.fixture(scope="module")
def kinds(table) -> tabgraft.EmbeddingSpace:
    return tabgraft.EmbeddingSpace.fit(table, ignore=TARGETS, kinds=KINDS, name="kinds", n_epochs=3, d_model=32)


def test_german_credit_leaves_with_the_same_vectors_and_predictions(space, predictor, early, tmp_path):
    same(space, early, tmp_path)
    same(predictor, early, tmp_path)
    same(predictor, early.head(1), tmp_path)


def test_all_learners_of_a_predictor_leave(space, early, tmp_path):
    fitted = tabgraft.Predictor.fit(space, early, "target", n_epochs=5, n_networks=3, effort="best", threshold_for="f1")
    same(fitted, early, tmp_path)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_kind_of_column_with_missing_and_unseen_cells(seed, tmp_path):
    frame = all_kinds(500, seed)
    fitted = tabgraft.EmbeddingSpace.fit(frame, ignore=TARGETS, kinds=KINDS, name=f"seed {seed}", n_epochs=2, d_model=32)
    same(fitted, frame, tmp_path)
    found = same(fitted, odd(frame), tmp_path)
    columns = [column["name"] for column in fitted.inspect()["columns"]]
    missing, unseen = (dict(zip(columns, found[flag].T, strict=True)) for flag in ["missing", "unseen"])
    given = odd(frame).replace({"city": {"": None}})
    for column in columns:
        assert (missing[column] == given[column].isna().to_numpy()).all(), column
    flagged = {(row["row_idx"], row["column"]) for row in guardrails(fitted, frame, odd(frame))}
    assert flagged == {(int(r), c) for c in columns for r in np.flatnonzero(unseen[c])}
    assert unseen["city"].sum() >= 4 and unseen["active"].sum() >= 1 and unseen["plan"].sum() >= 4


def guardrails(space, frame, new):
    fitted = tabgraft.Predictor.fit(space, frame, "two", effort="quick", n_epochs=1, n_networks=1)
    return [cell for cell in fitted.guardrails(new) if cell["word"] == "unseen"]


@pytest.mark.parametrize("target", TARGETS)
def test_every_task_leaves(kinds, table, target, tmp_path):
    fitted = tabgraft.Predictor.fit(kinds, table, target, n_epochs=3, n_networks=2, effort="best")
    same(fitted, table, tmp_path)
    same(fitted, odd(table), tmp_path)


FEATURES = [
    {"name": "ratio", "formula": "amount / count"},
    {"name": "rest", "formula": "amount % 7 - round(count / 3, 1)"},
    {"name": "root", "formula": "coalesce(sqrt(amount), ln(count), -1) + abs(sign(wide)) * power(count, 2)"},
    {"name": "band", "formula": "CASE WHEN amount > 100 THEN 'big' WHEN amount > 10 THEN 'middle' ELSE city END"},
    {"name": "is_b", "formula": "city LIKE 'B%n' OR starts_with(city, 'São') OR contains(city, '\"')"},
    {"name": "joined", "formula": "concat(plan, '-', active)"},
    {"name": "month", "formula": "month(opened)"},
    {"name": "clock", "formula": "hour(opened) * 100 + weekday(opened) * 10 + day(closed) / year(closed)"},
    {"name": "open_for", "formula": "days_between(opened, closed)"},
    {"name": "early_one", "formula": "opened < '2019-01-01' AND NOT city IN ('Berlin', '北京')"},
    {"name": "between", "formula": "count BETWEEN 2 AND 5 OR plan = '1' OR amount IS NULL"},
    {"name": "least_of", "formula": "least(amount, count) + greatest(amount, 5) + floor(amount) + ceil(count)"},
    {"name": "as_number", "formula": "CAST(plan AS DOUBLE) * 2 + CAST(amount AS BIGINT)"},
    {"name": "nothing", "formula": "nullif(plan, '2')"},
    {"name": "bins", "definition": {"kind": "bins", "column": "amount", "n_bins": 5}},
    {"name": "of_group", "definition": {"kind": "group", "of": "amount", "by": "city", "statistic": "mean"}},
    {"name": "in_group", "definition": {"kind": "group", "of": "amount", "by": "city", "statistic": "rank"}},
    {"name": "off_group", "definition": {"kind": "group", "of": "ratio", "by": "band", "statistic": "deviation"}},
    {"name": "often", "definition": {"kind": "group", "by": "month", "statistic": "frequency"}},
    {"name": "median", "definition": {"kind": "group", "of": "count", "by": "plan", "statistic": "median"}},
]


def test_features_that_a_model_carries_are_computed_in_the_graph(kinds, table, tmp_path):
    engineer = tabgraft.FeatureEngineer(FEATURES)
    enriched = engineer.fit_transform(table)
    child = kinds.extend(enriched, features=engineer, ignore=TARGETS, name="with features", n_epochs=1)
    carried = set(child.inspect()["features"])
    assert len(carried) > 15, carried
    raw = table.drop(columns=TARGETS)
    same(child, raw, tmp_path)
    same(child, odd(raw), tmp_path)
    fitted = tabgraft.Predictor.fit(child, table, "two", n_epochs=2, n_networks=1)
    same(fitted, odd(table), tmp_path)


def test_whole_lineages_leave(credit, early, space, tmp_path):
    late = ["checking_status", "savings_status", "credit_history"]
    first = space.extend(credit.drop(columns=late[1:]), n_epochs=2, name="first")
    second = first.extend(credit, n_epochs=2, name="second")
    joint = space.extend(credit, mode="joint", n_epochs=1, name="joint")
    other = space.extend(credit.drop(columns=[late[0], late[2]]), n_epochs=2, name="other")
    merged = tabgraft.EmbeddingSpace.merge([first, other], name="merged")
    pruned = second.prune(["age", late[0]], n_epochs=0, name="pruned")
    for version in [first, second, joint, other, merged, pruned]:
        same(version, credit, tmp_path)
    fitted = tabgraft.Predictor.fit(pruned, credit, "target", n_epochs=2, n_networks=2, effort="best")
    same(fitted, credit, tmp_path)


def test_a_predictor_that_grew_leaves_with_all_that_it_grew_from(space, predictor, early, credit, tmp_path):
    child = space.extend(credit, n_epochs=2, name="v2")
    grown = predictor.extend(child, credit)
    same(grown, credit, tmp_path)


def test_random_forests_leave_with_a_predictor_that_grew_by_them(tmp_path):
    """The target hangs on which of many small squares of two columns a row is in."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.random((900, 4)), columns=list("abcd"))
    worth = rng.random((16, 16))
    frame["n"] = worth[(16 * frame["a"]).astype(int), (16 * frame["c"]).astype(int)]
    frame.loc[rng.random(900) < 0.05, "c"] = None
    space = tabgraft.EmbeddingSpace.fit(frame[["a", "b", "n"]], ignore=["n"], n_epochs=1, d_model=16)
    old = tabgraft.Predictor.fit(space, frame, "n", n_epochs=2, n_networks=2, effort="best")
    grown = old.extend(space.extend(frame, ignore=["n"], n_epochs=1), frame)
    assert grown.growth["shares"][4] > 0, grown.growth
    same(grown, frame, tmp_path)


def test_a_predictor_of_columns_that_do_not_differ_says_the_same_of_all_rows(tmp_path):
    frame = pd.DataFrame({"a": np.arange(300.0), "b": np.arange(300) % 7.0})
    space = tabgraft.EmbeddingSpace.fit(frame, n_epochs=1, d_model=16)
    constant = pd.DataFrame({"a": 3.0, "b": 2.0, "y": ["yes", "no", "no"] * 100})
    predictor = tabgraft.Predictor.fit(space, constant, "y", n_epochs=1, n_networks=2)
    found = same(predictor, constant, tmp_path)
    assert np.allclose(found["probabilities"], found["probabilities"][0], atol=1e-6)
    assert abs(found["probabilities"][0].max() - 2 / 3) < 0.1


def test_texts_are_refused_by_name_and_can_count_as_missing(tmp_path):
    rng = np.random.default_rng(0)
    words = ["roof", "tin", "nurse", "head", "chief", "lamp", "oak", "river", "stone", "bread"]
    n = 300
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "note": [" ".join(rng.choice(words, 6)) + f" {i}" for i in range(n)],
            "y": rng.integers(0, 2, n),
        }
    )
    fitted = tabgraft.EmbeddingSpace.fit(
        frame, ignore=["y"], kinds={"note": "text"}, name="texts", n_epochs=2, d_model=16
    )
    with pytest.raises(tabgraft.SchemaError, match="`note`.*hash") as caught:
        fitted.to_onnx(tmp_path / "texts.onnx")
    assert "prune" in str(caught.value) and not (tmp_path / "texts.onnx").exists()
    found = same_without(fitted, frame, "note", tmp_path)
    assert found["missing"][:, 1].all() and not found["unseen"].any()
    predictor = tabgraft.Predictor.fit(fitted, frame, "y", n_epochs=2, n_networks=1)
    same_without(predictor, frame, "note", tmp_path)
    same(fitted.prune(["note"], n_epochs=0), frame, tmp_path)


def same_without(model, frame, column, tmp_path):
    summary = model.to_onnx(tmp_path / "without.onnx", texts="missing")
    assert column in summary["notes"][0] and column not in [i["name"] for i in summary["inputs"]]
    found = run(tmp_path / "without.onnx", frame)
    without = frame.drop(columns=[column])
    if isinstance(model, tabgraft.EmbeddingSpace):
        assert np.abs(found["z"] - model.embed(without)).max() < TOLERANCE
    else:
        assert np.abs(found["probabilities"] - model.predict(without).probabilities).max() < TOLERANCE
    return found


def test_rare_categories_are_refused_by_name_and_can_count_as_unseen(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(20)] * 10 + [f"rare{i}" for i in range(300)]
    frame = pd.DataFrame({"a": rng.normal(size=500), "c": names})
    fitted = tabgraft.EmbeddingSpace.fit(
        frame, kinds={"c": "categorical"}, name="rare", n_epochs=1, d_model=16, codec_categories=16
    )
    with pytest.raises(tabgraft.SchemaError, match="`c` has .* rare values"):
        fitted.to_onnx(tmp_path / "rare.onnx")
    same(fitted, frame.head(200), tmp_path, rare="unseen")


def test_a_feature_that_onnx_cannot_say_is_named(kinds, table, tmp_path):
    engineer = tabgraft.FeatureEngineer([{"name": "letters", "formula": "length(city) * 1.5 + amount"}])
    child = kinds.extend(engineer.fit_transform(table), features=engineer, ignore=TARGETS, n_epochs=1)
    with pytest.raises(tabgraft.SchemaError, match="`letters`.*`length`") as caught:
        child.to_onnx(tmp_path / "x.onnx")
    assert "prune" in str(caught.value)
    for option in [{"texts": "gone"}, {"rare": "gone"}]:
        with pytest.raises(tabgraft.OptionError, match="gone"):
            kinds.to_onnx(tmp_path / "x.onnx", **option)


def test_columns_with_the_names_of_outputs_keep_theirs(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"z": rng.normal(size=200), "t1": rng.normal(size=200), "missing": rng.choice(["a", "b"], 200)})
    fitted = tabgraft.EmbeddingSpace.fit(frame, name="names", n_epochs=1, d_model=16)
    summary = fitted.to_onnx(tmp_path / "names.onnx")
    assert [output["name"] for output in summary["outputs"]] == ["z_", "missing_", "unseen"]
    assert np.abs(run(tmp_path / "names.onnx", frame)["z_"] - fitted.embed(frame)).max() < TOLERANCE


def test_the_metadata_name_the_version_and_its_inputs(space, predictor, tmp_path):
    for model, kind in [(space, "embedding_space"), (predictor, "predictor")]:
        summary = model.to_onnx(tmp_path / "m.onnx")
        loaded = onnx.load(str(tmp_path / "m.onnx"))
        said = {entry.key: entry.value for entry in loaded.metadata_props}
        assert said["tabgraft.kind"] == kind and said["tabgraft.name"] == model.name
        assert said["tabgraft.id"] == model.id == summary["id"]
        assert {o.domain: o.version for o in loaded.opset_import} == {"": summary["opset"], "ai.onnx.ml": summary["ml_opset"]}
        assert json.loads(said["tabgraft.inputs"]) == summary["inputs"]
        assert [i.name for i in loaded.graph.input] == [i["name"] for i in summary["inputs"]]
        assert all(not tensor.external_data for tensor in loaded.graph.initializer)
    assert json.loads(said["tabgraft.classes"]) == [str(c) for c in predictor.classes]


BARE = """
import sys
sys.modules["tabgraft"] = None  # any import of it fails
import json, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
feeds = json.load(open(sys.argv[2]))
feeds = {k: np.array(v, dtype=object if isinstance(v[0], str) else "float64") for k, v in feeds.items()}
print(json.dumps(session.run(["probabilities"], feeds)[0].tolist()))
"""


def test_a_model_opens_where_there_is_no_tabgraft(predictor, early, tmp_path):
    predictor.to_onnx(tmp_path / "p.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "p.onnx"))
    rows = {name: values.tolist() for name, values in feeds(session, early.head(50)).items()}
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    arguments = [sys.executable, "-c", BARE, str(tmp_path / "p.onnx"), str(tmp_path / "rows.json")]
    said = json.loads(subprocess.run(arguments, capture_output=True, check=True, timeout=120).stdout)
    assert np.abs(np.array(said) - predictor.predict(early.head(50)).probabilities).max() < TOLERANCE
