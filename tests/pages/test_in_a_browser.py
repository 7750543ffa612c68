"""Pages in headless Chromium: searching, keyboard use, accessibility, phones, embedding, and no JavaScript."""

import os
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, expect, sync_playwright

from tests.discovery.stub import Stub
from tests.pages.browser import folder_served, serving, visiting
from tests.support.dataset import Dataset
from tests.support.ecosystem import SETTINGS, urls_of
from tests.support.events import event
from tests.support.icons import FAVICON, FAVICON_SIZES, GROUND, TOUCH_ICON, TOUCH_SIZE, drawn
from tests.support.load import wait_until

PAGES = [
    "/",
    "/?q=num",
    "/?q=zzz",
    "/packages/numpy",
    "/packages/numpy?compare=pandas&chart=bar&granularity=week",
    "/packages/numpy/about",
    "/packages/__all__",
    "/embed/numpy/python_minor",
    "/explore",
    "/docs",
]
PHONE = {"width": 360, "height": 740}
NOT_FOUND = "console: Failed to load resource: the server responded with a status of 404 (Not Found)"


@pytest.fixture(scope="module")
def site(chromium: str, pages_data: Dataset, ecosystem: Stub) -> Iterator[str]:
    """A server with the pages' downloads and an index."""
    with serving(pages_data.app(**SETTINGS | urls_of(ecosystem))) as base:
        yield base


# Of this module only: Playwright's event loop keeps running in this thread, and other modules' tests run their own.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Debian's Chromium."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


def described(start: str) -> str:
    """The accessible name of numpy's first chart."""
    return (
        f"numpy: downloads with and without mirrors, {start} to Tue, 10 Mar 2026. "
        "At the end: with mirrors 12, without mirrors 12."
    )


def test_search_open_a_package_and_change_the_range(site: str, browser: Browser) -> None:
    with visiting(browser, site) as visit:
        page = visit.open("/")
        page.get_by_role("combobox", name="Package").fill("num")
        expect(page.get_by_role("option")).to_have_text(["numpy 314 / month", "numpy-financial 1 / month"])
        page.get_by_role("option", name="numpy 314").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("numpy")
        page.locator("#overall").scroll_into_view_if_needed()
        canvas = page.locator("#overall canvas")
        expect(canvas).to_have_attribute("aria-label", described("Wed, 31 Dec 2025"))
        with page.expect_response(lambda answer: "/chart/overall" in answer.url) as answered:
            page.get_by_role("radio", name="30 days").check()
        assert "start_date=2026-02-09" in answered.value.url
        expect(canvas).to_have_attribute("aria-label", described("Mon, 9 Feb 2026"))
        assert page.url == f"{site}/packages/numpy?range=30&granularity=day&chart=line"
        link = page.locator("#overall .calls a", has_text="CSV").get_attribute("href")
        assert link == "/api/packages/numpy/overall?start_date=2026-02-09&granularity=day&partial=false&format=csv"
        page.reload()
        assert page.locator("input[name=range]:checked").input_value() == "30"
        assert visit.problems() == []


def test_a_search_by_keyboard_alone(site: str, browser: Browser) -> None:
    with visiting(browser, site) as visit:
        page = visit.open("/")
        box = page.get_by_role("combobox", name="Package")
        expect(box).to_be_focused()
        page.keyboard.type("Num")
        expect(box).to_have_attribute("aria-expanded", "true")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        active = page.get_by_role("option", selected=True)
        expect(active).to_have_attribute("data-name", "numpy-financial")
        assert box.get_attribute("aria-activedescendant") == active.get_attribute("id")
        page.keyboard.press("Escape")
        expect(box).to_have_attribute("aria-expanded", "false")
        page.keyboard.press("ArrowDown")
        expect(box).to_have_attribute("aria-expanded", "true")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        page.wait_for_url("**/packages/numpy-financial")
        assert visit.problems() == []


