"""Spaces and predictors in MLflow: logged as models from code, with their lineage. ``pip install tabgraft[mlflow]``.

>>> import tabgraft.mlflow
>>> logged = tabgraft.mlflow.log_model(predictor, example=early.head(3))  # doctest: +SKIP
>>> tabgraft.mlflow.load_model(logged.model_uri).target  # doctest: +SKIP
'target'
"""

import tempfile
from pathlib import Path
from typing import Any, TypeAlias

import tabgraft

__all__ = ["load_model", "log_model"]

_Model: TypeAlias = tabgraft.EmbeddingSpace | tabgraft.Predictor

#: Name of the artifact that holds the model, and of its file.
_FILE = "model.tabgraft"
#: What columns of a kind hold, in MLflow's words.
_TYPES = {"numeric": "double", "timestamp": "datetime", "categorical": "string", "boolean": "string", "text": "string"}


def _mlflow() -> Any:
    try:
        import mlflow
        import mlflow.pyfunc
    except ImportError as error:
        raise ImportError("tabgraft.mlflow needs mlflow\nhint: pip install 'tabgraft[mlflow]'") from error
    return mlflow


def _open(path: str) -> _Model:
    """The model of a file."""
    return (
        tabgraft.Predictor.load(path)
        if tabgraft.verify(path)["kind"] == "predictor"
        else tabgraft.EmbeddingSpace.load(path)
    )


def log_model(
    model: _Model,
    name: str = "model",
    *,
    example: Any = None,
    registered_model_name: str | None = None,
    **options: Any,
) -> Any:
    """Logs a space or a predictor to the active run of MLflow, or to a new one, and gives MLflow's description of it.

    The model's own file is logged with a few lines of code that load it, so that ``mlflow.pyfunc`` serves it: a frame
    in, vectors or predictions out. The run gets the tags ``tabgraft.id``, ``tabgraft.kind``, ``tabgraft.weights``, and of
    the parent ``tabgraft.parent``, ``tabgraft.parent_weights`` and, where a run of the experiment has logged it,
    ``tabgraft.parent_run_id``. A space's parent is the one that it was grafted onto, a predictor's the space that it was
    fitted on. The scores of a predictor become metrics, each with the ends of its interval as ``NAME_low`` and
    ``NAME_high``; of a space the losses of its last training, ``train_loss`` and ``validation_loss`` with a step for each
    epoch.

    Parameters
    ----------
    model : EmbeddingSpace or Predictor
        What is logged.
    name : str, default "model"
        Its name in the run.
    example : frame, optional
        Rows of the table. Their columns and types become the signature, of which every column is optional, for one
        that is absent counts as missing; the first five rows become the input example. Without it the signature
        follows from the kinds of the model's columns: numbers are double, times datetime, all else string.
    registered_model_name : str, optional
        Registers the model under this name.
    **options
        As ``mlflow.pyfunc.log_model`` takes them.

    >>> import tabgraft.mlflow
    >>> tabgraft.mlflow.log_model(space, "space").model_uri  # doctest: +SKIP
    'models:/m-...'
    """
    mlflow = _mlflow()
    if not isinstance(model, (tabgraft.EmbeddingSpace, tabgraft.Predictor)):
        raise tabgraft.OptionError(
            f"a {type(model).__name__} is no model that can be logged\nhint: give an EmbeddingSpace or a Predictor"
        )
    if example is not None:
        target = model.target if isinstance(model, tabgraft.Predictor) else None
        example = example[[name for name in example.columns if name != target]].head(5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _FILE
        model.save(path)
        run = mlflow.active_run()
        if run is None:
            with mlflow.start_run():
                return _logged(mlflow, model, name, example, path, registered_model_name, options)
        return _logged(mlflow, model, name, example, path, registered_model_name, options)


def _logged(
    mlflow: Any,
    model: _Model,
    name: str,
    example: Any,
    path: Path,
    registered_model_name: str | None,
    options: dict[str, Any],
) -> Any:
    tags = _tags(model)
    mlflow.set_tags(tags | _parent_run(mlflow, tags))
    mlflow.log_metrics(_metrics(model))
    for step, losses in _epochs(model):
        mlflow.log_metrics(losses, step=step)
    return mlflow.pyfunc.log_model(
        name=name,
        python_model=str(Path(__file__).with_name("_served.py")),
        artifacts={"model": str(path)},
        signature=_signature(model, example),
        input_example=example,
        registered_model_name=registered_model_name,
        metadata=dict(tags),
        pip_requirements=options.pop("pip_requirements", [f"tabgraft=={tabgraft.__version__}", "pandas"]),
        **options,
    )


def load_model(uri: str) -> _Model:
    """The space or predictor that :func:`log_model` logged, as it was.

    >>> import tabgraft.mlflow
    >>> tabgraft.mlflow.load_model("models:/churn/1").name  # doctest: +SKIP
    'churn'
    """
    mlflow = _mlflow()
    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))
    found = sorted(folder.rglob(_FILE))
    if not found:
        raise tabgraft.MissingFileError(
            f"`{uri}` has no file `{_FILE}`\nhint: give a model that `tabgraft.mlflow.log_model` logged"
        )
    return _open(str(found[0]))


