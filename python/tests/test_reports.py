"""Pages of models: valid facts, one script that the policy names, and, in a browser, pages that everybody can use.

The browser's tests are skipped where Chromium or chromedriver is not installed, as those of the server's page.
`TABGRAFT_SCREENSHOTS` names a folder for pictures.
"""

import base64
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import tabgraft
from conftest import needs_program, program
from test_page import AXE, CHROMIUM, DRAWING, DRIVER, Browser, lightness

FOLDER = Path(__file__).parents[2] / "docs" / "schema"
SCHEMAS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")}
REGISTRY = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items())
VALIDATOR = Draft202012Validator(SCHEMAS["report.schema.json"], registry=REGISTRY)
FAST = {"n_epochs": 3, "progress": False}
HOSTILE = "<script>alert(1)</script> \"' \u202e\u05d0 `x`"
KINDS = ["space", "graft", "judged", "refused", "predictor", "number", "pair", "spaces", "folder", "registry", "search"]

needs_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"
)


@pytest.fixture(scope="module")
def reports(space, predictor, early, credit, tmp_path_factory):
    """A report of every kind."""
    folder = tmp_path_factory.mktemp("reports")
    child = space.extend(credit, mode="anchored", drift_bound=0.05, name="v2", **FAST)
    judged = space.extend(credit, keep="if_not_worse", target="target", name=HOSTILE, **FAST)
    noise = early.assign(**{HOSTILE: [i * 37 % 11 for i in range(len(early))]})
    refusing = space.extend(noise, keep="if_not_worse", target="target", name="v3", **FAST)
    number = tabgraft.Predictor.fit(space, credit, "target", target_kind="scalar", n_networks=2, **FAST)
    better = tabgraft.Predictor.fit(child, credit, "target", n_networks=2, name="better", **FAST)
    for name, model in {"v1": space, "v2": child, "p1": predictor}.items():
        model.save(folder / f"{name}.tabgraft")
    registry = tabgraft.Registry(folder / "registry", create=True)
    registry.add(space)
    registry.promote("v1", note="the first <one>")
    tabgraft.discover(space, early, "target", n_judged=6, budget_s=2, progress=False).write(folder / "search")
    made = {
        "space": space.report(),
        "graft": child.report(credit, colour_by="age"),
        "judged": judged.report(credit),
        "refused": refusing.report(),
        "predictor": predictor.report(credit),
        "number": number.report(credit),
        "pair": better.report(credit, before=predictor),
        "spaces": child.report(credit, before=space, target="target"),
        "folder": tabgraft.Report.of_folder(folder),
        "registry": tabgraft.Report.of_folder(folder / "registry"),
        "search": tabgraft.Report.of_features(folder / "search"),
    }
    assert list(made) == KINDS
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_facts_are_valid_and_pages_are_whole_and_small(reports, kind):
    report = reports[kind]
    facts = json.loads(report.to_json())
    assert [f"{list(e.path)}: {e.message}"[:300] for e in VALIDATOR.iter_errors(facts)] == []
    assert facts == report.to_dict() and facts["headline"] == report.headline
    page = report.html
    assert page.startswith("<!DOCTYPE html>") and page.endswith("</html>\n") and len(page.encode()) < 1_000_000
    assert page.count("<script>") == 1 and "\u202e" not in page
    for word in ("roc_auc", "pr_auc", "log_loss", "balanced_accuracy"):
        assert word not in page, f"{word} is written otherwise"
    text = re.sub(r"<script>.*?</script>|<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert not re.search(r"[\s(\[]-\d+\.\d", text), "a minus sign is another"


def test_the_policy_of_a_page_names_its_script_and_nothing_else(reports):
    page = reports["space"].html
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.endswith(f"script-src 'sha256-{digest}'")
    assert policy.startswith("default-src 'none';") and "http" not in policy


def test_a_report_in_a_notebook_is_a_frame_of_its_own(reports):
    shown = reports["predictor"]._repr_html_()
    assert shown.startswith("<iframe ") and shown.count('"') == 8 and "allow-same-origin" not in shown
    assert repr(reports["space"]).startswith("Report(v1 is an embedding space")


@needs_program
def test_the_command_writes_the_same_bytes(space, predictor, early, tmp_path):
    space.save(tmp_path / "space")
    predictor.save(tmp_path / "predictor")
    early.to_csv(tmp_path / "early.csv", index=False)
    for model, name in [(space, "space"), (predictor, "predictor")]:
        model.report(tmp_path / "early.csv").save(tmp_path / "here.html")
        command = [program(), "--quiet", "report", tmp_path / name, tmp_path / "early.csv", "-o", tmp_path / "there.html"]
        subprocess.run(command, check=True)
        assert (tmp_path / "here.html").read_bytes() == (tmp_path / "there.html").read_bytes()


def test_what_makes_no_page_is_an_error_of_the_package(space, predictor, credit, tmp_path):
    with pytest.raises(tabgraft.OptionError, match="max_rows"):
        space.report(credit, max_rows=3)
    with pytest.raises(tabgraft.SchemaError, match="colour"):
        space.report(credit, colour_by="colour")
    with pytest.raises(tabgraft.TabgraftError):
        tabgraft.Report.of_folder(tmp_path)
    with pytest.raises(tabgraft.TabgraftError):
        predictor.report(credit[[]].assign(other=1))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def pages(reports, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for kind, report in reports.items():
        report.save(folder / f"{kind}.html")
    return folder


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_used_by_everybody(browser, pages, width, scheme):
    browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.devtools(
        "Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=width < 600
    )
    for kind in KINDS:
        browser.open(f"file://{pages}/{kind}.html")
        # Not by what the browser says is the window's width: on a phone that grows with what does not fit.
        found = browser.run("return document.documentElement.scrollWidth")
        assert found <= width, f"{kind} is {found} pixels wide"
        first = browser.run("return document.querySelector('.headline .first').getBoundingClientRect().bottom")
        assert first < 844, f"{kind}: what is to know first is not on the first screen"
        # What a table is there for stands beside its names, on a phone too.
        cut = """return [...document.querySelectorAll('#worth ~ .beside tbody tr:first-child td:nth-child(2), #values ~ .tabled svg.bars')]
            .filter((one) => one.getBoundingClientRect().right > arguments[0]).length"""
        assert browser.run(cut, width) == 0, f"{kind}: figures are beyond the edge"
        if AXE.is_file():
            browser.run(AXE.read_text(encoding="utf-8"))
            found = browser.run_async("axe.run().then(arguments[arguments.length - 1])")
            problems = [f"{kind}: {v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]]
            assert problems == []
        pictures = os.environ.get("TABGRAFT_SCREENSHOTS")
        if pictures:
            height = browser.run("return document.documentElement.scrollHeight")
            shot = browser.devtools(
                "Page.captureScreenshot",
                captureBeyondViewport=True,
                clip={"x": 0, "y": 0, "width": width, "height": min(height, 9000), "scale": 1},
            )
            Path(pictures, f"report_{kind}_{width}_{scheme}.png").write_bytes(base64.b64decode(shot["data"]))
    assert browser.complaints() == []


@needs_browser
def test_a_drawing_of_versions_is_dark_where_the_page_is(browser, pages):
    for scheme in ("light", "dark"):
        browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for kind in ("graft", "predictor", "folder"):
            browser.open(f"file://{pages}/{kind}.html")
            body, paper, box, ink = browser.run(DRAWING)
            assert paper == body, kind
            assert (lightness(box) < 100) == (scheme == "dark") and abs(lightness(box) - lightness(ink)) > 150, kind


@needs_browser
def test_tables_sort_and_filter_and_links_lead_somewhere(browser, pages):
    browser.open(f"file://{pages}/predictor.html")
    rows = "return [...document.querySelectorAll('#worth ~ .beside tbody tr')].filter(r => !r.hidden).map(r => r.cells[0].textContent)"
    before = browser.run(rows)
    assert len(before) == 17
    browser.run("document.querySelector('#worth ~ .beside thead button').click()")
    assert browser.run(rows) == sorted(before, key=str.lower)
    browser.run("document.querySelector('#worth ~ .beside thead button').click()")
    assert browser.run(rows) == sorted(before, key=str.lower, reverse=True)
    # Numbers sort as numbers.
    browser.run("document.querySelectorAll('#worth ~ .beside thead button')[2].click()")
    assert browser.run(rows) == before
    browser.type("#worth ~ .beside input", "dur")
    assert browser.run(rows) == ["duration"]
    for link in browser.run("return [...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))"):
        assert browser.run("return document.querySelector(arguments[0]) !== null", link), link
    assert browser.complaints() == []
