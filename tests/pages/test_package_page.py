"""/packages/{package}: changes, charts, comparison, snippets."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import body
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.oracle import FILTERS

Client = TestClient[Any]


def text(html: str) -> str:
    """The text of a page, without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.fixture(scope="module")
def page(client: Client) -> str:
    answer = client.get("/packages/NumPy")
    assert answer.status_code == 200
    return answer.text


def test_recent_downloads_match_the_api(client: Client, page: str) -> None:
    assert body(client.get("/api/packages/numpy/recent"))["data"] == {
        "last_day": 12,
        "last_week": 84,
        "last_month": 314,
    }
    said = text(page)
    assert "Last day 12 +20.0 % vs. 10 on the same day of the week before" in said
    assert "Last 7 days 84 +20.0 % vs. 70 in the 7 days before" in said
    assert "Last 30 days 314 +4.7 % vs. 300 in the 30 days before" in said


def test_what_changed_last_week(page: str) -> None:
    said = text(page)
    assert "4 Mar 2026 to 10 Mar 2026" in said
    # 14 of 84 downloads, of none.
    assert "Largest shift: Release 2.1.0 , from 0.0 % to 16.7 % of" in said
    assert "2.1.0 16.7 % +16.7 pts" in said
    assert "US 83.3 % \N{MINUS SIGN}16.7 pts" in said


def test_every_figure_links_its_data(client: Client, page: str) -> None:
    calls = {link.replace("&amp;", "&") for link in re.findall(r'href="(/api/[^"]+|/embed/[^"]+)"', page)}
    assert "/api/packages/numpy/recent" in calls
    assert "/api/packages/numpy/version?start_date=2026-03-04&end_date=2026-03-10" in calls
    assert {call.split("?")[0] for call in calls if "/chart/" in call} == {
        f"/api/packages/numpy/chart/{dimension}" for dimension in FILTERS
    }
    data = [call for call in calls if "/chart/" not in call]
    assert {client.get(call).status_code for call in data} == {200}


def test_people_and_what_to_build_for(page: str) -> None:
    """The tile and the section; the origins' chart is the first."""
    said = text(page)

    assert re.search(r"People [0-9]+ [0-9.]+ % of all downloads installs outside CI in 30 days to", said)
    assert "What to build for" in said
    assert re.search(r"Wheels by platform .* any 100.0 %", said)
    assert re.search(r"C library of Linux .* glibc 2.39 100.0 % 0.0 %", said)
    assert re.findall(r'data-chart="/api/packages/numpy/chart/(\w+)', page)[:2] == ["origin", "overall"]


def test_packages_are_compared_by_origin(client: Client) -> None:
    html = client.get("/packages/numpy?compare=pandas").text

    assert "People, 30 days" in html
    assert "Mirrors, 30 days" in html


def test_without_the_dimensions_there_is_nothing_of_them(make_dataset: Callable[[], Dataset]) -> None:
    dataset = make_dataset()
    dataset.load([event(), event(project="pandas")], dimensions=[])
    with dataset.client() as client:
        html = client.get("/packages/numpy?compare=pandas").text

    assert "People</dt>" not in html
    assert "What to build for" not in html
    assert "/chart/origin" not in html


def test_the_form_chooses_range_and_granularity(client: Client) -> None:
    html = client.get("/packages/numpy?range=30&granularity=week&chart=bar").text

    assert (
        'data-chart="/api/packages/numpy/chart/python_minor?start_date=2026-02-09&amp;granularity=week&amp;chart=bar"'
        in html
    )
    assert re.search(r'value="30" data-start="2026-02-09" checked', html)


def test_a_range_longer_than_the_loaded_days_is_all_of_them(client: Client) -> None:
    html = client.get("/packages/numpy?range=365").text

    assert 'data-chart="/api/packages/numpy/chart/overall?start_date=2025-12-31&amp;granularity=day' in html
    assert re.findall(r'name="range" value="(\w+)"', html) == ["30", "all"]


def test_without_scripts_charts_are_pictures(client: Client, page: str) -> None:
    (first, *_) = re.findall(r"<noscript>\s*(<picture>.*?</picture>)\s*</noscript>", page, re.DOTALL)
    source = re.findall(r'srcset="([^"]+)"', first)[0].replace("&amp;", "&")
    picture = re.findall(r'src="([^"]+)"', first)[0].replace("&amp;", "&")

    assert source == f"{picture}&theme=dark"
    assert client.get(picture).headers["content-type"] == "image/svg+xml"


def test_packages_compared(client: Client) -> None:
    html = client.get("/packages/numpy?compare=Pandas,numpy,pandas,unheard-of,a%20b,%3Cscript%3E").text

    assert 'data-compare="numpy,pandas"' in html
    assert "Not found: a b, &lt;script&gt;, unheard-of." in html
    assert "numpy 12 84 314" in text(html)
    assert "pandas 3 21 90" in text(html)
    assert html.count('<img src="/api/packages/pandas/chart/overall?mirrors=false') == 1


def test_at_most_eight_on_one_chart(client: Client) -> None:
    names = [f"package-{number}" for number in range(9)]
    html = client.get(f"/packages/numpy?compare={','.join(names)}").text

    assert f"Not found: {', '.join(names[:7])}." in html


def test_all_packages(client: Client) -> None:
    html = client.get("/packages/__all__").text

    assert "<h1>All packages</h1>" in html
    assert "chart/version" not in html  # there is no such series
    assert "/packages/__all__/about" not in html


@pytest.fixture
def young(dataset: Dataset) -> Iterator[Client]:
    """A server with one day of data."""
    dataset.load([event()])
    with dataset.client() as client:
        yield client


def test_with_one_day_there_is_no_comparison(young: Client) -> None:
    said = text(young.get("/packages/numpy").text)

    assert "Last 7 days 1 n/a no complete period to compare with" in said
    assert "Largest shift" not in said
    assert young.get("/").status_code == 200


def test_a_package_that_had_no_downloads_lately(dataset: Dataset) -> None:
    dataset.load([event("2025-06-01 12:00:00 UTC", "old"), event()])
    with dataset.client() as client:
        answer = client.get("/packages/old")

    assert answer.status_code == 200
    assert "Last 30 days 0" in text(answer.text)


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/packages/unheard-of", 404, "package: no download of &#39;unheard-of&#39; has been loaded"),
        ("/packages/a%20b", 400, "package: &#39;a b&#39; cannot be a package&#39;s name"),
        ("/packages/%3Cscript%3E", 400, "package: &#39;&lt;script&gt;&#39; cannot be"),
        ("/packages/numpy?chart=pie", 400, "chart: &#39;pie&#39; is not accepted"),
        ("/packages/numpy?range=7", 400, "range: &#39;7&#39; is not accepted"),
    ],
)
def test_errors_are_pages_with_a_search_form(client: Client, path: str, status: int, detail: str) -> None:
    answer = client.get(path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert detail in answer.text
    assert "<script>" not in answer.text
    assert 'action="/" role="search"' in answer.text


def test_no_day_is_loaded(dataset: Dataset, make_dataset: Callable[[], Dataset]) -> None:
    with make_dataset().client() as client:
        answer = client.get("/packages/numpy")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "no day of downloads has been loaded yet" in answer.text
    assert "pypistats-server ingest" in answer.text


def test_a_page_is_cacheable_until_the_next_day(client: Client) -> None:
    first = client.get("/packages/numpy")
    again = client.get("/packages/numpy", headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    assert first.headers["cache-control"] == client.get("/api/packages/numpy/recent").headers["cache-control"]
