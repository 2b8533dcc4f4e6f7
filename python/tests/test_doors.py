"""Command line and package are two doors of one house: the same options, with the same defaults.

`command_line.json` has the flags of every command with their defaults; a test of the command line writes down what
it has to be. Whoever adds an option to one door adds it to the other, or says here why not.
"""

import gzip
import inspect
import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tabgraft
from featrix.neural.input_data_set import FeatrixInputDataSet
from featrix.neural.single_predictor import SinglePredictor

FLAGS = json.loads((Path(__file__).parent / "command_line.json").read_text())

# Flags whose option has another name.
NAMES = {
    "kind": "kinds",
    "date-format": "date_formats",
    "missing-token": "missing",
    "epochs": "n_epochs",
    "budget": "budget_s",
    "split-group": "group",
    "split-time": "time",
    "table": "data",
    "min-improvement": "min_improvement_pct",
    "class": "class_name",
    "group": "groups",
    "evaluations": "n_evaluations",
}
# Flags that say the opposite of their option.
OPPOSITES = {"exact-epochs": "auto_epochs", "fit-on-test-rows": "hold_out_test"}
# A file is named where the package gives an object back.
FILES = {"out", "replace-if-interrupted", "out-dir"}
# What takes data reads it as the table of its model; `read_table` reads it otherwise.
READING = {"missing-token", "delimiter", "max-inflated-bytes", "decimal", "thousands"}
# What is a flag there is a key of `predictor_options` here.
PREDICTOR = {flag for flag in FLAGS["predictor"] if flag in FLAGS["discover"]} - {"target", "seed", "rename"} - READING

# Of each command: what it is here, flags without an option, options without a flag.
DOORS = {
    "train": (tabgraft.EmbeddingSpace.fit, FILES, {"data", "sample_weight", "workers", "columns", "progress"}),
    "extend": (
        tabgraft.EmbeddingSpace.extend,
        # Both are keys of `freeze`.
        FILES | {"freeze-column", "thaw"},
        {"data", "sample_weight", "workers", "columns", "progress"},
    ),
    "refresh": (tabgraft.EmbeddingSpace.refresh, FILES | READING, {"data", "columns", "progress"}),
    "prune": (
        tabgraft.EmbeddingSpace.prune,
        FILES | READING | {"columns"},
        {"remove", "data", "columns", "progress"},
    ),
    "merge": (tabgraft.EmbeddingSpace.merge, FILES | READING, {"spaces", "columns", "progress"}),
    "consolidate": (tabgraft.EmbeddingSpace.consolidate, FILES | READING, {"data", "columns", "progress"}),
    "rank": (tabgraft.EmbeddingSpace.rank_columns, READING, {"data", "columns", "progress"}),
    "predictor": (
        tabgraft.Predictor.fit,
        FILES | READING,
        {"space", "data", "sample_weight", "columns", "progress"},
    ),
    "grow": (
        tabgraft.Predictor.extend,
        FILES | READING,
        {"space", "data", "target", "sample_weight", "columns", "progress"},
    ),
    "embed": (tabgraft.EmbeddingSpace.embed, {"out"} | READING, {"data", "columns"}),
    "index": (tabgraft.EmbeddingSpace.index, FILES | READING | {"into", "remove"}, {"data", "columns"}),
    "surprise": (tabgraft.EmbeddingSpace.surprise, {"out", "key"} | READING, {"data", "columns"}),
    "fill": (tabgraft.EmbeddingSpace.fill, FILES | READING, {"data", "columns"}),
    "watch": (tabgraft.EmbeddingSpace.watch, READING, {"data", "columns"}),
    "neighbours": (tabgraft.RowIndex.search, {"out", "key"} | READING, {"space", "data", "columns"}),
    "predict": (tabgraft.Predictor.predict, {"out", "key"} | READING, {"data", "columns"}),
    "evaluate": (tabgraft.Predictor.evaluate, READING, {"data"}),
    "explain": (tabgraft.Predictor.explain, {"out", "key", "show"} | READING, {"data", "columns", "progress"}),
    "compare": (
        tabgraft.EmbeddingSpace.compare,
        READING | {"rows"} | PREDICTOR - {"target-kind", "epochs", "n-networks"},
        {"other", "data", "columns", "progress", "predictor_options"},
    ),
    "discover": (tabgraft.discover, FILES | READING | PREDICTOR, {"space", "data", "progress", "predictor_options"}),
    "judge": (
        tabgraft.FeatureEngineer.judge,
        FILES | READING | PREDICTOR | {"formula", "features"},
        {"space", "data", "progress", "predictor_options"},
    ),
    "card": (tabgraft.Predictor.card, {"out"}, {"format"}),
    "report": (tabgraft.EmbeddingSpace.report, {"out"} | READING, {"data", "before", "columns", "progress"}),
    "export": (tabgraft.Predictor.to_onnx, {"onnx"}, {"path"}),
    # The file of `--columns` is the frame `data`; `--table` is the engine's own.
    "sql": (
        tabgraft.FeatureEngineer.sql,
        FILES | READING | {"target", "recommended", "rename", "table", "columns"},
        {"table", "data"},
    ),
    "effectiveness": (
        tabgraft.FeatureEffectivenessTracker.get_recommended_features,
        {"target"},
        set(),
    ),
}
# Defaults that differ: what stands here is there for a reason.
DIFFERENT = {
    # A file gives its name; an object has none.
    ("train", "name"),
    ("predictor", "name"),
    ("grow", "name"),
    # The tracker answers one question, the command shows all metrics.
    ("effectiveness", "metric"),
}


