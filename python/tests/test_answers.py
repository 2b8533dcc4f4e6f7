"""What strangers ask of models is at most two clicks away: every path of docs/guide/answers.md, walked in a browser."""

import re
import time

import pandas as pd
import pytest

import tabgraft
from conftest import ROOT, needs_program
from test_page import CHROMIUM, DRIVER, Browser
from test_serve import serving

FAST = {"n_epochs": 3, "progress": False}
PAGE = (ROOT / "docs" / "guide" / "answers.md").read_text(encoding="utf-8")
PATHS = {
    cells[0]: (cells[1], [click for click in cells[2].split(", ") if click])
    for line in PAGE.split("| question |")[1].splitlines()[2:]
    if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 4
}

pytestmark = [
    needs_program,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"),
]


@pytest.fixture(scope="module")
def models(space, credit, early):
    """A space that refused a graft, its judged child, and predictors on both."""
    # It tells the target on rows that are learned from, and its opposite on those that judge.
    telling = early["target"].where(space.split(early) != "test", 1 - early["target"])
    refusing = space.extend(early.assign(misleading=telling), keep="if_not_worse", target="target", name="v2", **FAST)
    assert refusing.refused_extensions, "the graft that misleads was kept"
    child = refusing.extend(credit, keep="if_not_worse", target="target", name="v3", **FAST)
    before = tabgraft.Predictor.fit(refusing, credit, "target", n_networks=2, name="p2", **FAST)
    after = tabgraft.Predictor.fit(child, credit, "target", n_networks=2, name="p3", **FAST)
    return {"refusing": refusing, "v3": child, "p2": before, "p3": after}


