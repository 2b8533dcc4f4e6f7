"""What a terminal shows: lines that fit into it, a few colours where they are wanted; a pipe gets neither."""

import os
import re
import struct
import subprocess

import pytest

import tabgraft
from conftest import needs_program, program

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals")
fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")

pytestmark = needs_program
FAST = {"n_epochs": 2, "progress": False}
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def in_terminal(width: int, *arguments: object, **environment: str) -> str:
    """What the command writes to a terminal of this width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    own = {**os.environ, "TERM": "xterm", **environment}
    running = subprocess.Popen([program(), *map(str, arguments)], stdout=theirs, stderr=theirs, env=own)
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # Linux tells the end of a terminal so.
            piece = b""
        if not piece:
            break
        written += piece
    os.close(ours)
    running.wait(timeout=60)
    return written.decode().replace("\r\n", "\n")


def piped(*arguments: object) -> str:
    done = subprocess.run([program(), *map(str, arguments)], capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def commands(space, predictor, credit, early, tmp_path_factory):
    """Commands whose reports are for people, of models with long names of columns."""
    folder = tmp_path_factory.mktemp("terminal")
    names = {name: f"{name} as the bureau tells it every month" for name in credit.columns[:8]}
    child = space.extend(credit.rename(columns={name: names.get(name, name) for name in ("credit_history",)}), name="v2", **FAST)
    better = tabgraft.Predictor.fit(child, credit, "target", n_networks=2, name="better", **FAST)
    for name, model in {"v1": space, "v2": child, "p1": predictor, "p2": better}.items():
        model.save(folder / f"{name}.tabgraft")
    tabgraft.discover(space, early, "target", n_judged=4, budget_s=1, progress=False).write(folder / "found")
    credit.to_csv(folder / "credit.csv", index=False)
    return {
        "inspect": ["inspect", folder / "v2.tabgraft"],
        "schema": ["inspect", "--schema", folder / "v2.tabgraft"],
        "steps": ["inspect", "--lineage", folder / "v2.tabgraft"],
        "predictor": ["inspect", folder / "p2.tabgraft"],
        "lineage": ["lineage", folder],
        "predictors": ["lineage", "--predictors", folder],
        "compare": ["--quiet", "compare", folder / "p1.tabgraft", folder / "p2.tabgraft", folder / "credit.csv"],
        "effectiveness": ["effectiveness", folder / "found" / "feature_effectiveness.json"],
        "failure": ["inspect", folder / "nothing.tabgraft"],
    }


KINDS = ["inspect", "schema", "steps", "predictor", "lineage", "predictors", "compare", "effectiveness", "failure"]


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("kind", KINDS)
def test_lines_fit_and_nothing_is_lost(commands, kind, width):
    shown = in_terminal(width, *commands[kind], NO_COLOR="1")
    assert "\x1b" not in shown
    for line in shown.splitlines():
        # What has no space, such as a hash or a path, stays in one piece, so that it can be copied.
        assert len(line) <= width or " " not in line.strip(), line
    plain = piped(*commands[kind])
    if kind != "compare":  # whose fits take seconds that differ
        assert shown.split() == plain.split()


@pytest.mark.parametrize("kind", KINDS)
def test_colours_are_for_terminals_that_want_them(commands, kind):
    coloured = in_terminal(120, *commands[kind])
    assert COLOUR.sub("", coloured).split() == in_terminal(120, *commands[kind], NO_COLOR="1").split()
    assert "\x1b" not in in_terminal(120, *commands[kind], TERM="dumb") + piped(*commands[kind])
    if kind == "failure":
        assert re.search(r"\x1b\[[0-9;]*merror:\x1b\[0m", coloured)


def test_metrics_have_one_spelling_for_people_and_their_names_for_programs(commands):
    text, json = piped(*commands["compare"]), piped("--format", "json", *commands["compare"])
    assert "ROC AUC" in text and "roc_auc" not in text
    assert '"roc_auc"' in json and "ROC AUC" not in json
