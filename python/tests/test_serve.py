"""The server from outside: `tabgraft serve` as a process, asked by clients that others have written."""

import csv
import io
import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

import tabgraft
from conftest import LATE, needs_program, program

pytestmark = needs_program


@contextmanager
def serving(*arguments, **environment):
    """A server on any free port; gives its address, its process and its log when it has ended."""
    command = [program(), "serve", *map(str, arguments), "--bind", "127.0.0.1:0", "--format", "json"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    log: list[dict] = []
    reading = threading.Thread(target=lambda: log.extend(json.loads(line) for line in server.stderr))
    reading.start()
    try:
        report = ""
        while not report.rstrip().endswith("}"):
            line = server.stdout.readline()
            assert line, f"it did not start: {log}"
            report += line
        yield json.loads(report)["url"], server, log
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)
        reading.join()


def ask(url, body=None, **headers):
    """Status and document of an answer."""
    data = None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, {"content-type": "application/json", **named})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def records(frame):
    """Rows as JSON has them, missing cells as null."""
    return json.loads(frame.to_json(orient="records"))


def drift_of(url, model, n_rows):
    """What is told of a model's last requests when so many rows have been looked at."""
    until = time.monotonic() + 60
    while True:
        status, told = ask(f"{url}/models/{model}/drift")
        assert status == 200, told
        if told["found"] and told["found"]["n_rows"] == n_rows:
            return told
        assert time.monotonic() < until, told
        time.sleep(0.05)