def parameters(function):
    found = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in found if p.name not in {"self", "cls"}}


def option_of(flag):
    return OPPOSITES.get(flag) or NAMES.get(flag) or flag.replace("-", "_")


def same(flag, here, there):
    """Whether a default of a signature is what the command line takes."""
    if flag in OPPOSITES:
        return here is True and there is False
    if there is None or there is False:
        return here in (None, False, inspect.Parameter.empty)
    if isinstance(here, str):
        return here.replace("_", "-") == there.replace("_", "-")
    return isinstance(here, (int, float)) and not isinstance(here, bool) and float(here) == float(there)


@pytest.mark.parametrize("command", DOORS)
def test_a_command_and_its_function_have_the_same_options_and_defaults(command):
    function, only_there, only_here = DOORS[command]
    options, flags = parameters(function), FLAGS[command]
    shared = {flag: option_of(flag) for flag in flags if flag not in only_there}
    assert set(shared.values()) | only_here == set(options)
    for flag, option in shared.items():
        if (command, flag) not in DIFFERENT:
            assert same(flag, options[option], flags[flag]), (flag, options[option], flags[flag])


def test_every_command_is_held_against_its_function_or_has_no_options():
    without = {"apply", "inspect", "verify", "lineage", "registry", "serve", "completions", "demo", "split"}
    assert set(FLAGS) == set(DOORS) | without


def test_spaces_and_predictors_are_watched_with_the_same_options():
    assert parameters(tabgraft.Predictor.watch) == parameters(tabgraft.EmbeddingSpace.watch)


# Where an option comes back: other ways in, whose defaults the document or scikit-learn fixes where they differ.
@pytest.mark.parametrize(
    ("function", "described"),
    [
        (tabgraft.read_table, set()),
        (FeatrixInputDataSet, set()),
        (tabgraft.EmbeddingSpace, {"n_epochs"}),
        (tabgraft.EmbeddingSpace.extend_from_existing, {"mode"}),
        (SinglePredictor.create_extended_embedding_space, {"mode"}),
        (SinglePredictor.train_blocking, set()),
        (tabgraft.TabgraftClassifier, {"progress"}),
        (tabgraft.TabgraftEmbedder, {"progress"}),
    ],
)
def test_an_option_has_one_default_wherever_it_is(function, described):
    fit, extend = parameters(tabgraft.EmbeddingSpace.fit), parameters(tabgraft.EmbeddingSpace.extend)
    predictor = parameters(tabgraft.Predictor.fit)
    is_extension = "extend" in function.__name__
    usual = extend if is_extension else predictor if "train" in function.__name__ else {**predictor, **fit}
    for option, default in parameters(function).items():
        if option in usual and option not in described and usual[option] is not inspect.Parameter.empty:
            if option != "name":
                assert default == usual[option], option


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (
            FeatrixInputDataSet,
            "kinds date_formats missing decimal thousands delimiter max_inflated_bytes rename max_categories key",
        ),
        (tabgraft.EmbeddingSpace, "memory_limit min_category_rows key private n_blocks expansion weight_decay p_drop"),
        (tabgraft.EmbeddingSpace, "codec_bins codec_targets codec_categories codec_text_slots"),
        (tabgraft.read_table, "missing decimal thousands delimiter max_inflated_bytes rename"),
        (tabgraft.TabgraftClassifier, "kinds date_formats missing decimal thousands rename min_category_rows key private"),
        (tabgraft.TabgraftRegressor, "kinds date_formats missing decimal thousands rename min_category_rows key private"),
        (tabgraft.TabgraftEmbedder, "kinds date_formats missing decimal thousands rename min_category_rows key private"),
        (tabgraft.EmbeddingSpace.extend_from_existing, "freeze keep prune memory_limit features target cross_fit rename"),
        (SinglePredictor.create_extended_embedding_space, "freeze keep prune memory_limit cross_fit"),
    ],
)
def test_other_ways_in_take_the_options_too(function, options):
    assert set(options.split()) <= set(parameters(function))


