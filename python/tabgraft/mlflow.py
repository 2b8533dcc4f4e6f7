"""Spaces and predictors in MLflow: logged as models from code, with their lineage, or by themselves as they are trained
(:func:`autolog`). ``pip install tabgraft[mlflow]``.

>>> import tabgraft.mlflow
>>> logged = tabgraft.mlflow.log_model(predictor, example=early.head(3))  # doctest: +SKIP
>>> tabgraft.mlflow.load_model(logged.model_uri).target  # doctest: +SKIP
'target'
"""

import functools
import inspect
import logging
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import tabgraft
from tabgraft.events import Event, listening

__all__ = ["autolog", "load_model", "log_model"]

_LOG = logging.getLogger("tabgraft")

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
    for step, losses in _epochs(model):
        mlflow.log_metrics(losses, step=step)
    _describe(mlflow, model)
    return _log_file(mlflow, model, name, example, path, registered_model_name, options)


def _describe(mlflow: Any, model: _Model) -> None:
    """Tags and scores."""
    tags = _tags(model)
    mlflow.set_tags(tags | _parent_run(mlflow, tags))
    mlflow.log_metrics(_metrics(model))


def _log_file(
    mlflow: Any,
    model: _Model,
    name: str,
    example: Any,
    path: Path,
    registered_model_name: str | None,
    options: dict[str, Any],
) -> Any:
    return mlflow.pyfunc.log_model(
        name=name,
        python_model=str(Path(__file__).with_name("_served.py")),
        artifacts={"model": str(path)},
        signature=_signature(model, example),
        input_example=example,
        registered_model_name=registered_model_name,
        metadata=_tags(model),
        pip_requirements=options.pop("pip_requirements", [f"tabgraft=={tabgraft.__version__}", "pandas"]),
        **options,
    )


#: What :func:`autolog` wraps: what trains a space or a predictor in one step.
_TRAIN: list[tuple[type[Any], str]] = [
    *((tabgraft.EmbeddingSpace, name) for name in ("fit", "extend", "refresh", "prune", "merge", "consolidate")),
    *((tabgraft.Predictor, name) for name in ("fit", "extend")),
]
#: What was there before it was wrapped.
_plain: dict[tuple[Any, str], Any] = {}
#: Characters of a parameter's value that MLflow takes.
_MOST_CHARACTERS = 6000


def autolog(*, disable: bool = False, log_models: bool = True) -> None:
    """Logs every training of a space or predictor from now on to a run of its own, within the active one if there is one.

    The run has the options that were given as parameters, the losses of each epoch as metrics while it trains, and in
    the end tags, scores and the model as :func:`log_model` logs them. Logged are ``EmbeddingSpace.fit``, ``extend``,
    ``refresh``, ``prune``, ``merge`` and ``consolidate``, and ``Predictor.fit`` and ``extend``, whoever calls them, in every
    thread of this process. A training that fails leaves a run that says so. What goes wrong in MLflow ends no training: a
    warning on the logger ``tabgraft`` tells of it.

    Parameters
    ----------
    disable : bool, default False
        Whether trainings are logged no longer.
    log_models : bool, default True
        Whether the models are logged, too.

    >>> import tabgraft.mlflow
    >>> tabgraft.mlflow.autolog()  # doctest: +SKIP
    >>> space = tabgraft.EmbeddingSpace.fit(early, n_epochs=3)  # doctest: +SKIP
    >>> tabgraft.mlflow.autolog(disable=True)
    """
    for (owner, name), plain in _plain.items():
        setattr(owner, name, plain)
    _plain.clear()
    if disable:
        return
    _mlflow()
    for owner, name in _TRAIN:
        plain = _plain[owner, name] = inspect.getattr_static(owner, name)
        logged = _logged_training(getattr(owner, name), f"{owner.__name__}.{name}", log_models)
        setattr(owner, name, logged if isinstance(plain, types.MethodDescriptorType) else staticmethod(logged))


def _logged_training(train: Callable[..., _Model], name: str, log_models: bool) -> Callable[..., _Model]:
    """A training that has a run of its own."""

    @functools.wraps(train)
    def logged(*args: Any, **options: Any) -> _Model:
        run = _Run()
        run.attempt(run.begin, name, train, args, options)
        try:
            with listening(lambda event: run.attempt(run.hear, event)):
                model = train(*args, **options)
        except BaseException:
            run.attempt(run.end, "FAILED")
            raise
        run.attempt(run.complete, model, log_models)
        run.attempt(run.end, "FINISHED")
        return model

    return logged


class _Run:
    """The run of one training. What goes wrong in MLflow is told, and the training goes on."""

    def __init__(self) -> None:
        self.has_begun = False

    def attempt(self, step: Callable[..., None], *args: Any) -> None:
        try:
            step(*args)
        except Exception as error:
            _LOG.warning("MLflow does not log this: %s", error)

    def begin(self, name: str, train: Callable[..., _Model], args: tuple[Any, ...], options: dict[str, Any]) -> None:
        mlflow = _mlflow()
        mlflow.start_run(run_name=name, nested=mlflow.active_run() is not None)
        self.has_begun = True
        given = inspect.signature(train).bind_partial(*args, **options).arguments
        # Tables, arrays and models are no parameters.
        plain = {key: str(value) for key, value in given.items() if isinstance(value, (str, int, float, list, tuple, dict))}
        mlflow.log_params({key: value for key, value in plain.items() if len(value) <= _MOST_CHARACTERS})

    def hear(self, event: Event) -> None:
        if self.has_begun and event["event"] == "epoch":
            _mlflow().log_metrics(_losses(event["info"]), step=event["info"]["epoch"])

    def complete(self, model: _Model, log_models: bool) -> None:
        if not self.has_begun:
            return
        mlflow = _mlflow()
        _describe(mlflow, model)
        if log_models:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / _FILE
                model.save(path)
                _log_file(mlflow, model, "model", None, path, None, {})

    def end(self, status: str) -> None:
        if self.has_begun:
            _mlflow().end_run(status)


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
    return [(epoch["epoch"], _losses(epoch)) for epoch in model.inspect()["training_info"]["epochs"]]


def _losses(epoch: dict[str, Any]) -> dict[str, float]:
    return {name: epoch[name] for name in ("train_loss", "validation_loss") if epoch[name] is not None}


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
