"""German Credit, and one small space that many tests share."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import tabgraft

ROOT = Path(__file__).parents[2]
FIXTURE = ROOT / "fixtures" / "german_credit.csv"
LATE = ["checking_status", "savings_status", "credit_history"]


def program() -> str | None:
    """The command ``tabgraft``: that of ``TABGRAFT_BINARY``, the one that was built here, or one that is installed."""
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "tabgraft"
    places = [os.environ.get("TABGRAFT_BINARY"), str(built) if built.exists() else None, shutil.which("tabgraft")]
    return next((place for place in places if place), None)


def environment_with_program() -> dict[str, str]:
    """The environment, in which the command is found by its name."""
    folder = str(Path(program() or "tabgraft").resolve().parent)
    return {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", "")}


needs_program = pytest.mark.skipif(
    program() is None, reason="the command `tabgraft` is not built: cargo build --release"
)


@pytest.fixture(scope="session")
def wrongly_named():
    """What is wrong with the tests and benchmarks that a page names in the cell of a table, each as text."""

    def find(shown: str) -> list[str]:
        if not re.fullmatch(r"`[^`]+`(, `[^`]+`)*", shown):
            return [f"not a list of names: {shown}"]
        wrong = []
        for named in re.findall(r"`([^`]+)`", shown):
            path, _, name = named.partition("::")
            word = "def" if path.endswith(".py") else "fn"
            if not (ROOT / path).is_file():
                wrong.append(f"there is no file {path}")
            elif not name and not path.startswith("benches/"):
                wrong.append(f"{path} is no test")
            elif name and not re.search(
                rf"^\s*{word} {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE
            ):
                wrong.append(f"{path} has no {name}")
        return wrong

    return find


@pytest.fixture(scope="session")
def credit() -> pd.DataFrame:
    """German Credit, its target renamed to ``target``."""
    return pd.read_csv(FIXTURE).rename(columns={"default": "target"})


@pytest.fixture(scope="session")
def early(credit: pd.DataFrame) -> pd.DataFrame:
    """Without the three columns that arrive later."""
    return credit.drop(columns=LATE)


@pytest.fixture(scope="session")
def space(early: pd.DataFrame) -> tabgraft.EmbeddingSpace:
    """A small space of the early columns."""
    return tabgraft.EmbeddingSpace.fit(early, ignore=["target"], name="v1", n_epochs=6, d_model=32)


@pytest.fixture(scope="session")
def predictor(space: tabgraft.EmbeddingSpace, early: pd.DataFrame) -> tabgraft.Predictor:
    """A small predictor on it, with learners of every kind."""
    return tabgraft.Predictor.fit(space, early, "target", n_epochs=5, n_networks=2, effort="best")


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The site of the documentation, built once."""
    for package in ("sphinx", "pydata_sphinx_theme"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    out = tmp_path_factory.mktemp("site")
    # As errors: links that lead nowhere, pages that no list names, texts of the API that are no reStructuredText.
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", str(out / "trees")]
    built = subprocess.run([*command, str(ROOT / "docs"), str(out / "html")], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return out / "html"


@pytest.fixture
def in_folder(tmp_path, monkeypatch, credit):
    """An empty working folder with ``credit.csv`` in it, as the described scripts expect."""
    monkeypatch.chdir(tmp_path)
    credit.to_csv("credit.csv", index=False)
    return tmp_path
