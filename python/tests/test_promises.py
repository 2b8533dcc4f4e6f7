"""The page of promises names tests that exist, for every promise."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "promises.md").read_text(encoding="utf-8")
TABLES = re.findall(r"^\| promise \| shown by \|\n\|---\|---\|\n((?:\|.*\|\n)+)", TEXT, re.MULTILINE)
ROWS = [re.fullmatch(r"\| (.+?) \| (.+) \|", line).groups() for table in TABLES for line in table.splitlines()]


def test_every_promise_is_shown_by_tests_that_exist(wrongly_named):
    assert len(TABLES) == TEXT.count("| promise |") and len(ROWS) > 20
    wrong = {promise: wrongly_named(shown) for promise, shown in ROWS}
    assert not any(wrong.values()), wrong


def test_a_name_that_is_none_is_found(wrongly_named):
    here = "python/tests/test_promises.py"
    assert wrongly_named("no test") and wrongly_named("`absent.py::test_x`") and wrongly_named(f"`{here}::test_x`")
    assert wrongly_named(f"`{here}`") and not wrongly_named(f"`{here}::test_a_name_that_is_none_is_found`")
