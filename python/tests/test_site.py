"""The site of the documentation is built without a warning, and fetches nothing."""

import re

from conftest import ROOT

PAGE_WORDS = {"index": "graft", "api": "extend_from_existing", "benchmarks": "benches/quality.py", "guide/grafting": "drift"}


def test_pages_say_what_they_are_for(site):
    for page, word in PAGE_WORDS.items():
        assert word in (site / f"{page}.html").read_text(encoding="utf-8"), page


def test_every_page_has_its_text_beside_it_and_is_listed(site):
    listed = re.findall(r"\]\((.*?)\)", (site / "llms.txt").read_text(encoding="utf-8"))
    sources = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert set(listed) == sources
    for name in listed:
        assert (site / name).read_bytes() == (ROOT / "docs" / name).read_bytes()
        assert (site / name).with_suffix(".html").exists(), name


def test_a_page_fetches_nothing_from_elsewhere(site):
    fetched = re.compile(r"""<(?:script|img|iframe|link rel="stylesheet")[^>]*(?:src|href)="(?:https?:)?//""")
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 60
    for page in pages:
        assert not fetched.search(page.read_text(encoding="utf-8")), page


def test_every_example_is_on_its_page():
    shown = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    programs = [p for p in (ROOT / "examples").glob("*.py") if p.name != "make_notebooks.py"]
    programs += (ROOT / "crates" / "tabgraft" / "examples").glob("*.rs")
    assert len(programs) > 8
    for program in programs:
        assert f"../{program.relative_to(ROOT)}\n" in shown, program