@pytest.fixture(scope="module")
def reports(models, credit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    registry = tabgraft.Registry(folder / "credit", create=True)
    for name in ("refusing", "v3"):
        registry.add(models[name])
        registry.promote(models[name].id, note=f"{name} goes out")
    registry.rollback(note="scores fell")
    tabgraft.discover(models["refusing"], credit, "target", n_judged=4, budget_s=2, progress=False).write(folder / "search")
    table = pd.concat([credit] * 30).assign(day=range(30 * len(credit)))
    made = {
        "model": models["v3"].report(table, target="target"),
        "predictor": models["p3"].report(credit),
        "both": models["p3"].report(credit, before=models["p2"]),
        "registry": tabgraft.Report.of_folder(folder / "credit"),
        "search": tabgraft.Report.of_features(folder / "search"),
        "refusing": models["refusing"].report(),
    }
    for name, report in made.items():
        report.save(folder / f"{name}.html")
    return folder, made


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    browser.devtools("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)
    yield browser
    browser.close()


# A link, a button or a summary by what it is called; of a box in a drawing by its first line.
FIND = """
const called = (one) => (one.querySelector('text') ?? one).textContent.trim().replace(/\\s+/g, ' ');
const all = [...document.querySelectorAll('a, button, summary')].filter((one) => one.checkVisibility());
const found = all.find((one) => called(one) === arguments[0]) ?? all.find((one) => called(one).startsWith(arguments[0]));
document.querySelectorAll('[data-click]').forEach((one) => one.removeAttribute('data-click'));
found?.setAttribute('data-click', '');
return found !== undefined;
"""
# What can be read where the last click led: an open summary, the section of the address, else the whole.
READ = """
const open = document.querySelector('details[open] > summary[data-click]')?.parentElement;
const place = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
const section = open ?? place?.closest('details, section') ?? document.querySelector('main, body');
const top = section.getBoundingClientRect().top;
return [section.innerText.replace(/\\s+/g, ' '), top > -40 && top < window.innerHeight || section.tagName === 'MAIN'];
"""


def plain(text):
    return re.sub(r"\s+", " ", text)


def walked(browser, url, clicks, wanted, **typed):
    """What is to be read at the end of a path, once `wanted` stands there or 20 seconds are over; before the last click
    cells are filled in."""
    browser.open(url)
    if not clicks:
        return plain(browser.text(".headline"))
    for click in clicks:
        until = time.monotonic() + 20
        while not browser.run(FIND, click):
            assert time.monotonic() < until, f"nothing is called {click}: {browser.text()[:2000]}"
            time.sleep(0.05)
        if click == clicks[-1]:
            for name, text in typed.items():
                browser.type(f"input[name='c:{name}']", text)
        browser.click("[data-click]")
    # A click returns before its page has come: what is read first may be the page that was clicked on.
    until = time.monotonic() + 20
    while True:
        text, is_seen = browser.run(READ)
        # An answered form is read with what its page says of itself: which version answers.
        text = plain(text + browser.text("main") if typed else text)
        if is_seen and all(answer in text for answer in wanted) or time.monotonic() > until:
            assert is_seen, "what was clicked for is not on the screen"
            return text
        time.sleep(0.05)


def minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")


def facts(made, name):
    return made[name].to_dict()["models"][-1]


def expected(models, made):
    """What has to stand at the end of each path, from the objects themselves."""
    step = facts(made, "model")["steps"][-1]
    found = facts(made, "predictor")["evaluation"]
    epochs = models["v3"].training_info
    refused = models["refusing"].refused_extensions[-1]
    difference = made["both"].to_dict()["pair"]["comparison"]["difference"]
    search = made["search"].to_dict()["searches"]["runs"][0]
    return {
        "What is this file, and is it what it says?": ["v3 is an embedding space of 20 columns", "It verifies"],
        "Which columns were left out, and why?": [f"{c['name']} ignored" for c in facts(made, "model")["card"]["data"]["left_out"]],
        "How do values lie, and which columns go together?": ["duration", "Columns that go together"],
        "What did this graft bring?": [*step["columns_added"], "What each new column does to predictions"],
        "What did this graft cost?": [f"{step['n_epochs']}", "epochs", "time"],
        "How far did old vectors move?": ["drift", "neighbours kept", "100 %" if step["drift"]["neighbour_overlap_at_10"] == 1 else " %"],
        "Was anything refused, and why?": [refused["name"], "misleading"],
        "Why was this epoch kept?": [f"epoch {epochs['best_epoch']}" if epochs["best_epoch"] < len(epochs["epochs"]) else "The weights of the last"],
        "What will it not do?": ["those that a table lacks count as missing"],
        "How much of my table was looked at?": ["20,000 of 30,000 rows"],
        "How good is it, and how sure is that?": [f"{found['scores'][0]['value']:.3f}", f"{found['scores'][0]['low']:.3f}"],
        "Do its probabilities mean what they say?": [f"lie {found['reliability']['ece']:.3f} apart on average"],
        "What would another threshold give?": [f"{found['thresholds']['points'][0]['recall']:.3f}", "balanced accuracy"],
        "Which class is taken for which?": ["Which class for which", str(found["confusion"]["counts"][0][0])],
        "What does it rest on?": [c["column"] for c in facts(made, "predictor")["worth"]["columns"][:3]],
        "Is v3 better than v2, and by how much?": [minus(f"{difference[part]:+.3f}") for part in ("difference", "low", "high")],
        "Which version is in use, and who put it there?": ["rollback", "scores fell", "v3 goes out"],
        "Which features are proven?": [f["name"] for f in search["features"][:2]],
        "What does the version in use say of a row?": ["A vector of", "which answers now"],
        "How do I roll back?": ["registry.rollback(", "registry models add"],
    }


def test_there_are_twenty_questions_and_no_path_is_longer_than_two_clicks(models, reports):
    assert len(PATHS) == 20 and all(len(clicks) <= 2 for _, clicks in PATHS.values())
    assert set(expected(models, reports[1])) == set(PATHS)


@pytest.mark.parametrize("question", PATHS)
def test_a_stranger_finds_the_answer(question, browser, models, reports, request):
    folder, made = reports
    place, clicks = PATHS[question]
    wanted = [plain(answer) for answer in expected(models, made)[question]]
    assert wanted
    if place == "server":
        with serving(folder / "credit") as (url, *_):
            text = walked(browser, url, clicks, wanted, age="41")
    elif place == "site":
        text = walked(browser, f"file://{request.getfixturevalue('site')}/index.html", clicks, wanted)
    else:
        own = "refusing" if "refused" in question else place
        text = walked(browser, f"file://{folder}/{own}.html", clicks, wanted)
    for answer in wanted:
        assert answer in text, f"{answer!r} is not in {text[:3000]}"
