"""`/api/packages/{package}/chart/{type}`: what is drawn, as Chart.js gets it and as a picture shows it."""

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from litestar.testing import TestClient

from app.charts.colors import THEMES, Theme
from tests.support.answers import assert_bad, assert_unknown, body, headers_of
from tests.support.events import event
from tests.support.oracle import FILTERS
from tests.support.pictures import picture_size, pixels, texts

# Monday 2026-02-23 to Tuesday 2026-03-10, with days between on which nothing is loaded or nothing downloaded.
SUNDAY, MONDAY, TUESDAY = "2026-03-08 12:00:00 UTC", "2026-03-09 12:00:00 UTC", "2026-03-10 12:00:00 UTC"
EVENTS = [
    event("2026-02-23 12:00:00 UTC", "old"),
    event(SUNDAY, "some", python="3.10.1", version="1.10", system="Windows", country="de"),
    event(SUNDAY, "some", python="3.9.1", version="1.9", file_type="sdist"),
    event(TUESDAY, "some", python="3.9.1", version="1.9rc1", installer="uv", country="fr"),
    event(TUESDAY, "some", python="2.7.1", version="late", system=None, country=None),
    event(TUESDAY, "some", installer="bandersnatch", python=None, system=None),
    event(TUESDAY, "one-day", python="3.13.1"),
    *[event(TUESDAY, "many", version=f"1.{minor}") for minor in range(14) for _ in range(minor + 1)],
    *[event(MONDAY, "many", version="other", installer="other") for _ in range(40)],
    *[event(TUESDAY, "many", installer=f"tool-{number:02}") for number in range(14)],
    event(TUESDAY, "odd", version="$x$ <&>\"'"),
    event(TUESDAY, "odd", version="_hidden"),
    event(TUESDAY, "odd", version="a\u0001b\n"),
    event(TUESDAY, "odd", version="x" * 150),
    event(TUESDAY, "odd", version="\U0001f40d\u4e0b"),
]
FROM_SUNDAY = "start_date=2026-03-08"
THREE_DAYS = ["2026-03-08", "2026-03-09", "2026-03-10"]
EVERY_TYPE = list(FILTERS)


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


def get(client: TestClient[Any], query: str) -> dict[str, Any]:
    """A chart as Chart.js gets it."""
    answer: dict[str, Any] = body(client.get(f"/api/packages/{query}{'&' if '?' in query else '?'}format=json"))
    return answer


def drawn(chart: dict[str, Any]) -> dict[str, list[int | None]]:
    """The values of each category, in the order of the legend."""
    return {dataset["label"]: dataset["data"] for dataset in chart["datasets"]}


def line(label: str, data: list[int], color: str) -> dict[str, Any]:
    look = {"backgroundColor": color, "borderColor": color, "borderWidth": 2, "pointRadius": 0, "fill": False}
    return {"label": label, "data": data, **look}


def test_lines(client: TestClient[Any]) -> None:
    assert get(client, f"Some/chart/python_minor?{FROM_SUNDAY}") == {
        "package": "some",
        "type": "python_minor",
        "chartType": "line",
        "title": "some: downloads by Python minor version",
        "granularity": "day",
        "labels": THREE_DAYS,
        "missingDays": [],
        "leftOut": [],
        "datasets": [
            line("2.7", [0, 0, 1], "#012c91"),
            line("3.9", [1, 0, 1], "#6639b8"),
            line("3.10", [1, 0, 0], "#90860f"),
        ],
    }


def test_bars_are_stacked(client: TestClient[Any]) -> None:
    assert get(client, f"some/chart/system?chart=bar&theme=dark&{FROM_SUNDAY}") == {
        "package": "some",
        "type": "system",
        "chartType": "bar",
        "title": "some: downloads by operating system",
        "granularity": "day",
        "labels": THREE_DAYS,
        "missingDays": [],
        "leftOut": [],
        "datasets": [
            {
                "label": "Linux",
                "data": [1, 0, 1],
                "backgroundColor": "#59bbff",
                "borderColor": "#59bbff",
                "stack": "downloads",
            },
            {
                "label": "Windows",
                "data": [1, 0, 0],
                "backgroundColor": "#f15340",
                "borderColor": "#f15340",
                "stack": "downloads",
            },
            {
                "label": "null",
                "data": [0, 0, 1],
                "backgroundColor": "#c9d1d9",
                "borderColor": "#c9d1d9",
                "stack": "downloads",
            },
        ],
    }


