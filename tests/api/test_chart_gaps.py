"""A day that was never loaded is a gap in charts, and named; a loaded day without downloads is 0."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from app.charts.colors import THEMES
from tests.support.answers import body
from tests.support.events import event
from tests.support.pictures import pixels, texts

# Loaded are a Monday, three days in a row without `some` on the second, and after one that is missing another.
EVENTS = [
    event("2026-01-05 12:00:00 UTC", "some"),
    *[event("2026-03-06 12:00:00 UTC", "some")] * 3,
    event("2026-03-07 12:00:00 UTC", "other"),
    *[event("2026-03-08 12:00:00 UTC", "some")] * 2,
    *[event("2026-03-10 12:00:00 UTC", "some")] * 4,
]
LAST_DAYS = "/api/packages/some/chart/overall?mirrors=false&start_date=2026-03-06"
SAID = "not loaded: 2026-03-09"


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


@pytest.mark.parametrize("chart", ["line", "bar"])
def test_a_missing_day_is_null_and_named(client: TestClient[Any], chart: str) -> None:
    found = body(client.get(f"{LAST_DAYS}&format=json&chart={chart}"))

    assert found["labels"] == [f"2026-03-{day:02}" for day in range(6, 11)]
    assert found["datasets"][0]["data"] == [3, 0, 2, None, 4]
    assert found["missingDays"] == ["2026-03-09"]


@pytest.mark.parametrize(
    ("granularity", "start", "values"),
    [
        ("week", "2026-01-01", [1, None, None, None, None, None, None, None, 5, 4]),
        ("month", "2026-01-01", [1, None, 9]),
        ("month", "2026-02-01", [9]),
    ],
)
def test_a_week_or_month_is_null_if_none_of_its_days_is_loaded(
    client: TestClient[Any], granularity: str, start: str, values: list[int | None]
) -> None:
    query = f"mirrors=false&format=json&granularity={granularity}&start_date={start}&partial=true"

    assert body(client.get(f"/api/packages/some/chart/overall?{query}"))["datasets"][0]["data"] == values


def test_other_keeps_its_gaps(client_of: Callable[..., TestClient[Any]]) -> None:
    many = [event(f"2026-03-{day:02} 12:00:00 UTC", version=f"1.{v}") for day in (8, 10) for v in range(13)]
    found = body(client_of(many).get("/api/packages/numpy/chart/version?format=json"))

    assert [dataset["data"] for dataset in found["datasets"]] == [[1, None, 1]] * 10 + [[3, None, 3]]


@pytest.mark.parametrize("size", ["", "&width=320&height=240"])
@pytest.mark.parametrize("chart", ["line", "bar"])
def test_a_picture_names_the_missing_days(client: TestClient[Any], chart: str, size: str) -> None:
    found = texts(client.get(f"{LAST_DAYS}&format=svg&chart={chart}{size}").content)

    assert (SAID in found) if size else (f"per day, 2026-03-06 to 2026-03-10; {SAID}" in found)


def test_more_missing_days_are_counted(client: TestClient[Any]) -> None:
    found = texts(client.get("/api/packages/some/chart/overall?format=svg&start_date=2026-01-01").content)

    listed = "2026-01-06, 2026-01-07, 2026-01-08 and 57 more"
    assert f"per day, 2026-01-05 to 2026-03-10; not loaded: {listed}" in found


def test_the_line_of_a_picture_is_broken(client: TestClient[Any]) -> None:
    """Each part of a line begins with a move: of the line itself and of nothing else in this color and width."""
    svg = client.get(f"{LAST_DAYS}&format=svg").text
    color = THEMES["light"].categories[0]
    (line,) = (
        path
        for path, style in re.findall(r'<path d="([^"]*)"[^>]*style="([^"]*)"', svg)
        if color in style and "stroke-width: 1.8" in style
    )

    assert re.findall("[ML]", line) == ["M", "L", "L", "M"]


def test_a_day_between_missing_ones_is_a_point_that_can_be_seen(client: TestClient[Any]) -> None:
    path = "/api/packages/some/chart/overall?mirrors=false"

    assert body(client.get(f"{path}&format=json"))["datasets"][0]["pointRadius"] == 4
    assert body(client.get(f"{LAST_DAYS}&end_date=2026-03-08&format=json"))["datasets"][0]["pointRadius"] == 0
    color = THEMES["light"].categories[0]
    assert re.search(f'<use [^>]*style="fill: {color}', client.get(f"{path}&format=svg").text)


def test_bars_beside_a_gap_are_drawn(client: TestClient[Any]) -> None:
    found = pixels(client.get(f"{LAST_DAYS}&chart=bar").content)

    assert found[THEMES["light"].categories[0]] > 1000


@pytest.mark.parametrize("path", ["/", "/packages/some"])
def test_pages_name_the_missing_days_that_health_names(client: TestClient[Any], path: str) -> None:
    missing = body(client.get("/health?deep=1"))["missing_days"]

    assert missing[0] == "2026-01-06"
    assert len(missing) == 60
    said = "Days that are not loaded, and so are in no number: 2026-01-06, 2026-01-07, 2026-01-08 and 57 more."
    assert said in client.get(path).text


def test_the_small_line_of_a_page_is_broken(client: TestClient[Any]) -> None:
    """Of its 60 days four are loaded: 01-05 is not among them, 03-06 to 03-08 are one line, 03-10 is a point."""
    (path,) = re.findall(r'<path d="([^"]*)"/></svg>\s*<span class="quiet">60 days', client.get("/packages/some").text)

    assert re.findall("[ML]", path) == ["M", "L", "L", "L", "M", "L"]


def test_a_week_that_is_only_partly_there_is_left_out_and_said(client: TestClient[Any]) -> None:
    """The newest day is a Tuesday: two days of a week beside whole ones would look like a plunge."""
    path = "/api/packages/some/chart/overall?mirrors=false&granularity=week&start_date=2026-02-25"
    found = body(client.get(f"{path}&format=json"))
    everything = body(client.get(f"{path}&format=json&partial=true"))

    # From the first loaded day of the window, a Friday, on.
    assert (found["labels"], found["leftOut"]) == ([], ["2026-03-02", "2026-03-09"])
    assert (everything["labels"], everything["leftOut"]) == (["2026-03-02", "2026-03-09"], [])
    assert "no complete week in this period" in texts(client.get(f"{path}&format=svg").content)


def test_a_picture_says_that_weeks_are_left_out(client: TestClient[Any]) -> None:
    path = "/api/packages/some/chart/overall?granularity=week&start_date=2026-01-01&format=svg"

    said = " ".join(texts(client.get(path).content))
    assert "incomplete weeks left out" in said
    assert "incomplete" not in " ".join(texts(client.get(f"{path}&partial=true").content))


def test_a_series_has_partial_weeks_by_default(client: TestClient[Any]) -> None:
    path = "/api/packages/some/overall?mirrors=false&granularity=week&start_date=2026-01-01"

    dates = [row["date"] for row in body(client.get(path))["data"]]
    assert dates == ["2026-01-05", "2026-03-02", "2026-03-09"]
    assert [row["date"] for row in body(client.get(f"{path}&partial=false"))["data"]] == dates[:2]
    within_a_week = "/api/packages/some/overall?granularity=week&start_date=2026-03-09&partial=false"
    assert body(client.get(within_a_week))["data"] == []