@pytest.fixture(scope="module")
def files(space, predictor, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    space.save(folder / "credit.tabgraft")
    predictor.save(folder / "risk.tabgraft")
    return folder


def test_answers_are_those_of_the_commands(files, early, tmp_path):
    rows = early.head(40).drop(columns=["target"])
    rows.to_json(tmp_path / "rows.jsonl", orient="records", lines=True)
    run = lambda *arguments: subprocess.run(  # noqa: E731
        [program(), *map(str, arguments)], capture_output=True, text=True, check=True
    ).stdout
    predicted = list(csv.DictReader(io.StringIO(run("predict", files / "risk.tabgraft", tmp_path / "rows.jsonl"))))
    embedded = pd.read_csv(io.StringIO(run("embed", files / "credit.tabgraft", tmp_path / "rows.jsonl")))
    with serving(files / "credit.tabgraft", files / "risk.tabgraft") as (url, server, log):
        status, told = ask(f"{url}/models/risk/predict", {"rows": records(rows)})
        assert status == 200, told
        for row, answer in zip(predicted, told["predictions"], strict=True):
            assert answer["class"] == row["class"]
            assert answer["confidence"] == float(row["confidence"])
            assert {f"p_{name}": p for name, p in answer["probabilities"].items()} == {
                name: float(p) for name, p in row.items() if name.startswith("p_")
            }
        status, told = ask(f"{url}/models/credit/embed", {"rows": records(rows)})
        assert status == 200
        assert np.array_equal(np.float32(told["vectors"]), embedded.to_numpy("float32"))
        assert ask(f"{url}/models/nothing/embed", {"rows": records(rows)})[0] == 404
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0
    kinds = [line["event"] for line in log]
    assert kinds[-2:] == ["stopping", "stopped"] and kinds.count("serving") == 2
    answered = [line for line in log if line["event"] == "request"]
    assert [line["status"] for line in answered] == [200, 200, 404]
    assert answered[0]["n_rows"] == 40 and answered[0]["time"] > 1e9 and answered[0]["ms"] > 0


def test_the_last_requests_are_watched_as_watch_does(files, space, early):
    usual = early.tail(400).drop(columns=["target"])
    later = usual.assign(age=usual["age"] + 30, job="astronaut")
    with serving(files / "risk.tabgraft", files / "credit.tabgraft", "--watch", 400) as (url, _, log):
        for start in range(0, 400, 80):
            assert ask(f"{url}/models/risk/predict", {"rows": records(usual[start : start + 80])})[0] == 200
        told = drift_of(url, "risk", 400)
        wanted = space.watch(usual)
        assert (told["found"]["changed"], told["found"]["n_effective"]) == (wanted.changed, 400)
        assert told["found"]["changes"] == wanted.changes and told["hidden_cells_by"] == "v1"
        assert ask(f"{url}/models/credit/embed", {"rows": records(later)})[0] == 200
        told = drift_of(url, "credit", 400)
        assert told["found"]["changes"] == space.watch(later).changes
        assert {"column": "job", "what": "unseen"} in told["found"]["changes"]
        assert "astronaut" not in json.dumps(told)
        schema = ask(f"{url}/openapi.json")[1]["paths"]["/models/{model}/drift"]["get"]
        described = schema["responses"]["200"]["content"]["application/json"]["schema"]
        assert set(described["required"]) == set(told)
    assert "astronaut" not in json.dumps(log)
    alone = subprocess.run(
        [program(), "serve", files / "risk.tabgraft", "--watch", "3"], capture_output=True, text=True
    )
    assert alone.returncode == 2 and "`watch` is 3" in alone.stderr


def test_tokens_come_from_a_file_or_the_environment_and_never_from_the_command_line(files, tmp_path):
    token = "a token is no word".replace(" ", "-")
    (tmp_path / "tokens").write_text(f"# ours\n{token}\n")
    for arguments, environment in [(["--tokens", tmp_path / "tokens"], {}), ([], {"TABGRAFT_TOKENS": token})]:
        with serving(files / "risk.tabgraft", *arguments, **environment) as (url, _, log):
            assert ask(f"{url}/v2/health/live")[0] == 200
            assert ask(f"{url}/v2")[0] == 401
            assert ask(f"{url}/v2", authorization=f"Bearer {token}")[0] == 200
        assert token not in json.dumps(log)
    help_text = subprocess.run([program(), "serve", "--help"], capture_output=True, text=True, check=True).stdout
    assert "--tokens <FILE>" in help_text and "--token " not in help_text
    short = subprocess.run(
        [program(), "serve", files / "risk.tabgraft"],
        env={**os.environ, "TABGRAFT_TOKENS": "hunter2"},
        capture_output=True,
        text=True,
    )
    assert short.returncode == 2 and "16" in short.stderr and "hunter2" not in short.stderr


def test_an_address_that_others_can_reach_needs_tokens(files):
    done = subprocess.run(
        [program(), "serve", files / "risk.tabgraft", "--bind", "0.0.0.0:0"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "no tokens" in done.stderr and "--insecure" in done.stderr


def test_promotes_and_rollbacks_are_followed_without_a_lost_or_mixed_answer(files, space, credit, tmp_path):
    grown = space.extend(credit, n_epochs=1, name="v2", progress=False)
    registry = tabgraft.Registry(tmp_path / "models", create=True)
    for version in (space, grown):
        registry.add(version)
    registry.promote("v1")
    rows = credit.head(16)
    expected = {version.id: version.embed(rows) for version in (space, grown)}
    with serving(f"credit={tmp_path / 'models'}") as (url, _, log):
        seen: list[str] = []
        over = threading.Event()
        problems: list[object] = []

        def client():
            while not over.is_set():
                status, told = ask(f"{url}/models/credit/embed", {"rows": records(rows)})
                if status != 200 or not np.array_equal(np.float32(told["vectors"]), expected[told["version"]]):
                    problems.append(told)
                    return
                seen.append(told["version"])

        clients = [threading.Thread(target=client) for _ in range(3)]
        for thread in clients:
            thread.start()
        current = lambda: ask(f"{url}/v2/models/credit")[1]["parameters"]["name"]  # noqa: E731
        for step, name in [(lambda: registry.promote("v2"), "v2"), (registry.rollback, "v1")] * 2:
            step()
            until = time.monotonic() + 30
            while current() != name:
                assert time.monotonic() < until, f"{name} is not served"
                time.sleep(0.02)
        over.set()
        for thread in clients:
            thread.join()
        assert problems == [] and set(seen) == set(expected)
        # Coordinates of old vectors keep their bits.
        assert np.array_equal(expected[grown.id][:, : space.d_model], expected[space.id])
        status, told = ask(f"{url}/models/credit/versions/v2/embed", {"rows": records(rows)})
        assert status == 200 and told["version"] == grown.id
    assert [line["name"] for line in log if line["event"] == "serving"] == ["v1", "v2", "v1", "v2", "v1"]


def test_tritonclient_gets_the_same_answers(files, early, predictor):
    http = pytest.importorskip("tritonclient.http", reason="tritonclient[http] is not installed")
    rows = early.head(30).drop(columns=["target"])
    wanted = predictor.predict(rows)
    with serving(files / "risk.tabgraft") as (url, *_):
        client = http.InferenceServerClient(url.removeprefix("http://"))
        assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("risk")
        assert client.get_server_metadata()["name"] == "tabgraft"
        metadata = client.get_model_metadata("risk")
        for binary in (True, False):
            inputs = []
            for column in metadata["inputs"]:
                cells = rows[column["name"]]
                if column["datatype"] == "FP64":
                    values = cells.to_numpy("float64")
                else:
                    values = cells.astype(object).where(cells.notna(), "").astype(str).to_numpy(object)
                tensor = http.InferInput(column["name"], list(values.shape), column["datatype"])
                inputs.append(tensor.set_data_from_numpy(values, binary_data=binary))
            asked = [http.InferRequestedOutput("probabilities", binary_data=binary)]
            for outputs in (None, asked):
                result = client.infer("risk", inputs, outputs=outputs, request_id="1")
                assert np.array_equal(result.as_numpy("probabilities"), wanted.probabilities)
                answer = result.get_response()
                assert answer["model_version"] == predictor.id and answer["id"] == "1"
            result = client.infer("risk", inputs, model_version=predictor.id)
            classes = [str(one) for one in wanted.classes]
            assert [one.decode() for one in result.as_numpy("class")] == [
                classes[i] for i in result.as_numpy("class_idx")
            ]
            assert not result.as_numpy("unseen").any()
        assert client.is_model_ready("nothing") is False


def test_columns_that_arrive_later_are_named_in_the_answer(files, credit):
    with serving(files / "credit.tabgraft") as (url, *_):
        status, told = ask(f"{url}/models/credit/embed", {"rows": records(credit.head(2))})
    assert status == 200
    assert {column["name"] for column in told["columns"]["ignored_columns"] if column["unknown"]} == set(LATE)
