"""Good manners: threads, signals, logging, progress, pickles, import time."""

import copy
import gc
import io
import logging
import os
import pickle
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
import types

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest

import tabgraft
from conftest import FIXTURE
from featrix.neural.input_data_set import FeatrixInputDataSet
from featrix.neural.single_predictor import SinglePredictor


def child(code: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def test_importing_is_quick_and_pulls_no_pandas():
    code = """
        import sys, time
        start = time.perf_counter()
        import tabgraft
        seconds = time.perf_counter() - start
        heavy = {"pandas", "pyarrow", "polars", "sklearn", "numpy"} & sys.modules.keys()
        print(seconds, sorted(heavy))
    """
    best = min((child(code).stdout.split(" ", 1) for _ in range(3)), key=lambda out: float(out[0]))
    assert float(best[0]) < 1.0 and best[1].strip() == "[]"


def test_other_threads_run_during_work(early):
    ticks, done = 0, threading.Event()

    def work():
        tabgraft.EmbeddingSpace.fit(early, ignore=["target"], n_epochs=20)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        time.sleep(0.001)
        ticks += 1
    thread.join()
    assert ticks > 50


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_stops_soon_and_leaves_a_usable_space():
    code = f"""
        import os, signal, threading, time
        from featrix.neural.embedded_space import EmbeddingSpace
        from featrix.neural.input_data_set import FeatrixInputDataSet
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores the signal
        parts = FeatrixInputDataSet({str(FIXTURE)!r}, ignore_cols=["default"]).split()
        es = EmbeddingSpace(*parts, n_epochs=10_000)
        sent = []
        def send():
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)
        threading.Timer(1.5, send).start()
        try:
            es.train()
            print("not interrupted")
        except KeyboardInterrupt:
            print("stopped after", time.perf_counter() - sent[0])
        print(es.embed({str(FIXTURE)!r}).shape, es.training_info["stop_reason"])
    """
    ran = child(code)
    first, second = ran.stdout.splitlines()
    assert first.startswith("stopped after") and float(first.split()[-1]) < 5.0, ran.stdout + ran.stderr
    assert second == "(1000, 128) interrupted"


@pytest.fixture
def ctrl_c():
    """Python's own handler: a shell starts background jobs with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupted_call_that_makes_an_object_raises(early, ctrl_c):
    main = threading.get_ident()
    timer = threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        tabgraft.EmbeddingSpace.fit(early, ignore=["target"], n_epochs=10_000, auto_epochs=False)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupted_training_replaces_no_older_file(early, ctrl_c, tmp_path):
    parts = FeatrixInputDataSet(early, ignore_cols=["target"]).split()
    main = threading.get_ident()
    for older in (None, b"older"):
        es = tabgraft.EmbeddingSpace(*parts, n_epochs=10_000, name="kept", output_dir=tmp_path)
        file = tmp_path / "kept.tabgraft"
        if older is not None:
            file.write_bytes(older)
        threading.Timer(0.5, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            es.train()
        assert es.is_trained
        if older is None:
            assert tabgraft.EmbeddingSpace.load(file).training_info["stop_reason"] == "interrupted"
        else:
            assert file.read_bytes() == older


def test_where_nothing_can_be_saved_nothing_is_trained(early, tmp_path):
    parts = FeatrixInputDataSet(early, ignore_cols=["target"]).split()
    file = tmp_path / "file"
    file.write_text("no folder")
    es = tabgraft.EmbeddingSpace(*parts, n_epochs=10_000, output_dir=file)
    with pytest.raises(tabgraft.OptionError, match="is no folder"):
        es.train()
    assert not es.is_trained
    space = tabgraft.EmbeddingSpace.fit(early, ignore=["target"], n_epochs=1, d_model=16)
    single = SinglePredictor(space, qa_dir=file)
    single.prep_for_training(early, "target", "set")
    with pytest.raises(tabgraft.OptionError, match="is no folder"):
        single.train_blocking(n_epochs=100)


@pytest.mark.skipif(sys.platform == "win32", reason="modes, links and pipes of POSIX")
def test_a_file_keeps_its_mode_a_link_its_target_and_a_pipe_itself(early, tmp_path):
    space = tabgraft.EmbeddingSpace.fit(early, ignore=["target"], n_epochs=1, d_model=16)
    real, link, pipe = (tmp_path / name for name in ("real", "link", "pipe"))
    space.save(real)
    real.chmod(0o600)
    link.symlink_to(real)
    space.save(link)
    assert link.is_symlink() and stat.S_IMODE(real.stat().st_mode) == 0o600
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    space.save(pipe)
    reader.join()
    assert read == [space.to_bytes()] and stat.S_ISFIFO(pipe.lstat().st_mode)


def test_names_are_shown_and_not_obeyed(early, capsys, caplog):
    name = "a\x1b[2J\u202e\nerror: forged"
    frame = early.rename(columns={"age": name})
    space = tabgraft.EmbeddingSpace.fit(
        frame, ignore=["target"], n_epochs=1, d_model=16, name=name, progress=True
    )
    with caplog.at_level(logging.DEBUG, logger="tabgraft"):
        space.embed(early.rename(columns={"age": name + "2"}))
    with pytest.raises(tabgraft.SchemaError) as raised:
        tabgraft.Predictor.fit(space, frame, name + "3")
    shown = capsys.readouterr().err + "".join(r.getMessage() for r in caplog.records) + str(raised.value)
    assert "\\u{1b}[2J" in shown and not set(shown) & {"\x1b", "\u202e"} and "\nerror: forged" not in shown


def test_an_interrupt_while_a_frame_is_read_is_not_lost(early, monkeypatch):
    class Interrupting:
        @staticmethod
        def from_pandas(*_, **__):
            raise KeyboardInterrupt

    pyarrow = types.ModuleType("pyarrow")
    pyarrow.Table = Interrupting
    monkeypatch.setitem(sys.modules, "pyarrow", pyarrow)
    with pytest.raises(KeyboardInterrupt):
        tabgraft.EmbeddingSpace.fit(early, ignore=["target"], n_epochs=1)


def test_progress_goes_to_standard_error_and_can_be_turned_off(early, capsys):
    options = {"ignore": ["target"], "n_epochs": 3, "d_model": 16}
    tabgraft.EmbeddingSpace.fit(early, progress=False, **options)
    assert capsys.readouterr().err == ""
    tabgraft.EmbeddingSpace.fit(early, progress=True, name="bar", **options)
    out, err = capsys.readouterr()
    assert out == "" and "bar: " in err and "epoch 3/3" in err and err.endswith("\n")


def test_without_standard_error_nothing_breaks(early, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    tabgraft.EmbeddingSpace.fit(early, ignore=["target"], n_epochs=1, d_model=16, progress=True)


def test_a_broken_standard_error_ends_the_work_with_its_own_error(early, monkeypatch):
    class Broken(io.StringIO):
        def write(self, text):
            raise OSError("the pipe is gone")

    monkeypatch.setattr(sys, "stderr", Broken())
    with pytest.raises(OSError, match="the pipe is gone"):
        tabgraft.EmbeddingSpace.fit(early, ignore=["target"], n_epochs=500, progress=True)


def test_a_column_that_is_mostly_unseen_is_a_warning_with_an_example(tmp_path, caplog):
    rng = np.random.default_rng(0)
    zips = rng.choice(["01067", "04109", "80331"], 300)
    frame = pd.DataFrame({"zip": zips, "kind": rng.choice(["a", "b"], 300), "target": (zips == "01067").astype(int)})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    space = tabgraft.EmbeddingSpace.fit(tmp_path / "rows.csv", ignore=["target"], n_epochs=1, d_model=16)
    predictor = tabgraft.Predictor.fit(space, tmp_path / "rows.csv", "target", n_epochs=1, n_networks=2)
    numbers = pd.read_csv(tmp_path / "rows.csv")
    caplog.clear()  # what the fit said is of the fit
    with caplog.at_level(logging.WARNING, "tabgraft"):
        space.embed(frame)
        predictor.predict(frame)
    assert not caplog.records
    for use in (space.embed, predictor.predict, lambda data: predictor.evaluate(data, rows="all")):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "tabgraft"):
            use(numbers)
        [record] = caplog.records
        for part in ("column `zip`", "of 300 cells", "`80331`", "`01067`", "zeros in front that are lost"):
            assert part in record.getMessage()


def test_a_cell_that_cannot_be_read_is_an_error_or_on_request_a_missing_cell_that_is_told(tmp_path, caplog):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=300), "day": pd.date_range("2024-01-01", periods=300)})
    frame["day"] = frame["day"].dt.strftime("%d.%m.%Y")
    frame["price"] = 3 * frame["size"] + rng.normal(size=300)
    space = tabgraft.EmbeddingSpace.fit(frame, ignore=["price"], n_epochs=1, d_model=16)
    predictor = tabgraft.Predictor.fit(space, frame, "price", n_epochs=1, n_networks=2)
    broken, empty = frame.astype(object), frame.copy()
    for row, column, cell in [(7, "size", "12 EUR"), (9, "size", "?!"), (8, "day", "31.02.2024"), (3, "price", "n.a.")]:
        broken.loc[row, column] = cell
        empty.loc[row, column] = None
    broken.to_csv(tmp_path / "broken.csv", index=False)
    uses = {
        "embed": space.embed,
        "predict": lambda data, **options: predictor.predict(data, **options).labels,
        "evaluate": lambda data, **options: [dict(s) for s in predictor.evaluate(data, rows="all", **options)],
    }
    for name, use in uses.items():
        with pytest.raises(tabgraft.DataError, match="row 7: `12 EUR` is not a number|row 3: `n.a.` is not a number"):
            use(broken)
        with pytest.raises(tabgraft.OptionError, match="option `errors` is `ignore`, allowed is `error` or `missing`"):
            use(broken, errors="ignore")
        for data in (broken, pl.from_pandas(broken.astype(str)), tmp_path / "broken.csv"):
            caplog.clear()
            with caplog.at_level(logging.WARNING, "tabgraft"):
                found = use(data, errors="missing")
            np.testing.assert_equal(found, use(empty))
            told = [record.getMessage() for record in caplog.records]
            assert len(told) == (3 if name == "evaluate" else 2), told
            [size] = [text for text in told if "column `size`" in text]
            assert "2 of 300 cells cannot be read as a number and count as missing" in size
            is_file = not hasattr(data, "columns")
            assert f"the first is `12 EUR` in {'line 9' if is_file else 'row 7'}" in size
            [day] = [text for text in told if "column `day`" in text]
            assert "1 of 300 cells cannot be read as a date or time" in day and f"`31.02.2024` in {'line 10' if is_file else 'row 8'}" in day


def test_notes_and_warnings_are_log_records(space, credit, caplog):
    with caplog.at_level(logging.DEBUG, "tabgraft"):
        space.embed(credit)
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "no codec" in caplog.text and "`checking_status`" in caplog.text


def test_pickles_carry_the_safe_file(space, predictor, early):
    for model, embed in [(space, lambda m: m.embed(early)), (predictor, lambda m: m.predict(early).probabilities)]:
        carried = pickle.dumps(model)
        assert model.to_bytes() in carried, "the file's own bytes, nothing else"
        for twin in (pickle.loads(carried), copy.deepcopy(model), copy.copy(model)):
            np.testing.assert_array_equal(embed(twin), embed(model))
    truncated = pickle.dumps(space).replace(space.to_bytes(), space.to_bytes()[:-8] + b"garbage!")
    with pytest.raises(tabgraft.TabgraftError):
        pickle.loads(truncated)


def test_another_process_loads_what_this_one_saved(space, early, tmp_path):
    space.save(tmp_path / "v1.pkl")
    early.to_csv(tmp_path / "early.csv", index=False)
    code = """
        import sys, tabgraft
        space = tabgraft.EmbeddingSpace.load(sys.argv[1])
        print(space.embed(sys.argv[2]).sum())
    """
    ran = child(code, str(tmp_path / "v1.pkl"), str(tmp_path / "early.csv"))
    assert float(ran.stdout) == pytest.approx(float(space.embed(early).sum()), rel=1e-3), ran.stderr


def test_joblib_sends_models_to_workers(space, early):
    parts = [early.iloc[i : i + 250] for i in range(0, 1000, 250)]
    made = joblib.Parallel(n_jobs=2)(joblib.delayed(space.embed)(part) for part in parts)
    np.testing.assert_array_equal(np.concatenate(made), space.embed(early))


def test_one_object_serves_many_threads(space, early):
    expected, found = space.embed(early), []

    def work():
        for _ in range(5):
            found.append(np.array_equal(space.embed(early), expected))

    threads = [threading.Thread(target=work) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(found) == 40 and all(found)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
def test_embedding_again_and_again_leaks_nothing(space, early):
    def pages() -> int:
        gc.collect()
        return int(open("/proc/self/statm").read().split()[1])

    for _ in range(10):
        space.embed(early)
    before = pages()
    for _ in range(100):
        space.embed(early)
    assert pages() - before < 5000, "100 frames and results of 0.2 MB would be 5,000 pages"