def test_what_one_category_has_of_the_other_is_not_stacked(client: TestClient[Any]) -> None:
    chart = get(client, f"some/chart/overall?chart=bar&{FROM_SUNDAY}")

    assert drawn(chart) == {"with_mirrors": [2, 0, 3], "without_mirrors": [2, 0, 2]}
    assert [(d["stack"], d["grouped"]) for d in chart["datasets"]] == [
        ("with_mirrors", False),
        ("without_mirrors", False),
    ]
    # Chart.js draws the lowest order last, so in front.
    assert chart["datasets"][1]["order"] < chart["datasets"][0]["order"]


@pytest.mark.parametrize(
    ("kind", "title", "datasets"),
    [
        (
            "overall",
            "downloads with and without mirrors",
            {"with_mirrors": [2, 0, 3], "without_mirrors": [2, 0, 2]},
        ),
        ("python_major", "downloads by Python major version", {"2": [0, 0, 1], "3": [2, 0, 1]}),
        (
            "python_minor",
            "downloads by Python minor version",
            {"2.7": [0, 0, 1], "3.9": [1, 0, 1], "3.10": [1, 0, 0]},
        ),
        ("system", "downloads by operating system", {"Linux": [1, 0, 1], "Windows": [1, 0, 0], "null": [0, 0, 1]}),
        ("installer", "downloads by installer", {"pip": [2, 0, 1], "bandersnatch": [0, 0, 1], "uv": [0, 0, 1]}),
        (
            "version",
            "downloads by version",
            {"1.9rc1": [0, 0, 1], "1.9": [1, 0, 0], "1.10": [1, 0, 0], "late": [0, 0, 1]},
        ),
        (
            "country",
            "downloads by country",
            {"DE": [1, 0, 0], "FR": [0, 0, 1], "US": [1, 0, 0], "null": [0, 0, 1]},
        ),
        ("file_type", "downloads by file type", {"bdist_wheel": [1, 0, 2], "sdist": [1, 0, 0]}),
    ],
)
def test_every_type(client: TestClient[Any], kind: str, title: str, datasets: dict[str, list[int]]) -> None:
    chart = get(client, f"some/chart/{kind}?{FROM_SUNDAY}")

    assert (chart["type"], chart["title"], chart["labels"]) == (kind, f"some: {title}", THREE_DAYS)
    assert list(drawn(chart).items()) == list(datasets.items())


@pytest.mark.parametrize(
    ("query", "datasets"),
    [
        ("overall?mirrors=true", {"with_mirrors": [2, 0, 3]}),
        ("overall?mirrors=FALSE", {"without_mirrors": [2, 0, 2]}),
        ("python_major?version=2", {"2": [0, 0, 1]}),
        ("python_minor?version=3.9", {"3.9": [1, 0, 1]}),
        ("version?version=1.10", {"1.10": [1, 0, 0]}),
        ("system?os=LINUX", {"Linux": [1, 0, 1]}),
        ("system?os=null", {"null": [0, 0, 1]}),
        ("installer?installer=uv", {"uv": [0, 0, 1]}),
        ("country?country=fr", {"FR": [0, 0, 1]}),
        ("file_type?type=sdist", {"sdist": [1, 0, 0]}),
        ("file_type?type=nosuch", {}),
        ("Python_Minor?version=3.9&CHART=x", {"3.9": [1, 0, 1]}),
    ],
)
def test_a_filter_leaves_one_category(client: TestClient[Any], query: str, datasets: dict[str, list[int]]) -> None:
    assert drawn(get(client, f"some/chart/{query}&{FROM_SUNDAY}")) == datasets


def test_data_is_json(client: TestClient[Any]) -> None:
    path = "/api/packages/some/chart/overall"

    assert client.get(f"{path}?format=DATA").content == client.get(f"{path}?format=json").content


