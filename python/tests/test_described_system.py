"""The page that goes through the described system names tests that exist, and counts its rows rightly."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "guide" / "described-system.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+)\.(\d+) \| (.+) \| (.+) \| (.+) \|$", TEXT, re.MULTILINE)


def test_every_test_and_benchmark_that_the_page_names_exists(wrongly_named):
    wrong = {(group, number): wrongly_named(shown) for group, number, _, _, shown in ROWS if shown != "no test"}
    assert not any(wrong.values()), wrong


def test_the_counts_at_the_top_are_those_of_the_rows():
    assert TEXT.count("\n| ") == len(ROWS) + TEXT.count("\n| | described |"), "every row is read"
    answers = [re.match("yes, and more|yes, in `frozen`|yes|not ours|differs", here)[0] for _, _, _, here, _ in ROWS]
    counts = re.search(
        r"^(\d+) statements: (\d+) hold, (\d+) are not ours, (\d+) differ, (\d+) have no test\.$", TEXT, re.MULTILINE
    )
    n_differ, n_not_ours = answers.count("differs"), answers.count("not ours")
    n_untested = sum(shown == "no test" for *_, shown in ROWS)
    n_hold = len(ROWS) - n_differ - n_not_ours
    assert [int(n) for n in counts.groups()] == [len(ROWS), n_hold, n_not_ours, n_differ, n_untested]


def test_rows_are_numbered_in_order():
    headings = re.findall(r"^## (\d+)\.", TEXT, re.MULTILINE)
    expected = [(g, str(i + 1)) for g in headings for i in range(sum(row[0] == g for row in ROWS))]
    assert [row[:2] for row in ROWS] == expected
