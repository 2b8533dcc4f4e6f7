"""A local cluster of Ray: trainings in two and three workers, workers that are killed, datasets that are scored."""

import hashlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tabgraft
from conftest import FIXTURE
from tabgraft.events import listening
from tabgraft.scoring import Scorer

FAST = {"ignore": ["default"], "n_epochs": 3, "d_model": 16}
# Long enough to be killed in the middle.
LONG = {**FAST, "n_epochs": 120, "auto_epochs": False}


def start(ray, n_attempts=3):
    """A cluster of this machine alone. On one that is busy Ray gives up after 30 seconds, which says nothing of us."""
    try:
        ray.init(
            num_cpus=3,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="error",
            object_store_memory=100 << 20,
            _node_ip_address="127.0.0.1",
        )
    except Exception as error:
        if n_attempts == 1 or "timed out during startup" not in str(error):
            raise
        ray.shutdown()
        start(ray, n_attempts - 1)


@pytest.fixture(scope="module")
def ray():
    ray = pytest.importorskip("ray", reason="ray is not installed")
    pytest.importorskip("xgboost", reason="xgboost is not installed")
    # No token below the home folder, nothing told to anybody, nothing beyond this machine.
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}
    start(ray)
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def loans():
    return pd.read_csv(FIXTURE)


