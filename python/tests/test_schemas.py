"""The published JSON Schemas accept what is written, and refuse what tabgraft refuses to read."""

import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import tabgraft

FOLDER = Path(__file__).parents[2] / "docs" / "schema"
SCHEMAS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")}
REGISTRY = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items())


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[f"{name}.schema.json"], registry=REGISTRY)


def load_history(path):
    tabgraft.FeatureEngineer.from_json(path)


def load_effects(path):
    tabgraft.FeatureEffectivenessTracker().load_history(path)


READERS = {
    "features": load_history,
    "feature_suggestion_history": load_history,
    "feature_effectiveness": load_effects,
}


@pytest.fixture(scope="module")
def files(space, early, tmp_path_factory):
    """Two runs of discovery, and a list with every kind of feature, as written."""
    folder = tmp_path_factory.mktemp("schemas")
    for seed in (0, 1):
        tabgraft.discover(space, early, "target", budget_s=5, n_judged=12, seed=seed, progress=False).write(folder)
    of = {"of": "credit_amount", "by": "purpose", "kind": "group"}
    statistics = ["mean", "median", "rank", "deviation"]
    engineer = tabgraft.FeatureEngineer(
        [
            {"name": "monthly", "formula": "credit_amount / duration"},
            {"name": "bins", "definition": {"kind": "bins", "column": "age", "n_bins": 4}},
            {"name": "frequency", "definition": {"kind": "group", "by": "purpose", "statistic": "frequency"}},
            *({"name": s, "definition": {**of, "statistic": s}, "reason": "a test"} for s in statistics),
        ]
    )
    engineer.fit_transform(early)
    engineer.save(folder / "features.json")
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in READERS}


def test_the_schemas_are_sound_and_say_what_everything_means():
    assert {f"{name}.schema.json" for name in READERS} | {"model_card.schema.json", "report.schema.json"} == set(SCHEMAS)
    for name, schema in SCHEMAS.items():
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == name and schema["$schema"].endswith("2020-12/schema")
        assert schema["title"] and schema["description"]


@pytest.mark.parametrize("name", READERS)
def test_what_is_written_is_valid(files, name):
    assert [e.message for e in validator(name).iter_errors(files[name])] == []
    assert json.dumps(files[name]).count('"kind"') >= 3


def places(node, path=()):
    """Every place in a document, a few of each list."""
    yield path
    if isinstance(node, dict):
        for key, value in list(node.items())[:40]:
            yield from places(value, (*path, key))
    elif isinstance(node, list):
        for i, value in enumerate(node[:2]):
            yield from places(value, (*path, i))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def broken(document):
    """The document with one thing wrong: a field too much, a field less, or a value of another type."""
    for path in places(document):
        if isinstance(at(document, path), dict):
            yield (*path, "+"), changed(document, path, lambda found: found.update(of_tomorrow=1))
        if path:
            *before, key = path
            if isinstance(key, str):
                yield (*path, "-"), changed(document, before, lambda found, key=key: found.pop(key))
            for odd in ({"odd": True}, "odd?", -1.5, None):
                if odd != at(document, path):
                    yield (*path, odd), changed(document, before, lambda found, key=key, odd=odd: put(found, key, odd))


def put(found, key, value):
    found[key] = value


def changed(document, path, change):
    document = copy.deepcopy(document)
    change(at(document, path))
    return document


@pytest.mark.parametrize("name", READERS)
def test_schema_and_reader_refuse_the_same_structure(files, name, tmp_path):
    """What a reader takes is valid; what is invalid no reader takes; both refuse most of what is broken."""
    valid, path, n_refused = validator(name), tmp_path / "file.json", 0
    for what, document in broken(files[name]):
        path.write_text(json.dumps(document), encoding="utf-8")
        try:
            READERS[name](path)
            is_read = True
        except tabgraft.TabgraftError:
            is_read = False
        is_valid = valid.is_valid(document)
        # Values that fit their field but break a promise between fields are the reader's to find.
        assert is_valid or not is_read, f"{what} is read, but not valid"
        if what[-1] == "+" or isinstance(what[-1], dict):
            in_a_map = len(what) > 2 and "values" in what[-3:-1]
            assert in_a_map or not is_valid, f"{what} is valid"
        n_refused += not is_valid
    assert n_refused > 50


def full(document):
    """A history with every field that a search may leave empty."""
    document = copy.deepcopy(document)
    run = document["runs"][-1]
    run["flagged"] = [{"name": "late_fee", "reason": "AUC .998 alone"}]
    run["controls"] = {"n_judged": 8, "n_below_level": 1, "n_passed": 0}
    refused = run["suggestions"][-1]
    refused.update(suggested=False, recommended=False, stands_for=["a_copy"], redundant_with=["another"])
    refused["judgement"] = {
        "effect": 0.01, "interval": [-0.01, 0.03], "p_value": 0.3, "p_adjusted": 1.0, "verdict": "unproven"
    }  # fmt: skip
    refused["refit"] = {"effect": 0.0, "interval": [-0.02, 0.02], "p_value": 0.9, "n_splits": 5}
    return document


def first_version(document):
    """The same as the first format version wrote it."""
    document = {**copy.deepcopy(document), "format_version": 1}
    for run in document["runs"]:
        for field in ("origin", "guide", "level", "controls", "flagged"):
            run.pop(field, None)
        for suggestion in run["suggestions"]:
            for field in ("stands_for", "refit", "redundant_with"):
                suggestion.pop(field, None)
    return document


@pytest.mark.parametrize("change", [full, first_version])
def test_full_histories_and_those_of_the_first_version_are_valid(files, change, tmp_path):
    name, path = "feature_suggestion_history", tmp_path / "history.json"
    document = change(files[name])
    path.write_text(json.dumps(document), encoding="utf-8")
    load_history(path)
    assert [e.message for e in validator(name).iter_errors(document)] == []
    for place in places(document):
        if place and isinstance(at(document, place), dict) and place[-1] not in ("state", "values"):
            odd = changed(document, place, lambda found: found.update(of_tomorrow=1))
            if "values" not in place:
                assert not validator(name).is_valid(odd), place