def _tags(model: _Model) -> dict[str, str]:
    card = model.inspect()
    space = card if isinstance(model, tabgraft.EmbeddingSpace) else card["space"]
    tags = {
        "tabgraft.id": model.id,
        "tabgraft.kind": "embedding_space" if isinstance(model, tabgraft.EmbeddingSpace) else "predictor",
        "tabgraft.version": tabgraft.__version__,
        "tabgraft.weights": space["hashes"]["weights"] if isinstance(model, tabgraft.EmbeddingSpace) else "",
    }
    # A space comes from the space that it was grafted onto, a predictor from the one that it was fitted on.
    if isinstance(model, tabgraft.Predictor):
        tags |= {"tabgraft.parent": space["name"], "tabgraft.parent_weights": space["hashes"]["weights"]}
    elif model.lineage:
        step = model.lineage[-1]
        tags |= {
            "tabgraft.parent": step["extended_from_es_name"],
            "tabgraft.parent_weights": step["parent"]["weights"],
        }
    return {key: value for key, value in tags.items() if value}


def _parent_run(mlflow: Any, tags: dict[str, str]) -> dict[str, str]:
    """The newest other run of the experiment that logged the parent, as a tag."""
    weights = tags.get("tabgraft.parent_weights")
    run = mlflow.active_run()
    if not weights:
        return {}
    found = mlflow.MlflowClient().search_runs([run.info.experiment_id], f"tags.`tabgraft.weights` = '{weights}'")
    others = [other.info.run_id for other in found if other.info.run_id != run.info.run_id]
    return {"tabgraft.parent_run_id": others[0]} if others else {}


def _metrics(model: _Model) -> dict[str, float]:
    if isinstance(model, tabgraft.EmbeddingSpace):
        return {}
    found: dict[str, float] = {}
    for score in model.scores:
        found[score["metric"]] = float(score["value"])
        if score.get("low") is not None:
            found[f"{score['metric']}_low"] = float(score["low"])
            found[f"{score['metric']}_high"] = float(score["high"])
    return found


def _epochs(model: _Model) -> list[tuple[int, dict[str, float]]]:
    """The losses of a space's last training, by epoch."""
    if isinstance(model, tabgraft.Predictor):
        return []
    told = model.inspect()["training_info"]["epochs"]
    names = ["train_loss", "validation_loss"]
    return [(epoch["epoch"], {name: epoch[name] for name in names if epoch[name] is not None}) for epoch in told]


def _signature(model: _Model, example: Any) -> Any:
    from mlflow.models.signature import ModelSignature, infer_signature
    from mlflow.types.schema import ColSpec, DataType, Schema

    if example is not None:
        inputs = [
            ColSpec(type=column.type, name=column.name, required=False) for column in infer_signature(example).inputs
        ]
    else:
        card = model.inspect()
        card = card if isinstance(model, tabgraft.EmbeddingSpace) else card["space"]
        inputs = [
            ColSpec(type=DataType[_TYPES[column["kind"]]], name=column["name"], required=False)
            for column in card["columns"]
        ]
    if isinstance(model, tabgraft.EmbeddingSpace):
        outputs = [ColSpec(type=DataType.float, name=f"z{i}") for i in range(model.d_model)]
    elif model.task == "regression":
        outputs = [ColSpec(type=DataType.double, name="prediction")]
    else:
        labels = infer_signature(_frame(model.classes)).inputs.inputs[0].type
        outputs = [ColSpec(type=labels, name="class"), ColSpec(type=DataType.double, name="confidence")]
        outputs += [ColSpec(type=DataType.double, name=f"p_{label}") for label in model.classes]
    return ModelSignature(inputs=Schema([*inputs]), outputs=Schema([*outputs]))


def _frame(labels: list[Any]) -> Any:
    import pandas as pd

    return pd.DataFrame({"class": labels})
