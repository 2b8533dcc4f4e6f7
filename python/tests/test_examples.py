"""Every example runs, as a script and as a notebook, and leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import environment_with_program, program

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path for path in EXAMPLES.glob("*.py") if path.name != "make_notebooks.py")
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
# Examples that start the command.
NEED_THE_PROGRAM = {"in_use"}


def name(path: Path) -> str:
    return path.stem


def run(*arguments, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**environment_with_program(), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def skip_without_program(path: Path) -> None:
    if path.stem in NEED_THE_PROGRAM and program() is None:
        pytest.skip("the command `tabgraft` is not built")


@pytest.fixture
def nothing_left(tmp_path):
    """A working folder that is empty before and after, as the folder of the examples is unchanged."""
    before = sorted(EXAMPLES.iterdir())
    yield tmp_path
    assert list(tmp_path.iterdir()) == [] and sorted(EXAMPLES.iterdir()) == before


def test_notebooks_are_made_from_the_scripts():
    run(EXAMPLES / "make_notebooks.py", "--check", folder=EXAMPLES)
    assert [p.stem for p in SCRIPTS] == [p.stem for p in NOTEBOOKS]


def test_the_table_of_examples_is_complete():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    listed = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert listed == {p.stem for p in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_a_script_runs_from_any_folder(script, nothing_left):
    skip_without_program(script)
    assert run(script, folder=nothing_left)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_a_notebook_runs(notebook, nothing_left, monkeypatch):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    skip_without_program(notebook)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PATH", environment_with_program()["PATH"])
    made = nbformat.read(notebook, as_version=4)
    nbformat.validate(made)
    assert all(cell.get("outputs", []) == [] for cell in made.cells), "no outputs in the repository"
    nbclient.NotebookClient(
        made, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(EXAMPLES)}}
    ).execute()
    assert any(cell.get("outputs") for cell in made.cells)


def test_first_steps_needs_numpy_alone(nothing_left):
    blocked = dict.fromkeys(["pandas", "pyarrow", "polars", "sklearn", "scipy"])
    code = f"import runpy, sys; sys.modules.update({blocked}); runpy.run_path(sys.argv[1])"
    assert run("-c", code, EXAMPLES / "first_steps.py", folder=nothing_left)
