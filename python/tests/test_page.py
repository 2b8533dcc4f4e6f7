"""The server's page in a real browser: Chromium by chromedriver, with axe-core where npm brought it.

Skipped where they are not installed: `apt-get install chromium chromium-driver`; `npm install --prefix target/axe
axe-core`. `TABGRAFT_SCREENSHOTS` names a folder for pictures.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import tabgraft
from conftest import LATE, ROOT, needs_program
from test_serve import ask, drift_of, records, serving

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
AXE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "axe/node_modules/axe-core/axe.min.js"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # what WebDriver calls an element
SWITCHES = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-dev-shm-usage""".split()

pytestmark = [
    needs_program,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"),
]


class Browser:
    """What the tests need of the WebDriver protocol."""

    def __init__(self, profile: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.driver = subprocess.Popen([DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}"
        options = {"binary": CHROMIUM, "args": [*SWITCHES, f"--user-data-dir={profile}"]}
        asked = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
        until = time.monotonic() + 60
        while True:
            try:
                session = self.send("POST", "/session", {"capabilities": asked})
                break
            except (ConnectionError, urllib.error.URLError):
                assert time.monotonic() < until, "chromedriver does not answer"
                time.sleep(0.1)
        self.url += f"/session/{session['sessionId']}"

    def send(self, method: str, path: str, body: object = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None

    def close(self) -> None:
        try:
            self.send("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(timeout=30)

    def open(self, url: str) -> None:
        self.send("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: object):
        return self.send("POST", "/execute/sync", {"script": script, "args": arguments})

    def run_async(self, script: str):
        return self.send("POST", "/execute/async", {"script": script, "args": []})

    def devtools(self, command: str, **parameters: object):
        return self.send("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def element(self, css: str) -> str:
        return self.send("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def type(self, css: str, text: str) -> None:
        self.send("POST", f"/element/{self.element(css)}/value", {"text": text})

    def click(self, css: str) -> None:
        self.send("POST", f"/element/{self.element(css)}/click", {})

    def press(self, *keys: str) -> None:
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.send("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def text(self, css: str = "body") -> str:
        """What can be read there; a page that is on its way is waited for."""
        until = time.monotonic() + 20
        while (text := self.run("return document.querySelector(arguments[0])?.innerText", css)) is None:
            assert time.monotonic() < until, f"there is no {css}"
            time.sleep(0.05)
        return text

    def complaints(self) -> list[str]:
        """What the console says: scripts or styles that the page's policy forbids among it."""
        log = self.send("POST", "/se/log", {"type": "browser"})
        return [line["message"] for line in log if line["level"] in ("SEVERE", "WARNING")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def url(space, predictor, early, credit, tmp_path_factory):
    """A registry of three versions and a predictor, with an index of known rows."""
    folder = tmp_path_factory.mktemp("page")
    grown = space.extend(credit, n_epochs=1, name="v2", progress=False)
    registry = tabgraft.Registry(folder / "credit", create=True)
    for version in (space, grown, predictor):
        registry.add(version)
    registry.promote("v1", note="the first <one>")
    predictor.save(folder / "risk.tabgraft")
    known = early.assign(id=[f"loan {i}" for i in range(len(early))])
    space.index(known, key="id").save(folder / "loans.index")
    index = ("--index", folder / "loans.index", "--watch", "500")
    with serving(folder / "credit", folder / "risk.tabgraft", *index) as (url, *_):
        later = known.head(300).drop(columns=["target", "id"])
        later["age"] += 40
        assert ask(f"{url}/models/risk/predict", {"rows": records(later)})[0] == 200
        drift_of(url, "risk", 300)
        yield url


@pytest.mark.parametrize("width", [360, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_used_by_everybody(browser, url, width, scheme):
    browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.devtools(
        "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
    )
    for path in ["/", "/page/credit", "/page/risk", "/page/nothing", "tried"]:
        if path == "tried":
            browser.open(f"{url}/page/risk")
            browser.type("input[name='c:age']", "41")
            browser.click("button")
            assert "target: " in browser.text(".answer")
            reasons = "return [...document.querySelectorAll('.reasons tbody tr')].map(row => [...row.cells].map(c => c.innerText))"
            rows = browser.run(reasons)
            gave = [abs(float(row[2].split()[0])) for row in rows[:-1]]
            assert len(rows) == 13 and rows[-1][0] == "5 more" and gave == sorted(gave, reverse=True)
            assert ["age", "41"] in [row[:2] for row in rows] and all(row[2][0] in "+-" for row in rows)
            # The longest bar has half of the drawing, and each says by its side what its sign says.
            sides = browser.run(
                "return [...document.querySelectorAll('.reasons rect')].map(bar => [+bar.getAttribute('x'),"
                " +bar.getAttribute('width'), bar.getBoundingClientRect().width, getComputedStyle(bar).fill])"
            )
            assert sides[0][1] == 50 and sides[0][2] > 20
            for row, (x, _, _, fill) in zip(rows, sides, strict=False):
                assert (x == 50) == (row[2][0] == "+"), row
            assert len({fill for *_, fill in sides}) == len({row[2][0] for row in rows[:-1]})
        else:
            browser.open(url + path)
        # Not by what the browser says is the window's width: on a phone that grows with what does not fit.
        found = browser.run("return document.documentElement.scrollWidth")
        assert found <= width, f"{path} is {found} pixels wide"
        dark = browser.run("return getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, dark[4:-1].split(","))) < 200) == (scheme == "dark"), dark
        if folder := os.environ.get("TABGRAFT_SCREENSHOTS"):
            name = f"{path.strip('/').replace('/', '-') or 'all'}-{scheme}-{width}.png"
            (Path(folder) / name).write_bytes(base64.b64decode(browser.send("GET", "/screenshot")))
        # Nothing from elsewhere, and nothing that the page's own policy forbids.
        loaded = browser.run("return performance.getEntriesByType('resource').map(one => one.name)")
        assert all(one.startswith((url, "data:")) for one in loaded), loaded
        complaints = [line for line in browser.complaints() if "404" not in line]
        assert complaints == []


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm install --prefix target/axe axe-core")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, url, scheme):
    browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    source = AXE.read_text(encoding="utf-8")
    for width in (360, 1280):
        browser.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        for path in ["/", "/page/credit", "/page/risk", "/page/nothing", "tried"]:
            if path == "tried":
                browser.open(f"{url}/page/risk")
                browser.type("input[name='c:age']", "41")
                browser.click("button")
            else:
                browser.open(url + path)
            browser.run(source)
            found = browser.run_async("const done = arguments[0]; axe.run().then(found => done(found.violations))")
            shown = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]
            assert shown == [], f"{path}, {width} wide"


def test_drift_is_shown_with_what_has_changed_in_front(browser, url):
    browser.open(f"{url}/page/risk")
    text = browser.text("section[aria-labelledby='drift']")
    assert "300 rows: " in text and "columns have changed" in text
    first = browser.run("return [...document.querySelector('#drift ~ .scroll tbody tr').cells].map(c => c.innerText)")
    assert first[0] == "age" and "values" in first[1]
    browser.open(f"{url}/page/credit")
    assert "No row was answered yet" in browser.text("section[aria-labelledby='drift']")


def test_a_row_is_tried_by_keyboard_alone(browser, url):
    browser.open(f"{url}/page/risk")
    tab, enter = "\ue004", "\ue007"
    browser.press(tab)
    assert browser.run("return document.activeElement.textContent") == "To the content"
    browser.press(enter)
    for _ in range(60):
        browser.press(tab)
        if browser.run("return document.activeElement.name || ''") == "c:age":
            break
    browser.press("4", "1", enter)
    assert "target: " in browser.text(".answer") and "loan " in browser.text(".answer")
    assert browser.run("return document.activeElement.tagName") == "BODY"
    assert browser.run("return document.querySelector(\"input[name='c:age']\").value") == "41"
    # As a screen reader hears it: each field has a name, and the answer is told.
    assert browser.run("return document.querySelector('.answer').getAttribute('role')") == "status"
    unnamed = "return [...document.querySelectorAll('input,select,textarea')].filter(f => !f.labels.length).length"
    assert browser.run(unnamed) == 0


DRAWING = """const fill = (css) => getComputedStyle(document.querySelector('.lineage').querySelector(css)).fill;
return [getComputedStyle(document.body).backgroundColor, fill('.paper'), fill('.space, .predictor'), fill('.ink')]"""


def lightness(colour: str) -> float:
    """From 0 to 255, of `rgb(r, g, b)`."""
    return sum(map(int, colour[4:-1].split(","))) / 3


def test_the_drawing_is_dark_where_the_page_is(browser, url):
    for scheme in ("light", "dark"):
        browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.open(f"{url}/page/credit")
        body, paper, box, ink = browser.run(DRAWING)
        assert paper == body
        assert (lightness(box) < 100) == (scheme == "dark") and abs(lightness(box) - lightness(ink)) > 150


def test_the_drawing_leads_from_version_to_version(browser, url, space):
    browser.open(f"{url}/page/credit")
    text = browser.text()
    assert "the first <one>" in text and "which answers now" in text
    names = "return [...document.querySelectorAll('.drawing a')].map(a => a.querySelector('text').textContent)"
    assert browser.run(names)[:2] == ["v1", "v2"]
    browser.run("document.querySelectorAll('.drawing a')[1].focus()")
    browser.press("\ue007")
    until = time.monotonic() + 20
    while "which is not the current one" not in browser.text():
        assert time.monotonic() < until, browser.text()
        time.sleep(0.05)
    assert all(name in browser.text("main") for name in LATE)
    browser.type("#pasted", '{"age": 30, "checking_status": "none"}')
    browser.click("button")
    assert "A vector of" in browser.text(".answer")
    assert "/versions/" in browser.run("return location.pathname")
