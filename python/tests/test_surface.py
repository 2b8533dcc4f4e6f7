"""What is visible: names, pictures for notebooks, documentation."""

import re

import pytest

import tabgraft
from tabgraft import _native


def test_every_native_name_is_public_or_of_the_described_api():
    described = {"FeatrixInputDataSet", "SimpleMLP", "SinglePredictor", "StopToken"}
    native = {name for name in dir(_native) if not name.startswith("_")}
    estimators = {"TabgraftClassifier", "TabgraftEmbedder", "TabgraftRegressor"}
    assert native | {"__version__"} | estimators == set(tabgraft.__all__) | described


def test_every_exception_is_a_tabgraft_error():
    for name in tabgraft.__all__:
        if name.endswith("Error"):
            kind = getattr(tabgraft, name)
            assert issubclass(kind, tabgraft.TabgraftError) and kind.__doc__ and kind.__module__ == "tabgraft"
    assert issubclass(tabgraft.SchemaError, ValueError) and issubclass(tabgraft.FileError, OSError)


def classes():
    return [value for value in vars(_native).values() if isinstance(value, type)]


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_everything_public_is_documented(kind):
    assert kind.__doc__
    if issubclass(kind, BaseException):
        return
    for name, member in vars(kind).items():
        if not name.startswith("_"):
            member = getattr(member, "__func__", member)
            assert getattr(member, "__doc__", None), f"{kind.__name__}.{name}"


def test_pictures_for_notebooks_are_small_escaped_and_in_the_pages_colours(space, predictor, early, credit):
    from featrix.neural.input_data_set import FeatrixInputDataSet
    from featrix.neural.single_predictor import SinglePredictor

    child = space.extend(credit, n_epochs=1, name="<b>v2</b>")
    engineer = tabgraft.FeatureEngineer([{"name": "a<b", "formula": "age * 2"}])
    objects = [
        FeatrixInputDataSet(early, ignore_cols=["target"]),
        space,
        child,
        predictor,
        predictor.compare(predictor, early),
        engineer,
        SinglePredictor(space),
    ]
    for shown in objects:
        html = shown._repr_html_()
        assert html.startswith("<div>") and html.endswith("</div>") and len(html) < 20_000
        assert not re.search(r"color|background|<b>|a<b", html), type(shown)
        assert html.count("<td") == html.count("</td>") and html.count("<table") == html.count("</table>")
        assert repr(shown)
    assert "checking_status" in child._repr_html_() and "frozen" in child._repr_html_()