QUICK = {"n_epochs": 2, "d_model": 16, "progress": False}


@pytest.fixture
def grades():
    rows = [{"amount": f"{i % 60},{i % 10}", "grade": "ab-"[i % 3], "store": f"s{i % 9}"} for i in range(120)]
    return pd.DataFrame(rows)


def config(space):
    """The options that the space's file holds."""
    content = space.to_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    manifest = json.loads(header["__metadata__"]["tabgraft"])
    return manifest["manifest"]["config"]


def reading(space):
    found = space.inspect()["reading"]
    return found["missing_tokens"], found["decimal"]


def test_a_data_set_takes_what_fit_takes(grades, tmp_path):
    expected = tabgraft.EmbeddingSpace.fit(grades, missing=["-"], decimal=",", **QUICK)
    path = tmp_path / "grades.csv"
    grades.to_csv(path, index=False, sep=";")
    for data in [grades, path]:
        data_set = FeatrixInputDataSet(data, missing=["-"], decimal=",")
        train, valid = data_set.split()
        assert tabgraft.EmbeddingSpace(train, valid, d_model=16).train(n_epochs=1).is_trained
        space = tabgraft.EmbeddingSpace(data_set, d_model=16).train(n_epochs=2)
        assert reading(space) == reading(expected) == (["-"], ",")
    dated = pd.DataFrame({"day": [f"{1 + i % 12}/{1 + i % 28}/2024" for i in range(60)], "x": range(60)})
    data_set = FeatrixInputDataSet(dated, date_formats={"day": "%m/%d/%Y"})
    assert data_set.schema["columns"][0]["kind"] == "timestamp"


def test_the_limit_of_a_compressed_file_can_be_raised(tmp_path):
    path = tmp_path / "zeros.csv.gz"
    rows = 400_000
    path.write_bytes(gzip.compress(b"x,y\n" + b"1,2\n" * rows))
    tight = {"max_inflated_bytes": 1_000}
    for read in [tabgraft.read_table, FeatrixInputDataSet, tabgraft.EmbeddingSpace.fit]:
        with pytest.raises(tabgraft.TabgraftError, match="max_inflated_bytes"):
            read(path, **tight)
    assert len(tabgraft.read_table(path, max_inflated_bytes=4_000_000)) == rows
    with pytest.raises(tabgraft.OptionError, match="max_inflated_bytes` is 0"):
        tabgraft.read_table(path, max_inflated_bytes=0)


def test_sizes_of_a_first_training_reach_the_space(grades):
    sizes = {"n_blocks": 1, "expansion": 1, "p_drop": 0.25, "weight_decay": 0.01}
    codec = {"codec_bins": 8, "codec_targets": 4, "codec_categories": 5, "codec_text_slots": 16}
    space = tabgraft.EmbeddingSpace.fit(grades, min_category_rows=7, **sizes, **codec, **QUICK)
    found = config(space)
    assert {name: round(found[name], 6) for name in sizes} == sizes
    expected = {"n_bins": 8, "n_targets": 4, "max_categories": 5, "text_slots": 16, "min_category_rows": 7}
    assert found["codec"] == expected
    with pytest.raises(tabgraft.OptionError, match="`n_blocks` is 9, allowed is 1 to 8"):
        tabgraft.EmbeddingSpace.fit(grades, n_blocks=9)
    two_steps = tabgraft.EmbeddingSpace(FeatrixInputDataSet(grades), min_category_rows=7, d_model=16)
    assert config(two_steps)["codec"]["min_category_rows"] == 7


def test_another_seed_moves_no_row_to_another_part(grades):
    def split(**options):
        return tabgraft.EmbeddingSpace.fit(grades, **options, **QUICK).hashes["split"]

    assert split(seed=1) == split(seed=2) != split(split_seed=1)


