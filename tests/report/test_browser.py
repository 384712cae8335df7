"""The page in a browser: it opens from a file, answers, and shows the saved numbers.

Needs Debian's packages chromium and chromium-driver, and selenium; skipped without them.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from manifoldscale.core.interval import Interval, number
from manifoldscale.core.measurement import Measurement

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver  # noqa: E402 - only where it is installed
from selenium.common.exceptions import (  # noqa: E402
    JavascriptException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

pytestmark = pytest.mark.slow

CHROMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--window-size=1280,1000", "--host-resolver-rules=MAP * ~NOTFOUND"),  # no network
)
SCREENS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chrome = next(filter(None, map(shutil.which, CHROMES)), None)
    driver = shutil.which("chromedriver")
    if chrome is None or driver is None:
        pytest.skip("Chromium and its driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chrome
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(driver)
    found = webdriver.Chrome(options=options, service=service)
    yield found
    found.quit()


@pytest.fixture(scope="module")
def page(runs: Path) -> Path:
    """One page of all four kinds of results."""
    from click.testing import CliRunner

    from manifoldscale.cli.main import main

    path = runs / "all.html"
    results = [str(runs / name) for name in RESULTS]
    found = CliRunner().invoke(main, ["report", *results, "--out", str(path)])
    assert found.exit_code == 0, found.output
    return path


RESULTS = ("study", "probe", "fit", "estimate", "plan.json")


def show(browser: Any, page: Path, width: int = 1280, scheme: str = "light") -> None:
    """Open a page at a width, in a scheme, and wait for its figures."""
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(page.as_uri())
    until(lambda: browser.execute_script("return document.readyState") == "complete")
    figures = len(browser.find_elements(By.CSS_SELECTOR, "figure"))
    assert figures
    until(lambda: len(browser.find_elements(By.CSS_SELECTOR, ".main-svg .xtick")) > figures)


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait for a condition; an element that plotly replaced is asked for again."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(StaleElementReferenceException, JavascriptException):
            if found := condition():
                return found
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def luminance(color: str) -> float:
    """Relative luminance of rgb(r, g, b) (WCAG 2)."""
    parts = [float(p) / 255 for p in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def css(browser: Any, selector: str, name: str) -> str:
    script = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    return str(until(lambda: browser.execute_script(script, selector, name)))


def assert_readable(browser: Any, scheme: str) -> None:
    """Text has the contrast of WCAG AA on the paper; series of figures are seen."""
    paper = css(browser, "body", "background-color")
    assert (luminance(paper) < 0.05) == (scheme == "dark")
    for selector in ("p.lead", "td", "caption", "summary", "figcaption"):
        assert contrast(css(browser, selector, "color"), paper) >= 4.5, selector
    until(lambda: contrast(css(browser, ".xtick text", "fill"), paper) >= 4.5)
    series = "#figure-part1-dimension .lines .js-line"
    lines = browser.find_elements(By.CSS_SELECTOR, series)
    assert len(lines) >= 3
    for line in lines:
        assert contrast(line.value_of_css_property("stroke"), paper) >= 2.1


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_it_opens_without_an_error_or_a_horizontal_scroll(
    browser: Any, page: Path, width: int, scheme: str
) -> None:
    show(browser, page, width, scheme)
    assert browser.get_log("browser") == []
    wide = "return document.documentElement.scrollWidth"
    assert browser.execute_script(wide) <= width
    assert len(browser.find_elements(By.CSS_SELECTOR, "section")) == len(RESULTS)
    for plot in browser.find_elements(By.CSS_SELECTOR, ".js-plotly-plot"):
        assert 200 < plot.size["width"] <= width
    assert_readable(browser, scheme)


def test_a_legend_leaves_a_narrow_plot_its_height(browser: Any, page: Path) -> None:
    show(browser, page, 380)
    squashed = """
      return Array.from(document.querySelectorAll(".js-plotly-plot")).filter((one) => {
        const plot = one.querySelector(".nsewdrag").getBoundingClientRect();
        const figure = one.closest("figure").querySelector("figcaption");
        const svg = one.querySelector(".main-svg").getBoundingClientRect();
        return plot.height < 150 || svg.bottom > figure.getBoundingClientRect().top + 1;
      }).length;
    """
    until(lambda: browser.execute_script(squashed) == 0)
    # Sentences above tables are within the page.
    cut = """
      return Array.from(document.querySelectorAll("caption span"))
        .filter((one) => one.getBoundingClientRect().right > window.innerWidth).length;
    """
    assert browser.execute_script(cut) == 0


def test_the_scheme_can_change_while_it_is_open(browser: Any, page: Path) -> None:
    show(browser, page, 1280, "light")

    assert luminance(css(browser, ".xtick text", "fill")) < 0.1
    media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    until(lambda: luminance(css(browser, ".xtick text", "fill")) > 0.5)


def test_hovering_tells_the_estimate_its_interval_method_and_size(
    browser: Any, page: Path, runs: Path
) -> None:
    show(browser, page)
    stored = json.loads((runs / "study/results.json").read_text())["sites"][0]
    selector = "#figure-part0-dimension .scatterlayer .points path"
    label = "#figure-part0-dimension .hoverlayer .hovertext"

    def hovered() -> str:
        point = browser.find_element(By.CSS_SELECTOR, selector)
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", point)
        ActionChains(browser).move_to_element(point).perform()
        return " ".join(e.text for e in browser.find_elements(By.CSS_SELECTOR, label))

    text = until(hovered)
    reading = stored["readings"][0]
    ends = reading["interval"]
    interval = Interval(ends["low"], ends["high"])
    for said in (
        stored["site"],
        number(reading["value"]),
        str(interval),
        "Auto()",
        "n = 600",
    ):
        assert said in text


def step(browser: Any, name: str, key: str) -> str:
    """Move a slider by a key; returns what it says."""
    browser.find_element(By.ID, f"range-{name}").send_keys(key)
    return str(browser.find_element(By.CSS_SELECTOR, f"#slider-{name} output").text)


def test_the_site_slider(browser: Any, page: Path, runs: Path) -> None:
    show(browser, page)
    stored = json.loads((runs / "probe/results.json").read_text())["networks"]
    sites = [one["site"] for one in stored["initialisation"]]
    assert step(browser, "part1-site", Keys.HOME) == sites[0] == "@input"
    assert step(browser, "part1-site", Keys.ARROW_RIGHT) == sites[1]
    shown = browser.find_elements(By.CSS_SELECTOR, "#slider-part1-site .step:not([hidden])")
    assert [one.get_attribute("data-label") for one in shown] == [sites[1]]
    for sites_of in stored.values():
        assert number(sites_of[1]["readings"][0]["value"]) in shown[0].text
    # The figure by site is marked there; of the one over networks, this site's trace shows.
    shapes = "return document.getElementById('figure-part1-dimension').layout.shapes"
    assert browser.execute_script(shapes)[0]["x0"] == 1
    along = "document.getElementById('figure-part1-dimension_along')"
    visible = f"return {along}.data.map((t) => t.visible)"
    # Each trace has its band, after all traces.
    lines = [place == 1 for place in range(len(sites))]
    assert browser.execute_script(visible) == lines + lines
    control = browser.find_element(By.ID, "range-part1-site")
    assert control.get_attribute("aria-valuetext") == sites[1]


def test_the_slider_along_training(browser: Any, page: Path) -> None:
    show(browser, page)
    output = browser.find_element(By.CSS_SELECTOR, "#slider-part1-network output")
    assert output.text == "all"
    assert step(browser, "part1-network", Keys.ARROW_RIGHT) == "initialisation"
    assert step(browser, "part1-network", Keys.ARROW_RIGHT) == "step 1"
    figure = "document.getElementById('figure-part1-dimension')"
    opacity = f"return {figure}.data.map((trace) => trace.opacity)"
    assert browser.execute_script(opacity) == [0.25, 1, 0.25]


def test_tables_hold_the_saved_numbers_and_where_they_come_from(
    browser: Any, page: Path, runs: Path
) -> None:
    show(browser, page)
    stored = json.loads((runs / "probe/results.json").read_text())["networks"]
    tables = browser.find_elements(By.CSS_SELECTOR, "#part1 > .scroll > table")
    for table, sites in zip(tables, stored.values(), strict=False):
        rows = table.find_elements(By.CSS_SELECTOR, "tbody tr")
        assert len(rows) == len(sites)
        for row, site in zip(rows, sites, strict=True):
            cells = [cell.text for cell in row.find_elements(By.CSS_SELECTOR, "th, td")]
            assert cells[0] == site["site"]
            for reading in site["readings"]:
                value, _ = Measurement.from_dict(reading).printed
                assert value in cells
    how = tables[0].find_element(By.TAG_NAME, "summary")
    how.click()
    opened = tables[0].find_element(By.TAG_NAME, "details").text
    for said in ("method", "Auto()", "anchors", "250", "95%", "seed", "manifoldscale"):
        assert said in opened


FAULTS = """
const faults = [];
const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
for (const figure of all("figure")) {
  const image = figure.querySelector("[role=img]");
  if (!image || image.getAttribute("aria-label").length < 40) faults.push(figure.innerHTML);
}
for (const table of all("table")) {
  const heads = all("thead th", table);
  if (!table.caption || !table.caption.textContent) faults.push("no caption");
  if (!heads.length || heads.some((h) => h.scope !== "col")) faults.push("no scope");
  for (const row of all("tbody tr", table)) {
    if (!row.querySelector("th[scope=row]")) faults.push(row.textContent);
  }
}
for (const control of all("input")) {
  if (!control.labels.length || !control.labels[0].textContent) faults.push(control.id);
}
const ids = all("[id]").map((element) => element.id);
if (new Set(ids).size !== ids.length) faults.push("an id is there twice");
return [faults, all("figure").length, all("table").length, all("input").length];
"""


def test_figures_and_tables_are_accessible(browser: Any, page: Path) -> None:
    show(browser, page)
    faults, figures, tables, controls = browser.execute_script(FAULTS)
    assert faults == [] and min(figures, tables) > 8 and controls == 4
    # The check can fail.
    spoiled = "document.querySelector('table').caption.remove();"
    assert browser.execute_script(spoiled + FAULTS)[0] == ["no caption"]


def test_it_prints_on_white_paper(browser: Any, page: Path) -> None:
    """A page that is dark on the screen is printed light."""
    show(browser, page, 1280, "dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert luminance(css(browser, "body", "background-color")) > 0.95
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    until(lambda: luminance(css(browser, ".xtick text", "fill")) < 0.1)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