def test_a_name_typed_in_full_leads_to_its_page(site: str, browser: Browser) -> None:
    with visiting(browser, site) as visit:
        page = visit.open("/explore")
        page.get_by_role("combobox", name="Package").fill("Numpy_Financial")
        expect(page.locator(".suggestions li")).to_have_count(1)
        page.keyboard.press("Enter")
        page.wait_for_url("**/packages/numpy-financial")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_and_logs_no_problem(site: str, browser: Browser, path: str) -> None:
    """In both themes, and 360 pixels wide."""
    with visiting(browser, site) as visit:
        page = visit.open(path)
        assert visit.accessibility_violations() == []
        visit.switch_to_dark()
        assert visit.accessibility_violations() == []
        page.set_viewport_size(PHONE)
        assert visit.width() == PHONE["width"]
        assert visit.accessibility_violations() == []
        assert visit.problems() == []


@pytest.mark.parametrize("path", ["/packages/unheard-of", "/embed/unheard-of/overall"])
def test_an_error_page_is_accessible_and_logs_no_problem(site: str, browser: Browser, path: str) -> None:
    with visiting(browser, site) as visit:
        visit.open(path)
        assert visit.accessibility_violations() == []
        assert visit.problems() == [NOT_FOUND]


@pytest.mark.parametrize("path", ["/docs", "/packages/numpy", "/packages/numpy/about"])
def test_a_page_is_accessible_without_javascript(site: str, browser: Browser, path: str) -> None:
    """Of the elements as the server sends them, with the headings and landmarks that scripts would replace."""
    with visiting(browser, site) as visit:
        visit.page.route("**/*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
        visit.open(path)
        assert visit.accessibility_violations() == []


def test_a_chart_for_every_dimension(site: str, browser: Browser) -> None:
    with visiting(browser, site) as visit:
        page = visit.open("/packages/numpy?compare=pandas")
        for figure in page.locator(".chart").all():
            figure.scroll_into_view_if_needed()
            expect(figure.locator("canvas")).to_be_visible()
        expect(page.locator(".chart canvas")).to_have_count(17)
        assert page.locator("#compared .legend button").all_text_contents() == ["numpy", "pandas"]
        assert visit.problems() == []


def test_a_series_is_hidden_by_keyboard(site: str, browser: Browser) -> None:
    with visiting(browser, site) as visit:
        page = visit.open("/packages/numpy")
        page.locator("#overall").scroll_into_view_if_needed()
        button = page.locator("#overall .legend button").first
        button.focus()
        page.keyboard.press("Enter")
        expect(button).to_have_attribute("aria-pressed", "false")
        assert page.evaluate("Chart.getChart(document.querySelector('#overall canvas')).isDatasetVisible(0)") is False


def test_scripts_in_a_readme_do_not_run(site: str, browser: Browser) -> None:
    with visiting(browser, site) as visit:
        page = visit.open("/packages/numpy")
        expect(page.locator("#about-short")).to_have_text("2.1.0 · Fundamental package for array computing in Python")
        expect(page.locator(".readme em")).to_have_text("fundamental")
        assert page.evaluate("window.hacked") is None
        assert visit.problems() == []


def test_the_chosen_theme_is_remembered(site: str, browser: Browser) -> None:
    with visiting(browser, site) as visit:
        page = visit.open("/packages/numpy")
        page.locator("#overall").scroll_into_view_if_needed()
        expect(page.locator("#overall canvas")).to_be_visible()
        with page.expect_response(lambda answer: "/chart/overall" in answer.url and "theme=dark" in answer.url):
            page.get_by_role("button", name="Switch between light and dark").click()
        page.reload()
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
        assert visit.problems() == []


def test_copied_snippets_are_complete(site: str, browser: Browser) -> None:
    with visiting(browser, site, permissions=["clipboard-read", "clipboard-write"]) as visit:
        page = visit.open("/packages/numpy")
        copied = []
        for button in page.locator("[data-copy]").all():
            button.click()
            expect(button).to_have_text("Copied")
            copied.append(page.evaluate("navigator.clipboard.readText()"))
        assert copied[0] == f"[![Downloads]({site}/api/packages/numpy/badge)]({site}/packages/numpy)"
        assert copied[3] == (
            f'<iframe src="{site}/embed/numpy/python_minor" width="720" height="400" title="Downloads of numpy" '
            'loading="lazy"></iframe>'
        )
        assert all(site in text for text in copied)


def test_without_chart_js_charts_are_pictures(site: str, browser: Browser) -> None:
    with visiting(browser, site) as visit:
        visit.page.route("**/chart.umd.min.js", lambda route: route.abort())
        page = visit.open("/embed/numpy/system")
        image = page.locator(".plot img")
        expect(image).to_be_visible()
        assert image.evaluate("async (image) => { await image.decode(); return image.naturalWidth }") == 1200


def test_a_chart_that_is_refused_shows_the_reason(site: str, browser: Browser) -> None:
    with visiting(browser, site) as visit:
        refusal = '{"status": 503, "title": "Service Unavailable", "detail": "too many charts"}'
        visit.page.route("**/chart/**", lambda route: route.fulfill(status=503, body=refusal))
        page = visit.open("/embed/numpy/system")
        expect(page.locator(".plot")).to_have_text("too many charts")


@pytest.fixture(scope="module")
def elsewhere(site: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of another origin, with pages that frame ours."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name, path in (("embed", "/embed/numpy/python_minor"), ("package", "/packages/numpy"), ("home", "/")):
        frame = f'<iframe src="{site}{path}" width="720" height="400"></iframe>'
        html = f'<!doctype html><link rel="icon" href="data:,">{frame}'
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    with folder_served(folder) as base:
        yield base


def test_a_chart_in_a_page_of_another_origin(site: str, elsewhere: str, browser: Browser) -> None:
    with visiting(browser, site, elsewhere, "data:") as visit:
        page = visit.open(f"{elsewhere}/embed.html")
        frame = page.frame_locator("iframe")
        expect(frame.locator("canvas")).to_be_visible()
        expect(frame.get_by_role("link")).to_have_text("numpy: downloads by Python minor version")
        height = frame.locator("html").evaluate("(root) => root.scrollHeight")
        assert height <= 400  # no scroll bars in the frame that the page's snippet makes
        assert visit.problems() == []


@pytest.mark.parametrize("name", ["package", "home"])
def test_no_other_page_is_framed(site: str, elsewhere: str, browser: Browser, name: str) -> None:
    with visiting(browser, site, elsewhere, "data:") as visit:
        page = visit.open(f"{elsewhere}/{name}.html")
        (_, framed) = page.frames
        assert framed.url == "chrome-error://chromewebdata/"
        assert any("frame-ancestors" in problem for problem in visit.problems())


def test_the_example_page_compares_from_another_origin(site: str, browser: Browser) -> None:
    examples = Path(__file__).parents[2] / "examples"
    with folder_served(examples) as base, visiting(browser, site, base) as visit:
        visit.page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        page = visit.open(f"{base}/compare.html?server={site}&packages=numpy,pandas")
        lines = page.locator("polyline")
        expect(lines).to_have_count(2)
        # Eleven weeks, of which the first and the last are not whole.
        assert [len((line.get_attribute("points") or "").split()) for line in lines.all()] == [11, 11]
        assert visit.problems() == []


def test_without_javascript_charts_are_pictures(site: str, browser: Browser) -> None:
    with visiting(browser, site, java_script_enabled=False) as visit:
        page = visit.page
        page.goto(f"{site}/packages/numpy?range=30&compare=pandas")
        images = page.locator(".plot img")
        expect(images).to_have_count(18)
        for image in images.all():
            image.scroll_into_view_if_needed()
            expect(image).to_have_js_property("naturalWidth", 1200)
        expect(page.get_by_role("button", name="Copy")).to_have_count(0)
        page.get_by_role("radio", name="Bars").check()
        page.get_by_role("button", name="Show").click()
        assert "chart=bar" in page.url
        assert "range=30" in page.url
        assert "compare=pandas" in page.url


def test_without_javascript_a_search_finds(site: str, browser: Browser) -> None:
    with visiting(browser, site, java_script_enabled=False) as visit:
        page = visit.page
        page.goto(site)
        page.get_by_role("searchbox").fill("num")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="numpy-financial").click()
        assert page.url == f"{site}/packages/numpy-financial"
        page.get_by_role("link", name="Metadata and README").first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("About numpy-financial")


@pytest.mark.parametrize("path", ["/packages/numpy", "/packages/numpy?compare=pandas", "/embed/numpy/overall"])
def test_a_chart_breaks_at_a_missing_day_and_names_it(
    chromium: str, make_dataset: Callable[[], Dataset], browser: Browser, path: str
) -> None:
    dataset = make_dataset()
    days = ("2026-03-06", "2026-03-07", "2026-03-09", "2026-03-10")
    dataset.load(event(f"{day} 12:00:00 UTC", name) for day in days for name in ("numpy", "pandas"))
    with serving(dataset.app()) as base, visiting(browser, base) as visit:
        page = visit.open(path)
        chart = page.locator("[data-chart]").first
        chart.scroll_into_view_if_needed()
        expect(chart.get_by_text("Not loaded: 2026-03-08.", exact=True)).to_be_visible()
        assert chart.locator("canvas").evaluate("canvas => Chart.getChart(canvas).data.datasets[0].data") == [
            *(1, 1, None, 1, 1)
        ]
        assert chart.locator("canvas").evaluate("canvas => Chart.getChart(canvas).options.spanGaps") is False
        assert "Not loaded: 2026-03-08." in (chart.locator("canvas").get_attribute("aria-label") or "")


def segments(pdf: bytes) -> int:
    """The number of lines, each from a point to the next, that are drawn in a PDF."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    drawn = [zlib.decompress(stream) for stream in streams if stream.startswith(b"x")]
    return sum(len(re.findall(rb"^[-\d.]+ [-\d.]+ l$", stream, re.MULTILINE)) for stream in drawn)


def test_a_page_prints_its_charts_scrolled_to_or_not(site: str, browser: Browser) -> None:
    """In the colors of paper, also where the screen is dark."""
    with visiting(browser, site, color_scheme="dark") as visit:
        page = visit.open("/packages/numpy?compare=pandas")
        expect(page.locator("canvas")).to_have_count(0)
        page.evaluate("""addEventListener("beforeprint", () => {
            window.printed = [...document.querySelectorAll("canvas")].map(canvas => ({
                width: canvas.clientWidth, ink: Chart.getChart(canvas).options.scales.x.ticks.color }));
        })""")
        pdf = page.pdf()

        # At least one series a chart, of the 70 loaded days.
        assert segments(pdf) > 17 * 69
        assert page.evaluate("window.printed") == [{"width": 672, "ink": "rgb(88, 97, 112)"}] * 17
        ink = "Chart.getChart(canvas)?.options.scales.x.ticks.color"
        in_the_dark = (
            f"""[...document.querySelectorAll("canvas")].filter(canvas => {ink} == "rgb(154, 167, 181)").length"""
        )
        # Not Page.wait_for_function: it evaluates its text in the page, which the page's policy forbids.
        wait_until(lambda: page.evaluate(in_the_dark) == 17)
        assert len(set(page.locator("canvas").evaluate_all("all => all.map(canvas => canvas.clientWidth)"))) == 2
        assert visit.problems() == []


def test_what_has_been_shown_is_printed_while_the_server_is_away(site: str, browser: Browser) -> None:
    with visiting(browser, site) as visit:
        page = visit.open("/embed/numpy/python_minor")
        expect(page.locator("canvas")).to_be_visible()
        visit.page.route("**/chart/**", lambda route: route.abort())
        printed = segments(page.pdf())
        expect(page.locator("canvas")).to_be_visible()
        page.locator("canvas").evaluate("canvas => canvas.remove()")
        assert printed > segments(page.pdf()) + 69


def test_forced_colors_keep_series_apart(site: str, browser: Browser) -> None:
    with visiting(browser, site, forced_colors="active") as visit:
        page = visit.open("/packages/numpy")
        page.locator("#overall").scroll_into_view_if_needed()
        expect(page.locator("#overall .legend i")).to_have_count(2)

        swatches = page.locator("#overall .legend i").evaluate_all(
            "all => all.map(swatch => getComputedStyle(swatch).backgroundColor)"
        )
        assert len(set(swatches)) == 2
        assert page.locator("#overall .canvas").evaluate("box => getComputedStyle(box).forcedColorAdjust") == "none"


def test_the_icons_are_drawn_from_the_svg(browser: Browser) -> None:
    """`python -m tests.support.icons` draws them anew."""
    with Image.open(FAVICON) as favicon, Image.open(TOUCH_ICON) as touch_icon:
        pairs = [(drawn(browser, size), favicon.ico.getimage((size, size))) for size in FAVICON_SIZES]
        pairs.append((drawn(browser, TOUCH_SIZE, GROUND), touch_icon))
        for picture, file in pairs:
            difference = ImageChops.difference(picture, file.convert("RGBA"))
            assert max(high for _, high in difference.getextrema()) < 16, file.size