def test_estimators_take_how_a_table_is_written(grades):
    y = np.arange(len(grades)) % 2
    known = {"missing": ["-"], "decimal": ",", "min_category_rows": 3}
    small = {"n_epochs": 1, "d_model": 16}
    for estimator in [
        tabgraft.TabgraftEmbedder(**known, **small),
        tabgraft.TabgraftClassifier(**known, **small, predictor_epochs=1),
        tabgraft.TabgraftRegressor(**known, **small, predictor_epochs=1),
    ]:
        fitted = estimator.fit(grades, y)
        assert reading(fitted.space_) == (["-"], ",")
        assert config(fitted.space_)["codec"]["min_category_rows"] == 3
        wider = grades.assign(new=[f"{i},5" for i in range(len(grades))])
        args = (wider,) if isinstance(estimator, tabgraft.TabgraftEmbedder) else (wider, y)
        assert "new" in fitted.extend(*args).space_.columns


def test_guardrails_say_the_words_that_reports_count(predictor, early):
    odd = early.head(5).assign(
        purpose=["a rocket", *early["purpose"][1:5]], credit_amount=[3_000, 14_000, 17_000, 80_000, 10**9]
    )
    words = {(cell["column"], cell["row_idx"]): cell["word"] for cell in predictor.guardrails(odd)}
    assert words == {
        ("purpose", 0): "unseen",
        ("credit_amount", 1): "outlier",
        ("credit_amount", 2): "extrapolation",
        ("credit_amount", 3): "severe",
        ("credit_amount", 4): "error",
    }


def test_the_described_extension_takes_what_extend_takes(space, credit, caplog):
    caplog.set_level(logging.INFO, logger="tabgraft")
    extend = tabgraft.EmbeddingSpace.extend_from_existing
    child = extend(space, credit, n_epochs=2, freeze={"tokens": True}, prune="age", memory_limit=69_500_000)
    assert "age" not in child.columns and not child.is_trained
    assert "memory" not in caplog.text
    child.train()
    assert [step["operation"] for step in child.lineage] == ["prune", "graft"]
    assert child.extension_metadata["freeze"]["tokens"] is True
    assert "memory: about" in caplog.text and child.batch_size < space.batch_size
    engineer = tabgraft.FeatureEngineer([{"name": "monthly", "formula": "credit_amount / duration"}])
    enriched = engineer.fit_transform(credit)
    child = extend(space, enriched, n_epochs=2, features=engineer).train()
    assert "monthly" in json.dumps(child.inspect()["features"])
    judged = extend(space, credit, n_epochs=2, keep="if_not_worse", target="target").train()
    judgement = [*judged.lineage, *(refused["extension"] for refused in judged.refused_extensions)][-1]["judgement"]
    assert judgement["target"] == "target"
    with pytest.raises(tabgraft.OptionError, match="option `target` is missing"):
        extend(space, credit, keep="if_not_worse")
    single = SinglePredictor(space, qa_dir="nothing here")
    single.prep_for_training(credit, "target", "set")
    grown = single.create_extended_embedding_space(n_epochs=2, keep="if_not_worse", prune=["age"])
    assert "age" not in grown.columns


