"""Writes the notebook of each example from its script; `--check` tells whether they agree.

A script is cut at its lines `# %%` (code) and `# %% [markdown]` (text). A notebook has a running
event loop already, so `asyncio.run(work)` of a script becomes `await work`.
"""

import argparse
import json
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def scripts() -> list[Path]:
    """The scripts that have a notebook."""
    return sorted(path for path in FOLDER.glob("*.py") if path.read_text(encoding="utf-8").startswith("# %%"))


def cells(script: str) -> list[dict]:
    """The cells of a script in the percent format, without outputs."""
    made = []
    for part in re.split(r"^# %%", script, flags=re.MULTILINE)[1:]:
        marker, body = part.split("\n", 1)
        is_text = marker.strip() == "[markdown]"
        lines = body.strip("\n").split("\n")
        if is_text:
            lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
        else:
            lines = [awaited(line) for line in lines if line != "import asyncio"]
        source = [line + "\n" for line in lines[:-1]] + lines[-1:]
        cell = {"cell_type": "markdown" if is_text else "code", "id": f"cell-{len(made) + 1}", "metadata": {}}
        if not is_text:
            cell |= {"execution_count": None, "outputs": []}
        made.append(cell | {"source": source})
    return made


def awaited(line: str) -> str:
    """`asyncio.run(work)` as `await work`."""
    return re.sub(r"asyncio\.run\((.*)\)$", r"await \1", line)


def notebook(script: Path) -> str:
    """The notebook's file, the same bytes for the same script."""
    content = {
        "cells": cells(script.read_text(encoding="utf-8")),
        "metadata": METADATA,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a notebook is out of date")
    check = parser.parse_args().check
    wanted = {script.with_suffix(".ipynb"): notebook(script) for script in scripts()}
    stale = [p for p, text in wanted.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    stale += sorted(set(FOLDER.glob("*.ipynb")) - set(wanted))
    if check and stale:
        raise SystemExit(f"out of date: {', '.join(p.name for p in stale)}; run python examples/make_notebooks.py")
    if not check:
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
            print(path.name)


if __name__ == "__main__":
    main()
