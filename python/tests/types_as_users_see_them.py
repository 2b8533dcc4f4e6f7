"""What a type checker says of a user's code. It is checked by mypy and never run."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from featrix.neural.embedded_space import EmbeddingSpace
from featrix.neural.input_data_set import FeatrixInputDataSet
from featrix.neural.single_predictor import SinglePredictor
from numpy.typing import NDArray
from typing_extensions import assert_type

import tabgraft


class PandasLike:
    """As pandas' own stubs have it: without the Arrow interface."""

    iloc: Any
    columns: Any

    def assign(self, **kwargs: Any) -> "PandasLike":
        return self


def data_in(space: tabgraft.EmbeddingSpace, array: NDArray[np.float64], rows: tabgraft.Frame) -> None:
    for data in (pl.DataFrame(), PandasLike(), rows):
        assert_type(space.embed(data), NDArray[np.float32])
    assert_type(space.embed("rows.csv"), NDArray[np.float32])
    assert_type(space.embed(Path("rows.csv")), NDArray[np.float32])
    assert_type(space.embed(array, columns=["a", "b"]), NDArray[np.float32])
    for plain in ({"a": [1, 2]}, [{"a": 1}, {"a": 2}]):
        assert_type(space.embed(plain), NDArray[np.float32])
    assert_type(space.embed("rows.csv", key="id", vector_column="z"), tabgraft.Frame)
    space.embed({1, 2})  # type: ignore[call-overload]


def new_columns_out(engineer: tabgraft.FeatureEngineer, array: NDArray[np.float64]) -> None:
    assert_type(engineer.transform(pl.DataFrame()), pl.DataFrame)
    assert_type(engineer.fit_transform(PandasLike(), verbose=True), PandasLike)
    assert_type(engineer.transform("rows.csv"), tabgraft.Frame)
    assert_type(engineer.transform(array), tabgraft.Frame)


def words(space: tabgraft.EmbeddingSpace, kinds: dict[str, str]) -> None:
    space.extend("rows.csv", mode="joint", kinds={"zip": "categorical"})
    space.extend("rows.csv", mode="soft")  # type: ignore[arg-type]
    space.extend("rows.csv", kinds=kinds)  # type: ignore[arg-type]


def names(space: tabgraft.EmbeddingSpace) -> None:
    space.extend("rows.csv", ignore=["a"])
    space.extend("rows.csv", ignore=("a", "b"))
    space.extend("rows.csv", ignore="a")


def two_steps(data: FeatrixInputDataSet) -> None:
    train, valid = data.split(0.3)
    assert_type(EmbeddingSpace(train, valid).train(), EmbeddingSpace)


async def predictors(space: tabgraft.EmbeddingSpace) -> None:
    predictor = tabgraft.Predictor.fit(space, "rows.csv", np.zeros(3))
    assert_type(predictor.scores[0]["low"], float)
    assert_type(predictor.scores["roc_auc"].value, float)
    assert_type(predictor.scores["roc_auc"].n, int)
    assert_type(predictor.predict("rows.csv").probabilities, NDArray[np.float64] | None)
    single = SinglePredictor(space)
    assert_type(single.explain("rows.csv"), tabgraft.Explanation)
    assert_type(await single.train(), dict[str, Any])
    assert_type(SinglePredictor.load("p.tabgraft"), SinglePredictor)
    assert_type(tabgraft.TabgraftEmbedder().fit(None).transform(None), NDArray[np.float32])


def failures() -> None:
    try:
        tabgraft.verify("v1.tabgraft")
    except tabgraft.FileError as error:
        assert_type(error.errno, int | None)