def test_the_two_step_constructor_takes_what_fit_takes(early, tmp_path):
    rows = early.assign(customer=np.arange(1000) // 2)
    sizes = {"n_blocks": 1, "expansion": 3, "codec_bins": 12, "codec_targets": 8, "codec_categories": 100}
    sizes |= {"codec_text_slots": 64, "weight_decay": 1e-3, "p_drop": 0.2, "d_model": 16}
    train, valid = FeatrixInputDataSet(rows, ignore_cols=["target"], key="customer").split(0.2)
    assert set(train.df["customer"]).isdisjoint(valid.df["customer"])
    es = tabgraft.EmbeddingSpace(train, valid, n_epochs=1, private=True, **sizes)
    es.train(progress=False)
    assert "customer" not in es.columns and es.inspect()["n_rows_remembered"] is None and es.inspect()["private"]
    # Which rare levels a private space leaves out goes by its training rows: sizes are compared of open ones.
    es = tabgraft.EmbeddingSpace(train, valid, n_epochs=1, **sizes)
    es.train(progress=False)
    fit = tabgraft.EmbeddingSpace.fit(rows, ignore=["target"], key="customer", n_epochs=1, progress=False, **sizes)
    assert fit.columns == es.columns and fit.inspect()["n_weights"] == es.inspect()["n_weights"]
    parts = pd.Series(es.split(rows))
    assert (parts.groupby(rows["customer"]).nunique() == 1).all()
    # Said to the constructor alone, rows are dealt anew.
    train, valid = FeatrixInputDataSet(rows, ignore_cols=["target"]).split(0.2)
    es = tabgraft.EmbeddingSpace(train, valid, n_epochs=1, key="customer", **sizes)
    parts = pd.Series(es.split(rows))
    assert (parts.groupby(rows["customer"]).nunique() == 1).all()


def test_the_estimators_take_key_and_private(early):
    rows = early.assign(customer=np.arange(1000) // 2)
    X, y = rows.drop(columns="target"), rows["target"]
    made = tabgraft.TabgraftClassifier(
        n_epochs=1, d_model=16, predictor_epochs=1, n_networks=2, key="customer", private=True
    ).fit(X, y)
    facts = made.space_.inspect()
    assert "customer" not in made.space_.columns and facts["n_rows_remembered"] is None and facts["private"]
    assert made.predict(X).shape == (1000,)


def test_searching_judging_and_comparing_take_options_of_the_predictor(space, early, credit):
    options = {"n_epochs": 3, "n_networks": 2, "d_hidden": 16}
    found = tabgraft.discover(space, early, "target", budget_s=2, predictor_options=options, progress=False)
    assert found.run["run_id"]
    engineer = tabgraft.FeatureEngineer([{"name": "m", "formula": "credit_amount / duration"}])
    assert engineer.judge(space, early, "target", budget_s=2, predictor_options=options, progress=False).run
    compared = space.compare(
        space, credit, "target", n_epochs=2, n_networks=2, predictor_options={"d_hidden": 16, "patience": 3}, progress=False
    )
    assert compared.verdict == "no_difference"
    with pytest.raises(tabgraft.OptionError, match="option `predictor_options`: .*`depth`"):
        tabgraft.discover(space, early, "target", budget_s=1, predictor_options={"depth": 3})
    with pytest.raises(tabgraft.OptionError, match="`seed` is none of them here"):
        tabgraft.discover(space, early, "target", budget_s=1, predictor_options={"seed": 3})


ESTIMATORS = [tabgraft.TabgraftClassifier, tabgraft.TabgraftRegressor, tabgraft.TabgraftEmbedder]
# Parameters of estimators that have another name natively.
NATIVE_NAMES = {"predictor_epochs": "n_epochs", "random_state": "seed"}
# scikit-learn draws no bar.
OTHERWISE = {"progress"}


def test_estimators_have_the_same_parameters_as_each_other_and_as_what_they_call():
    fit, predict = parameters(tabgraft.EmbeddingSpace.fit), parameters(tabgraft.Predictor.fit)
    embed = parameters(tabgraft.EmbeddingSpace.embed)
    spellings = [inspect.signature(estimator).parameters for estimator in ESTIMATORS]
    classifier, regressor, embedder = spellings
    assert list(regressor) == [name for name in classifier if name != "class_weight"]
    assert list(embedder) == [name for name in regressor if name in embedder]
    # What an embedder has not is the predictor's alone.
    assert {NATIVE_NAMES.get(name, name) for name in set(classifier) - set(embedder)} <= set(predict)
    for spelling in spellings:
        for name, parameter in spelling.items():
            assert (parameter.default, parameter.annotation) == (classifier[name].default, classifier[name].annotation)
            native = NATIVE_NAMES.get(name, name)
            of_space = fit if name in embedder else predict
            defaults = of_space.get(native, embed.get(native))
            assert defaults == parameter.default or name in OTHERWISE, (name, defaults, parameter.default)


def test_an_estimator_knows_every_option_of_reading_that_its_space_has():
    known = {option_of(flag) for flag in READING | {"kind", "date-format", "rename", "min-category-rows", "key", "private"}}
    # Options of a file: what estimators take is in memory.
    known -= {"delimiter", "max_inflated_bytes"}
    for estimator in ESTIMATORS:
        assert known <= set(inspect.signature(estimator).parameters), estimator


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: estimator.__name__)
def test_an_estimator_holds_what_it_was_given_and_declares_it(estimator):
    given = {name: object() for name in inspect.signature(estimator).parameters}
    made = estimator(**given)
    assert made.get_params(deep=False) == given and vars(made) == given
    declared = set().union(*(vars(kind).get("__annotations__", {}) for kind in estimator.__mro__))
    assert set(given) <= declared