def test_choices_in_any_letter_case(client: TestClient[Any]) -> None:
    path = "/api/packages/some/chart/overall"
    one = client.get(f"{path}?format=json&chart=bar&theme=dark&granularity=week")

    assert client.get(f"{path}?format=Json&chart=BAR&theme=Dark&granularity=WEEK").content == one.content


@pytest.mark.parametrize(
    ("query", "labels", "values"),
    [
        # Nothing was loaded before 02-23, nor from 02-24 to 03-07: of days of which nothing is known, no zero is drawn.
        (
            "",
            [f"2026-02-{day}" for day in range(23, 29)] + [f"2026-03-{day:02}" for day in range(1, 11)],
            [0, *[None] * 12, 2, 0, 2],
        ),
        ("end_date=2027-01-01&start_date=2026-03-09", ["2026-03-09", "2026-03-10"], [0, 2]),
        ("start_date=2026-03-08&end_date=2026-03-08", ["2026-03-08"], [2]),
        ("start_date=2026-03-01&end_date=2026-03-08", ["2026-03-08"], [2]),
        ("granularity=week", ["2026-02-23", "2026-03-02"], [0, 2]),
        ("granularity=week&partial=true", ["2026-02-23", "2026-03-02", "2026-03-09"], [0, 2, 2]),
        ("granularity=month&partial=true", ["2026-02-01", "2026-03-01"], [0, 4]),
    ],
)
def test_every_date_of_the_loaded_window_has_a_value(
    client: TestClient[Any], query: str, labels: list[str], values: list[int | None]
) -> None:
    chart = get(client, f"some/chart/overall?mirrors=false&{query}")

    assert chart["labels"] == labels
    assert drawn(chart)["without_mirrors"] == values


@pytest.mark.parametrize(
    "window", ["end_date=2026-02-01", "start_date=2026-04-01", "start_date=2026-03-01&end_date=2026-03-03"]
)
def test_a_window_without_loaded_days_is_an_empty_chart(client: TestClient[Any], window: str) -> None:
    chart = get(client, f"some/chart/overall?{window}")

    assert (chart["labels"], chart["datasets"]) == ([], [])
    assert picture_size(client.get(f"/api/packages/some/chart/overall?{window}").content) == (1200, 600)


def test_a_package_without_downloads_in_the_window_has_dates_and_no_series(client: TestClient[Any]) -> None:
    chart = get(client, f"old/chart/overall?{FROM_SUNDAY}")

    assert (chart["labels"], chart["datasets"]) == (THREE_DAYS, [])
    svg = client.get(f"/api/packages/old/chart/overall?{FROM_SUNDAY}&format=svg")
    assert "no downloads in this period" in texts(svg.content)


def test_the_ten_largest_are_drawn_and_the_rest_is_other(client: TestClient[Any]) -> None:
    chart = get(client, "many/chart/version?start_date=2026-03-09")

    # A version that is itself called so would be a second series of that name. `2.0.0` has the 14 of other installers.
    expected = {f"1.{minor}": [0, minor + 1] for minor in range(5, 14)} | {"2.0.0": [0, 14], "other": [40, 15]}
    assert list(drawn(chart).items()) == list(expected.items())
    assert len({dataset["borderColor"] for dataset in chart["datasets"]}) == 11


def test_equals_are_drawn_by_name(client: TestClient[Any]) -> None:
    chart = get(client, "many/chart/installer?start_date=2026-03-10&end_date=2026-03-10")

    assert list(drawn(chart)) == ["pip", *[f"tool-{number:02}" for number in range(9)], "other"]
    assert drawn(chart)["other"] == [5]


def test_all_packages(client: TestClient[Any]) -> None:
    chart = get(client, "__all__/chart/system?start_date=2026-03-10&os=null")

    assert (chart["package"], chart["title"]) == ("__all__", "all packages: downloads by operating system")
    assert drawn(chart) == {"null": [1]}


