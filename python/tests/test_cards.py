"""Cards of models: their metadata parses, their JSON is valid, and names are text in them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

import tabgraft

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "model_card.schema.json"
VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
HOSTILE = "a: [b]\n--- # | <b>\"'\x1b \u2028 {c}"
FAST = {"n_epochs": 2, "progress": False}


@pytest.fixture(scope="module")
def models(space, credit, predictor):
    """A model of every kind."""
    child = space.extend(credit, name="v2", **FAST)
    other = space.extend(credit.drop(columns="checking_status"), mode="joint", name="joint", **FAST)
    half = space.extend(credit.drop(columns=["checking_status", "savings_status"]), name="half", **FAST)
    sister = space.extend(credit.drop(columns="credit_history"), name="sister", **FAST)
    merged = tabgraft.EmbeddingSpace.merge([half, sister], progress=False)
    number = tabgraft.Predictor.fit(space, credit, "target", target_kind="scalar", n_networks=2, **FAST)
    return {
        "space": space,
        "child": child,
        "joint": other,
        "pruned": child.prune(["credit_history"], credit, **FAST),
        "merged": merged,
        "consolidated": child.consolidate(credit, **FAST),
        "predictor": predictor,
        "number": number,
        "grown": predictor.extend(child, credit, progress=False),
    }


KINDS = ["space", "child", "joint", "pruned", "merged", "consolidated", "predictor", "number", "grown"]


def front_of(markdown):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    assert markdown.startswith("---\n")
    return yaml.safe_load(markdown[4 : markdown.index("\n---\n")])


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_is_valid_and_says_what_the_model_is(models, kind):
    model = models[kind]
    card = json.loads(model.card(format="json"))
    assert [error.message for error in VALIDATOR.iter_errors(card)] == []
    assert (card["name"], card["id"]) == (model.name, model.id)
    counts = card["data"]["n_columns"]
    assert counts["used"] == len(card["data"]["columns"]) == sum(v for k, v in counts.items() if k not in {"used", "left_out"})
    front = front_of(model.card(base_model="acme/parent"))
    assert front["library_name"] == "tabgraft" and "tabular" in front["tags"]
    if card["parents"]:
        assert front["base_model"] == ["acme/parent"]
        assert front["base_model_relation"] == card["parents"][0]["relation"]
    else:
        assert kind == "space" and "base_model" not in front
    if card["kind"] == "embedding_space":
        assert front["pipeline_tag"] == "feature-extraction"
        return
    assert front["pipeline_tag"] == f"tabular-{'regression' if kind == 'number' else 'classification'}"
    metrics = front["model-index"][0]["results"][0]["metrics"]
    assert {m["type"]: m["value"] for m in metrics} == {s["metric"]: round(s["value"], 6) for s in card["scores"]}
    assert [m["type"] for m in metrics] == front["metrics"] == [s["metric"] for s in model.scores]


def test_relations_are_those_that_hubs_know(models):
    relations = {kind: [p["relation"] for p in json.loads(models[kind].card(format="json"))["parents"]] for kind in KINDS}
    assert relations["child"] == ["adapter"] and relations["joint"] == ["finetune"]
    assert set(relations["merged"]) == {"merge"} and len(relations["grown"]) == 2


def test_hostile_names_are_text_in_a_card():
    rows = pd.DataFrame({HOSTILE: np.arange(200) % 17, "x": np.arange(200) % 5, "y": [HOSTILE, "no"] * 100})
    space = tabgraft.EmbeddingSpace.fit(rows, ignore=["y"], name=HOSTILE, d_model=16, **FAST)
    predictor = tabgraft.Predictor.fit(space, rows, "y", name=HOSTILE, n_networks=2, **FAST)
    markdown = predictor.card()
    front = front_of(markdown)
    assert front["base_model"] == [HOSTILE] and front["model-index"][0]["name"] == HOSTILE
    body = markdown[markdown.index("\n---\n") + 5 :]
    assert "<b>" not in body and "\x1b" not in body and "\n--- #" not in body
    # A table stays a table: as many cells in each of its lines as in its head.
    lines = [line.replace("\\|", "") for line in body.splitlines()]
    for before, line in zip(lines, lines[1:]):
        if before.startswith("|") and line.startswith("|"):
            assert before.count("|") == line.count("|"), line
    assert json.loads(predictor.card(format="json"))["task"]["classes"] == [HOSTILE, "no"]


def test_what_is_no_form_is_refused(space):
    with pytest.raises(tabgraft.OptionError, match="option `format` is `html`"):
        space.card(format="html")
