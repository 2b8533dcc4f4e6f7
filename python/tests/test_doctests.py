"""Every public docstring has an example, and every example is true.

Examples need no preparation of their own. They run in a folder of their own that holds
``credit.csv``, and find these names, most of which come about as the docstring of their class shows:

| name | what it is |
|---|---|
| ``tabgraft``, ``plot``, ``np``, ``pd``, ``folder`` | the modules, and the folder that the example runs in |
| ``credit``, ``early`` | German Credit, with its target ``target``; the same without three columns |
| ``space``, ``child`` | a space of the early columns; the late ones grafted onto it, frozen |
| ``predictor``, ``predictions``, ``comparison`` | a predictor on ``space``, of ``early``, against one on ``child`` |
| ``reasons`` | why it predicts the first two rows of ``early`` as it does |
| ``engineer``, ``frame`` | one feature, ``monthly``; what it makes of ``credit.csv`` |
| ``found``, ``tracker`` | a small search for features; what they were worth |
| ``data_set``, ``head``, ``single``, ``stop`` | objects of the described API; ``single`` is trained |
| ``SimpleMLP``, ``SinglePredictor`` | the classes of ``head`` and ``single`` |
| ``X``, ``y``, ``classifier``, ``regressor``, ``embedder`` | columns, target and quick estimators |

An example works on copies of the names, so it may give them new values, but not change the objects.
"""

import doctest
import importlib
import inspect
import io
import pkgutil
import types
from collections.abc import Iterator

import featrix
import numpy as np
import pandas as pd
import pytest
from featrix.neural.input_data_set import FeatrixInputDataSet
from featrix.neural.simple_mlp import SimpleMLP
from featrix.neural.single_predictor import SinglePredictor

import tabgraft
import tabgraft.events
import tabgraft.plot
import tabgraft.scoring
import tabgraft.sklearn
from tabgraft import _native

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(scope="module")
def names(credit, early, space, predictor, tmp_path_factory) -> dict[str, object]:
    home = tmp_path_factory.mktemp("examples")
    child = space.extend(credit, n_epochs=10, name="v2")
    better = tabgraft.Predictor.fit(child, credit, "target", n_epochs=5, n_networks=2)
    engineer = tabgraft.FeatureEngineer([{"name": "monthly", "formula": "credit_amount / duration"}])
    engineer.fit_transform(early)
    found = tabgraft.discover(space, early, "target", n_judged=4, budget_s=1)
    found.write(home)
    tracker = tabgraft.FeatureEffectivenessTracker()
    tracker.load_history(home / "feature_effectiveness.json")
    single = SinglePredictor(space, name="risk", qa_dir=home / "qa.save")
    single.prep_for_training(early, "target", "set")
    single.train_blocking(n_epochs=4, discovery_budget_s=1)
    quick = {"n_epochs": 2, "d_model": 16}
    credit.to_csv(home / "credit.csv", index=False)
    return {
        "tabgraft": tabgraft,
        "plot": tabgraft.plot,
        "np": np,
        "pd": pd,
        "credit": credit,
        "early": early,
        "space": space,
        "child": child,
        "predictor": predictor,
        "predictions": predictor.predict(early),
        "reasons": predictor.explain(early.head(2), n_evaluations=200),
        "comparison": predictor.compare(better, credit),
        "engineer": engineer,
        "frame": engineer.transform(home / "credit.csv"),
        "found": found,
        "tracker": tracker,
        "data_set": FeatrixInputDataSet(credit, ignore_cols=["target"]),
        "head": SimpleMLP(d_in=space.d_model, d_out=2),
        "single": single,
        "SimpleMLP": SimpleMLP,
        "SinglePredictor": SinglePredictor,
        "stop": _native.StopToken(),
        "X": credit.drop(columns="target"),
        "y": credit["target"],
        "classifier": tabgraft.TabgraftClassifier(**quick, predictor_epochs=4),
        "regressor": tabgraft.TabgraftRegressor(**quick, predictor_epochs=4),
        "embedder": tabgraft.TabgraftEmbedder(**quick),
    }


def modules() -> Iterator[types.ModuleType]:
    yield tabgraft
    yield tabgraft.sklearn
    yield tabgraft.scoring
    yield tabgraft.events
    yield featrix
    for found in pkgutil.walk_packages(featrix.__path__, "featrix."):
        yield importlib.import_module(found.name)


def public() -> Iterator[tuple[str, object]]:
    """Every public object with a docstring of its own, by its full name."""
    for module in (*modules(), tabgraft.plot):
        yield module.__name__, module
    owners = [_native, tabgraft.sklearn, *modules()]
    objects = {name: getattr(owner, name) for owner in owners for name in getattr(owner, "__all__", ())}
    # A drawing has the name of what it draws.
    objects |= {f"plot.{name}": getattr(tabgraft.plot, name) for name in tabgraft.plot.__all__}
    # The described class stands in front of the native one of the same name.
    objects["_native.SinglePredictor"] = _native.SinglePredictor
    for name, value in objects.items():
        if not callable(value):
            continue
        yield name, value
        if not isinstance(value, type):
            continue
        for base in value.__mro__:
            if base.__module__.split(".")[0] not in {"tabgraft", "featrix"}:
                continue
            for member, described in vars(base).items():
                # What scikit-learn adds is documented by scikit-learn.
                is_own = not member.startswith("set_") or not member.endswith("_request")
                if not member.startswith("_") and is_own and _is_documentable(described):
                    # A static method has a docstring of its own kind, which is not the function's.
                    yield f"{name}.{member}", getattr(described, "__func__", described)


def _is_documentable(member: object) -> bool:
    described = (property, staticmethod, classmethod, types.GetSetDescriptorType, types.MemberDescriptorType)
    return isinstance(member, described) or inspect.isroutine(member)


PUBLIC = dict(public())


def test_the_walk_finds_native_properties_methods_and_functions():
    assert {
        "EmbeddingSpace.fit",
        "EmbeddingSpace.load",
        "EmbeddingSpace.d_model",
        "SimpleMLP.d_in",
        "SinglePredictor.train",
        "SinglePredictor.train_blocking",
        "discover",
        "FileError",
        "TabgraftClassifier.extend",
        "load_embedding_space",
        "featrix.neural.io_utils",
    } <= PUBLIC.keys()
    assert len(PUBLIC) > 150


@pytest.mark.parametrize("name", PUBLIC)
def test_the_docstring_has_an_example_that_runs(name, names, in_folder):
    text = inspect.getdoc(PUBLIC[name]) or ""
    example = doctest.DocTestParser().get_doctest(text, {**names, "folder": in_folder}, name, None, None)
    assert example.examples, f"{name} has no example:\n{text}"
    report = io.StringIO()
    ran = doctest.DocTestRunner(optionflags=FLAGS).run(example, out=report.write)
    assert ran.failed == 0, report.getvalue()