def test_one_day_is_a_point_that_can_be_seen(client: TestClient[Any]) -> None:
    chart = get(client, "one-day/chart/overall?start_date=2026-03-10")
    png = client.get("/api/packages/one-day/chart/overall?start_date=2026-03-10&mirrors=false").content

    assert [dataset["pointRadius"] for dataset in chart["datasets"]] == [4, 4]
    # The entry in the legend alone has fewer.
    assert pixels(png)[THEMES["light"].categories[0]] > 100


def colors_in(client: TestClient[Any], query: str) -> list[str]:
    """The colors that a chart's categories have."""
    return [dataset["backgroundColor"] for dataset in get(client, query)["datasets"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("chart", ["line", "bar"])
@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_each_category_is_drawn_in_its_color(client: TestClient[Any], kind: str, chart: str, theme: Theme) -> None:
    query = f"some/chart/{kind}?chart={chart}&theme={theme}&{FROM_SUNDAY}"
    png = client.get(f"/api/packages/{query}")
    svg = client.get(f"/api/packages/{query}&format=svg")

    assert (png.headers["content-type"], svg.headers["content-type"]) == ("image/png", "image/svg+xml")
    found = pixels(png.content)
    assert found.most_common(1)[0][0] == THEMES[theme].background
    # The lines of equal series lie on each other, so not all of each is seen: an entry in the legend has 30 pixels.
    for color in colors_in(client, query):
        assert found[color] > 60, color
        assert svg.text.count(f"stroke: {color}") + svg.text.count(f"fill: {color}") >= 2, color


def test_other_is_drawn_too(client: TestClient[Any]) -> None:
    query = "many/chart/version?start_date=2026-03-09&chart=bar"
    found = pixels(client.get(f"/api/packages/{query}").content)

    colors = colors_in(client, query)
    assert len(set(colors)) == 11
    assert all(found[color] > 200 for color in colors)


@pytest.mark.parametrize("kind", ["png", "svg"])
@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("", (1200, 600)),
        ("width=320&height=240", (320, 240)),
        ("width=2400", (2400, 600)),
        ("height=1600&chart=bar", (1200, 1600)),
        ("width=333&height=1001", (333, 1001)),
    ],
)
def test_size(client: TestClient[Any], kind: str, query: str, size: tuple[int, int]) -> None:
    answer = client.get(f"/api/packages/some/chart/version?format={kind}&{query}")

    assert picture_size(answer.content) == size


@pytest.mark.parametrize("chart", ["line", "bar"])
def test_a_small_picture_has_room_for_what_it_shows(client: TestClient[Any], chart: str) -> None:
    for package in ("many", "odd"):
        query = f"{package}/chart/version?chart={chart}&width=320&height=240&start_date=2026-03-09"
        svg = client.get(f"/api/packages/{query}&format=svg").content
        found = pixels(client.get(f"/api/packages/{query}").content)
        labels = [text for text in texts(svg) if text in drawn(get(client, query))]

        assert labels
        assert sum(found[color] for color in colors_in(client, query)) > 500


def test_an_svg_says_what_it_shows(client: TestClient[Any]) -> None:
    svg = client.get(f"/api/packages/some/chart/python_minor?format=svg&{FROM_SUNDAY}").content

    shown = texts(svg)
    assert shown[0] == "some: downloads by Python minor version"
    for text in ("per day, 2026-03-08 to 2026-03-10", "2.7", "3.9", "3.10", "8 Mar", "10 Mar", "0", "1"):
        assert text in shown
    assert ElementTree.fromstring(svg).attrib["role"] == "img"


def test_large_numbers_are_in_thousands(client_of: Callable[..., TestClient[Any]]) -> None:
    client = client_of(event(TUESDAY, "some") for _ in range(2500))
    svg = client.get("/api/packages/some/chart/python_major?format=svg").content

    assert {"0", "500", "1k", "1.5k", "2k", "2.5k"} <= set(texts(svg))


