"""Models in MLflow: logged to a local store with lineage, signature and scores, and loaded as they were."""

import subprocess
import sys

import numpy as np
import pytest

import tabgraft

mlflow = pytest.importorskip("mlflow", reason="MLflow is an extra: pip install 'tabgraft[mlflow]'")


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A tracking store of its own."""
    monkeypatch.chdir(tmp_path)
    # A database would need SQLAlchemy, which the slim package does without.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(f"file://{tmp_path}/mlruns")
    mlflow.set_experiment("tests")


def test_a_model_comes_back_as_it_was_and_is_served(store, space, predictor, early):
    import tabgraft.mlflow

    for model, name in [(space, "space"), (predictor, "predictor")]:
        logged = tabgraft.mlflow.log_model(model, name, example=early)
        again = tabgraft.mlflow.load_model(logged.model_uri)
        assert again.id == model.id
        served = mlflow.pyfunc.load_model(logged.model_uri).predict(early.drop(columns="target").head(20))
        if model is space:
            assert np.array_equal(served.to_numpy("float32"), space.embed(early.head(20)))
        else:
            assert np.array_equal(served[["p_0", "p_1"]], predictor.predict(early.head(20)).probabilities)


def test_runs_know_their_parents_and_scores(store, space, predictor, early):
    import tabgraft.mlflow

    with mlflow.start_run() as parent:
        tabgraft.mlflow.log_model(space, "space")
    with mlflow.start_run() as run:
        tabgraft.mlflow.log_model(predictor, "predictor")
    found = mlflow.get_run(run.info.run_id).data
    assert found.tags["tabgraft.id"] == predictor.id and found.tags["tabgraft.kind"] == "predictor"
    assert found.tags["tabgraft.parent"] == "v1" and found.tags["tabgraft.parent_run_id"] == parent.info.run_id
    score = predictor.scores["roc_auc"]
    assert [found.metrics[f"roc_auc{end}"] for end in ["", "_low", "_high"]] == [score.value, score.low, score.high]


def test_a_run_shows_the_epochs_of_a_training(store, space):
    import tabgraft.mlflow

    with mlflow.start_run() as run:
        tabgraft.mlflow.log_model(space, "space")
    epochs = space.inspect()["training_info"]["epochs"]
    assert len(epochs) > 1
    for name in ["train_loss", "validation_loss"]:
        history = mlflow.MlflowClient().get_metric_history(run.info.run_id, name)
        assert [(point.step, point.value) for point in history] == [(e["epoch"], e[name]) for e in epochs]


@pytest.fixture
def autologged(store):
    import tabgraft.mlflow

    tabgraft.mlflow.autolog()
    yield
    tabgraft.mlflow.autolog(disable=True)


def test_a_training_is_logged_by_itself_epoch_by_epoch(autologged, early, credit, monkeypatch):
    import tabgraft.mlflow

    steps = []
    plain = mlflow.log_metrics
    monkeypatch.setattr(mlflow, "log_metrics", lambda *args, **options: steps.append(options) or plain(*args, **options))
    space = tabgraft.EmbeddingSpace.fit(early, ignore=["target"], n_epochs=3, d_model=16, name="v1")
    assert [step["step"] for step in steps if "step" in step] == [1, 2, 3]
    with mlflow.start_run() as outer:
        child = space.extend(credit, n_epochs=4, mode="joint", ignore=["target"])
        predictor = tabgraft.Predictor.fit(child, credit, "target", effort="quick")
        assert mlflow.active_run().info.run_id == outer.info.run_id
    found = {run.info.run_name: run for run in mlflow.search_runs(output_format="list")}
    fit, extend, predict = (found[name] for name in ("EmbeddingSpace.fit", "EmbeddingSpace.extend", "Predictor.fit"))
    assert {run.info.status for run in found.values()} == {"FINISHED"}
    assert fit.data.params == {"ignore": "['target']", "n_epochs": "3", "d_model": "16", "name": "v1"}
    assert extend.data.params["mode"] == "joint" and predict.data.params["target"] == "target"
    assert extend.data.tags["mlflow.parentRunId"] == predict.data.tags["mlflow.parentRunId"] == outer.info.run_id
    assert extend.data.tags["tabgraft.parent_run_id"] == fit.info.run_id
    client = mlflow.MlflowClient()
    for run, model in [(fit, space), (extend, child)]:
        epochs = model.inspect()["training_info"]["epochs"]
        for name in ["train_loss", "validation_loss"]:
            history = client.get_metric_history(run.info.run_id, name)
            assert [(point.step, point.value) for point in history] == [(e["epoch"], e[name]) for e in epochs]
    assert predict.data.metrics["roc_auc"] == predictor.scores["roc_auc"].value
    logged = {model.source_run_id: model for model in mlflow.search_logged_models(output_format="list")}
    for run, model in [(fit, space), (extend, child), (predict, predictor)]:
        assert tabgraft.mlflow.load_model(logged[run.info.run_id].model_uri).id == model.id


def test_a_training_that_fails_says_so_and_one_without_mlflow_goes_on(autologged, early, monkeypatch, caplog):
    with pytest.raises(tabgraft.OptionError, match="`d_model` is 7"):
        tabgraft.EmbeddingSpace.fit(early, d_model=7)
    (run,) = mlflow.search_runs(output_format="list")
    assert run.info.status == "FAILED" and mlflow.active_run() is None

    def gone(*args, **options):
        raise ConnectionError("no server")

    monkeypatch.setattr(mlflow, "start_run", gone)
    assert tabgraft.EmbeddingSpace.fit(early, n_epochs=1, d_model=16).d_model == 16
    assert "MLflow does not log this: no server" in caplog.text


def test_autolog_can_be_switched_on_twice_and_off(store, early):
    import inspect

    import tabgraft.mlflow

    plain = {name: inspect.getattr_static(tabgraft.EmbeddingSpace, name) for name in ("fit", "extend", "merge")}
    tabgraft.mlflow.autolog()
    tabgraft.mlflow.autolog(log_models=False)
    tabgraft.EmbeddingSpace.fit(early, n_epochs=1, d_model=16)
    assert len(mlflow.search_runs(output_format="list")) == 1
    assert mlflow.search_logged_models(output_format="list") == []
    tabgraft.mlflow.autolog(disable=True)
    assert plain == {name: inspect.getattr_static(tabgraft.EmbeddingSpace, name) for name in plain}
    tabgraft.EmbeddingSpace.fit(early, n_epochs=1, d_model=16)
    assert len(mlflow.search_runs(output_format="list")) == 1


def test_every_column_is_optional_and_in_the_signature(store, space, predictor, early):
    import tabgraft.mlflow

    for example in [None, early]:
        logged = tabgraft.mlflow.log_model(predictor, "predictor", example=example)
        inputs = {column.name: column for column in logged.signature.inputs}
        assert set(inputs) == set(space.columns) and not any(column.required for column in inputs.values())
        assert [column.name for column in logged.signature.outputs] == ["class", "confidence", "p_0", "p_1"]
    served = mlflow.pyfunc.load_model(logged.model_uri)
    assert len(served.predict(early[["age"]].head(3))) == 3
    with pytest.raises(tabgraft.OptionError, match="no model that can be logged"):
        tabgraft.mlflow.log_model(tabgraft.FeatureEngineer([]))


def test_without_mlflow_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['mlflow'] = None; import tabgraft.mlflow\n"
        "try: tabgraft.mlflow.load_model('models:/x/1')\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "tabgraft[mlflow]" in done.stdout, done.stderr
