"""Every Python block of the guide runs, and its table of defaults tells the truth."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import FIXTURE, environment_with_program
from conftest import program as command

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
PAGES = [*sorted(GUIDE.glob("*.md")), *sorted((GUIDE.parent / "tutorials").glob("*.md"))]
WITHOUT_BLOCKS = {"README.md", "answers.md", "described-system.md", "index.md"}
# Packages of pages about other programs; where one is not installed its page is skipped.
NEEDS = {
    "onnx": ["onnxruntime"],
    "sql": ["duckdb"],
    "engines": ["duckdb", "polars"],
    "spark": ["pyspark"],
    "dask": ["dask.dataframe"],
    "ray": ["ray", "xgboost"],
    "mlflow": ["mlflow"],
    "plots": ["matplotlib"],
    "vector-stores": ["pyarrow"],
    "faiss": ["faiss"],
    "lancedb": ["lancedb"],
}
# Pages that start the command.
NEED_THE_PROGRAM = {"serving", "served"}
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def program(page: Path) -> str:
    """The blocks of a page, each on the lines where it stands, so that an error names its line."""
    text = page.read_text(encoding="utf-8")
    lines = [""] * text.count("\n")
    for block in BLOCK.finditer(text):
        first = text[: block.start(1)].count("\n")
        for i, line in enumerate(block[1].splitlines()):
            lines[first + i] = line
    return "\n".join(lines)


@pytest.mark.parametrize("page", [p for p in PAGES if p.name not in WITHOUT_BLOCKS], ids=lambda page: page.stem)
def test_the_blocks_of_a_page_run(page, tmp_path):
    for package in NEEDS.get(page.stem, []):
        pytest.importorskip(package, reason=f"{package} is not installed")
    if page.stem in NEED_THE_PROGRAM and command() is None:
        pytest.skip("the command `tabgraft` is not built")
    text = page.read_text(encoding="utf-8")
    assert "`credit.csv` is `fixtures/german_credit.csv`" in text.split("\n\n")[1]
    assert text.count("```python") == len(BLOCK.findall(text)) > 0
    shutil.copy(FIXTURE, tmp_path / "credit.csv")
    run_blocks(page, tmp_path)


def test_the_block_of_the_readme_runs(tmp_path):
    (tmp_path / "fixtures").mkdir()
    shutil.copy(FIXTURE, tmp_path / "fixtures" / FIXTURE.name)
    run_blocks(GUIDE.parents[1] / "README.md", tmp_path)


def test_the_block_of_the_first_page_runs(tmp_path):
    shutil.copy(FIXTURE, tmp_path / "credit.csv")
    run_blocks(GUIDE.parent / "index.md", tmp_path)


def run_blocks(page: Path, folder: Path) -> None:
    runner = "import sys; exec(compile(sys.stdin.buffer.read(), sys.argv[1], 'exec'), {'__name__': '__main__'})"
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", runner, page.name],
        input=program(page).encode(),
        cwd=folder,
        capture_output=True,
        timeout=300,
        env={**environment_with_program(), "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_links_lead_somewhere_and_the_index_names_every_page():
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert link.startswith("https:") or (page.parent / link).exists(), f"{page.name}: {link}"
    index = (GUIDE / "README.md").read_text(encoding="utf-8")
    assert [p.name for p in GUIDE.glob("*.md") if f"({p.name})" not in index] == ["README.md"]


def test_the_defaults_are_those_of_the_code():
    from featrix.neural.embedded_space import EmbeddingSpace
    from featrix.neural.feature_engineer import FeatureEngineer
    from featrix.neural.input_data_set import FeatrixInputDataSet
    from featrix.neural.simple_mlp import SimpleMLP
    from featrix.neural.single_predictor import SinglePredictor

    classes = {c.__name__: c for c in [EmbeddingSpace, FeatureEngineer, FeatrixInputDataSet, SimpleMLP, SinglePredictor]}
    text = (GUIDE / "featrix-neural.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)(?:\.(\w+))?` \| `(\w+)` \| `([^`]+)` \|", text, re.MULTILINE)
    assert len(rows) == text.split("## Defaults")[1].split("##")[0].count("\n| `") > 10
    for name, method, argument, default in rows:
        called = getattr(classes[name], method) if method else classes[name]
        found = inspect.signature(called).parameters[argument].default
        assert found == ast.literal_eval(default), f"{name}.{method}({argument}={found!r})"