@pytest.mark.parametrize("chart", ["line", "bar"])
def test_names_are_text_whatever_is_in_them(client: TestClient[Any], chart: str) -> None:
    path = f"/api/packages/odd/chart/version?chart={chart}"
    svg = client.get(f"{path}&format=svg").content

    shown = texts(svg)
    for text in ("$x$ <&>\"'", "_hidden", "a\ufffdb\ufffd", "x" * 27 + "\u2026", "\U0001f40d\u4e0b"):
        assert text in shown
    assert picture_size(client.get(path).content) == (1200, 600)


def test_the_same_chart_is_the_same_bytes(client: TestClient[Any]) -> None:
    for kind in ("png", "svg"):
        path = f"/api/packages/some/chart/version?format={kind}"
        one, other = client.get(path), client.get(f"{path}&nocache=1")

        assert one.content == other.content
        assert one.headers["etag"] == other.headers["etag"]
        assert client.get(path, headers={"If-None-Match": one.headers["etag"]}).status_code == 304


TYPES = ", ".join(EVERY_TYPE)
OF_VERSIONS = "python_major, python_minor, version"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("nosuch", f"type: 'nosuch' is not accepted; accepted is one of {TYPES}"),
        ("downloads?version=%00", "version: '\\x00' is not accepted; accepted is 1 to 200 printable characters"),
        ("overall?chart=pie", "chart: 'pie' is not accepted; accepted is one of bar, line"),
        ("overall?format=csv", "format: 'csv' is not accepted; accepted is one of data, json, png, svg"),
        ("overall?theme=sepia", "theme: 'sepia' is not accepted; accepted is one of dark, light"),
        ("overall?width=319", "width: '319' is not accepted; accepted is a whole number from 320 to 2400"),
        ("overall?width=2401", "width: '2401' is not accepted; accepted is a whole number from 320 to 2400"),
        ("overall?height=239", "height: '239' is not accepted; accepted is a whole number from 240 to 1600"),
        ("overall?height=1e9", "height: '1e9' is not accepted; accepted is a whole number from 240 to 1600"),
        (
            "overall?start_date=2026-03-10&end_date=2026-03-09",
            "start_date: 2026-03-10 is after end_date, 2026-03-09",
        ),
        ("system?os=BeOS", "os: 'BeOS' is not accepted; accepted is one of Darwin, Linux, Windows, null, other"),
        (
            "system?mirrors=true",
            "mirrors: a chart of system has no such filter; it is one of overall; system accepts os",
        ),
        (
            "overall?version=3",
            f"version: a chart of overall has no such filter; it is one of {OF_VERSIONS}; overall accepts mirrors",
        ),
        (
            "python_minor?os=linux&version=3.9",
            "os: a chart of python_minor has no such filter; it is one of system; python_minor accepts version",
        ),
        (
            "version?installer=pip",
            "installer: a chart of version has no such filter; it is one of installer; version accepts version",
        ),
        (
            "file_type?country=de",
            "country: a chart of file_type has no such filter; it is one of country; file_type accepts type",
        ),
        (
            "country?type=sdist",
            "type: a chart of country has no such filter; it is one of file_type; country accepts country",
        ),
    ],
)
def test_bad_parameters(client: TestClient[Any], query: str, detail: str) -> None:
    assert_bad(client.get(f"/api/packages/some/chart/{query}"), detail)


@pytest.mark.parametrize("kind", ["png", "svg", "json"])
def test_an_unknown_package(client: TestClient[Any], kind: str) -> None:
    assert_unknown(client.get(f"/api/packages/No.Such/chart/system?format={kind}"), "no-such")


def test_an_impossible_package(client: TestClient[Any]) -> None:
    answer = client.get("/api/packages/-/chart/system")

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_head(client: TestClient[Any]) -> None:
    path = "/api/packages/some/chart/overall"
    got, head = client.get(path), client.head(path)

    assert (head.status_code, head.content, headers_of(head)) == (200, b"", headers_of(got))


def test_the_colors_are_the_same_on_every_chart(client: TestClient[Any]) -> None:
    alone = get(client, "some/chart/python_minor?version=3.9")["datasets"][0]
    among = next(d for d in get(client, "some/chart/python_minor")["datasets"] if d["label"] == "3.9")

    assert json.dumps(alone) == json.dumps(among)