@pytest.fixture(scope="module")
def parts(ray, loans, tmp_path_factory):
    """The loans as a folder of four Parquet files."""
    folder = tmp_path_factory.mktemp("loans")
    for i in range(4):
        loans.iloc[250 * i : 250 * (i + 1)].to_parquet(folder / f"{i}.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def there(ray, loans):
    """The loans as a dataset of four blocks; Ray starts more processes to read files."""
    return ray.data.from_pandas([loans.iloc[250 * i : 250 * (i + 1)] for i in range(4)])


@pytest.fixture(scope="module")
def two(ray, loans):
    """What two workers make of the early columns."""
    import tabgraft.ray

    early = loans.drop(columns=["checking_status"])
    blocks = ray.data.from_pandas([early.iloc[:400], early.iloc[400:800], early.iloc[800:]])
    return tabgraft.ray.fit(blocks, n_workers=2, name="two", **FAST)


@pytest.fixture(scope="module")
def alone(two, loans):
    """A predictor of this process, on the space of the two workers."""
    return tabgraft.Predictor.fit(two, loans, "default", effort="quick")


def processes(title):
    """Processes of a title, which Ray gives to what runs a task."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().startswith(title.encode()):
                found.append(int(folder.name))
        except OSError:
            continue
    return sorted(found)


needs_proc = pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc, which Linux has")


def test_two_and_three_workers_train_one_space_and_repeat_it(ray, loans, two):
    import tabgraft.ray

    # One block here, three uneven ones there.
    early = ray.data.from_pandas(loans.drop(columns=["checking_status"]))
    again = tabgraft.ray.fit(early, n_workers=2, name="two", **FAST)
    three = tabgraft.ray.fit(early, n_workers=3, **FAST)
    alone = tabgraft.EmbeddingSpace.fit(loans.drop(columns=["checking_status"]), **FAST)
    assert again.hashes["weights"] == two.hashes["weights"] != three.hashes["weights"]
    for space in (two, three):
        assert space.hashes["schema"] == alone.hashes["schema"]
        loss, wanted = (found.training_info["final_validation_loss"] for found in (space, alone))
        assert abs(loss - wanted) < 0.02
    n_rows = {n: space.training_info["worker_rows"] for n, space in {2: two, 3: three}.items()}
    assert {n: len(rows) for n, rows in n_rows.items()} == {2: 2, 3: 3}
    assert sum(n_rows[2]) == sum(n_rows[3]) == alone.training_info["n_rows_train"]
    # One file like any other.
    assert tabgraft.EmbeddingSpace.from_bytes(two.to_bytes()).id == two.id


def test_grafts_of_every_mode_are_trained_there(ray, loans, parts, there, two):
    import tabgraft.ray

    for mode in ("frozen", "anchored", "joint"):
        data = parts if mode == "frozen" else there
        child = tabgraft.ray.extend(two, data, n_workers=2, mode=mode, n_epochs=4)
        assert child.extension_metadata["new_columns_added"] == ["checking_status"]
        assert child.extension_metadata["parent"]["weights"] == two.hashes["weights"]
        if mode == "frozen":
            assert np.array_equal(child.embed(loans)[:, :16], two.embed(loans))
        if mode == "anchored":
            assert child.extension_metadata["drift"]["mean_cosine_distance"] <= 0.05


def test_a_predictor_is_fitted_in_one_process_as_here(ray, loans, there, two, alone, caplog):
    import tabgraft.ray

    heard = []
    with listening(heard.append):
        fitted = tabgraft.ray.fit_predictor(two, there, "default", effort="quick")
    assert np.array_equal(fitted.predict(loans).probabilities, alone.predict(loans).probabilities)
    assert {event["event"] for event in heard} & {"progress", "note", "task"}
    with caplog.at_level(logging.INFO, logger="tabgraft"):
        drawn = tabgraft.ray.fit_predictor(two, there, "default", most_rows=600, effort="quick")
    assert drawn.id != fitted.id and "rows that were drawn of 1000" in caplog.text
    with pytest.raises(tabgraft.TabgraftError, match="no_such"):
        tabgraft.ray.fit_predictor(two, there, "no_such")


def test_what_is_wrong_is_said_once_and_not_tried_again(ray, there):
    import tabgraft.ray

    with pytest.raises(tabgraft.OptionError, match="`d_model` is 7"):
        tabgraft.ray.fit(there, **{**FAST, "d_model": 7})
    with pytest.raises(tabgraft.OptionError, match="`n_workers` is 0"):
        tabgraft.ray.fit(there, n_workers=0)
    with pytest.raises(tabgraft.DataError, match="1 rows are not enough for 2 workers"):
        tabgraft.ray.fit(ray.data.from_items([{"a": 1}]), n_workers=2)
    with pytest.raises(tabgraft.OptionError, match="`max_failures` is -1"):
        tabgraft.ray.fit(there, max_failures=-1)


def test_blocks_keep_their_order_whichever_is_ready_first(ray):
    import tabgraft.ray

    def late_first(batch):
        time.sleep(0.5 if batch["row"][0] == 0 else 0)
        return batch

    rows = ray.data.from_pandas(pd.DataFrame({"row": np.arange(600)})).repartition(6)
    dataset = rows.map_batches(late_first, batch_size=None)
    shards = tabgraft.ray._shards(dataset, 2)
    found = [tabgraft._ray_work.table(blocks).column("row").to_pylist() for blocks in shards]
    assert found[0] + found[1] == list(range(600))
    # The caller's dataset is as it was.
    assert not dataset.context.execution_options.preserve_order


@needs_proc
def test_killed_workers_are_replaced_and_the_training_goes_on(ray, there, caplog):
    import tabgraft.ray

    whole = tabgraft.ray.fit(there, n_workers=2, **LONG)
    heard, killed = [], []

    def kill(event):
        heard.append(event)
        if event["event"] == "epoch" and len(killed) < 2 and event["info"]["epoch"] >= [3, 40][len(killed)]:
            # One of the first ones, then another one of those that replaced them.
            running = processes("ray::train")
            assert len(running) == 2
            killed.append(running[-len(killed)])
            os.kill(killed[-1], signal.SIGKILL)

    with listening(kill), caplog.at_level(logging.INFO, logger="tabgraft"):
        found = tabgraft.ray.fit(there, n_workers=2, max_failures=2, **LONG)
    assert len(set(killed)) == 2
    assert found.hashes["weights"] == whole.hashes["weights"]
    assert caplog.text.count("a worker was lost") == 2 and caplog.text.count("goes on after epoch") == 2
    epochs = [event["info"]["epoch"] for event in heard if event["event"] == "epoch"]
    assert set(epochs) == set(range(1, 121)) and epochs.count(1) == 1 and len(epochs) <= 122


@needs_proc
def test_a_worker_too_many_is_an_error_and_ctrl_c_ends_the_workers(ray, there):
    import tabgraft.ray

    def kill(event):
        if event["event"] == "epoch":
            for process in processes("ray::train")[:1]:
                os.kill(process, signal.SIGKILL)

    with listening(kill), pytest.raises((ray.exceptions.RayTaskError, ray.exceptions.WorkerCrashedError)):
        tabgraft.ray.fit(there, n_workers=2, max_failures=0, **LONG)

    def interrupt(event):
        if event["event"] == "epoch":
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with listening(interrupt), pytest.raises(KeyboardInterrupt):
            tabgraft.ray.fit(there, n_workers=2, **LONG)
    finally:
        signal.signal(signal.SIGINT, before)
    end = time.monotonic() + 60
    while processes("ray::train") and time.monotonic() < end:
        time.sleep(0.1)
    assert processes("ray::train") == []


def digest(frame):
    """One number for each row, whatever their order."""
    return sorted(hashlib.blake2b(repr(row).encode(), digest_size=16).hexdigest() for row in frame.itertuples(index=False))


class Killed(Scorer):
    """A scorer of which one process, once, is killed when it has scored two batches and is at the third."""

    marker = Path()
    n_batches = 0

    def __call__(self, batch):
        scored = super().__call__(batch)
        self.n_batches += 1
        if self.n_batches == 3 and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return scored


def test_datasets_are_scored_and_a_killed_worker_leaves_nothing_out_and_nothing_twice(
    ray, loans, parts, there, two, alone, tmp_path, monkeypatch
):
    import tabgraft.ray

    two.save(tmp_path / "two.tabgraft")
    vectors = tabgraft.ray.embed(tmp_path / "two.tabgraft", parts, keep=["age"], n_workers=2).to_pandas()
    assert vectors.columns[:2].tolist() == ["age", "z0"] and len(vectors) == 1000
    wanted = pd.DataFrame(two.embed(loans), columns=[f"z{i}" for i in range(16)])
    assert digest(vectors.drop(columns="age")) == digest(wanted)

    engineer = tabgraft.FeatureEngineer([{"name": "monthly", "formula": "credit_amount / duration"}])
    made = engineer.fit_transform(loans)
    assert digest(tabgraft.ray.apply(engineer, there).to_pandas()) == digest(made)

    plain = alone.predict(loans)
    wanted = pd.DataFrame({"age": loans["age"], "p_1": plain.probabilities[:, 1]})
    Killed.marker = tmp_path / "killed"
    monkeypatch.setattr(tabgraft.ray, "Scorer", Killed)
    scored = tabgraft.ray.predict(alone, there, keep=["age"], n_workers=2, batch_size=50).to_pandas()
    assert Killed.marker.exists()
    assert len(scored) == 1000 and digest(scored[["age", "p_1"]]) == digest(wanted)


def test_without_ray_or_a_cluster_the_error_says_what_to_do():
    for code, part in [
        ("import sys; sys.modules['ray'] = None", "tabgraft[ray]"),
        ("import ray", "call ray.init() first"),
    ]:
        if "import ray" in code:
            pytest.importorskip("ray", reason="ray is not installed")
        code += "\nimport tabgraft.ray\ntry: tabgraft.ray.fit('loans.parquet')\nexcept Exception as error: print(error)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
        assert part in done.stdout, done.stdout + done.stderr
