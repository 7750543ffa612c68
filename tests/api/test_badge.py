"""`/api/packages/{package}/badge`: downloads as a badge, and what it says where there is no number."""

from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_bad, body, headers_of
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.pictures import picture_size, texts
from tests.support.queries import counted

DAY, WEEK, MONTH, BEFORE = (f"2026-{day} 12:00:00 UTC" for day in ("03-10", "03-04", "02-09", "01-01"))
EVENTS = [
    event(DAY, "some"),
    event(DAY, "some", installer="bandersnatch"),
    event(DAY, "some", installer=None),
    *[event(WEEK, "some")] * 2,
    *[event(MONTH, "some")] * 4,
    *[event(BEFORE, "some")] * 1226,
    event(BEFORE, "old"),
    event(DAY, "mirrored", installer="bandersnatch"),
]
BADGE = "/api/packages/some/badge"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


@pytest.fixture(scope="module")
def empty(make_dataset: Callable[[], Dataset]) -> Iterator[TestClient[Any]]:
    with make_dataset().client() as client:
        yield client


def test_the_whole_badge(client: TestClient[Any]) -> None:
    answer = client.get(BADGE)

    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.text == (
        '<svg xmlns="http://www.w3.org/2000/svg" width="129" height="20" role="img" aria-label="downloads: 7/month">'
        "<title>downloads: 7/month</title>"
        '<linearGradient id="shine-flat" x2="0" y2="100%"><stop offset="0" stop-color="#fff" stop-opacity="0.1"/>'
        '<stop offset="1" stop-color="#000" stop-opacity="0.1"/></linearGradient>'
        '<clipPath id="edge-129-20-3"><rect width="129" height="20" rx="3"/></clipPath>'
        '<g clip-path="url(#edge-129-20-3)"><rect width="71" height="20" fill="#555555"/>'
        '<rect x="71" width="58" height="20" fill="#007ec6"/>'
        '<rect width="129" height="20" fill="url(#shine-flat)"/></g>'
        '<g font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        '<text x="35.5" y="14" fill="#ffffff" textLength="59">downloads</text>'
        '<text x="100" y="14" fill="#ffffff" textLength="46">7/month</text></g></svg>'
    )


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "7/month"),
        ("?period=day", "1/day"),
        ("?period=WEEK", "3/week"),
        ("?period=month", "7/month"),
        ("?period=total", "1.23k"),
    ],
)
def test_periods(client: TestClient[Any], query: str, message: str) -> None:
    assert texts(client.get(BADGE + query).content) == [f"downloads: {message}", "downloads", message]


@pytest.mark.parametrize(
    ("package", "message"),
    [("mirrored", "0"), ("old", "1"), ("__all__", "1.23k")],
)
def test_total_is_without_mirrors_and_over_all_days(client: TestClient[Any], package: str, message: str) -> None:
    assert texts(client.get(f"/api/packages/{package}/badge?period=total").content)[2] == message
    assert texts(client.get("/api/packages/old/badge").content)[2] == "0/month"


def test_shields(client: TestClient[Any]) -> None:
    assert body(client.get(f"{BADGE}?format=shields&period=week&label=pulls&color=F0a&style=plastic")) == {
        "schemaVersion": 1,
        "label": "pulls",
        "message": "3/week",
        "color": "#ff00aa",
        "style": "plastic",
        "cacheSeconds": 3600,
    }


@pytest.mark.parametrize("style", ["flat", "flat-square", "plastic", "for-the-badge"])
def test_styles(client: TestClient[Any], style: str) -> None:
    badge = client.get(f"{BADGE}?style={style}&label=Hits").content

    name, label, message = texts(badge)
    assert name == "Hits: 7/month"
    assert (label, message) == (("HITS", "7/MONTH") if style == "for-the-badge" else ("Hits", "7/month"))
    heights = {"flat": 20, "flat-square": 20, "plastic": 18, "for-the-badge": 28}
    assert picture_size(badge)[1] == heights[style]
    root = ElementTree.fromstring(badge)
    widths = [float(text.attrib["textLength"]) for text in root.iter(f"{SVG}text")]
    assert sum(widths) + 24 <= picture_size(badge)[0] <= sum(widths) + 36


@pytest.mark.parametrize(
    ("color", "fill", "ink"),
    [
        ("brightgreen", "#44cc11", "#1f2328"),
        ("lightgray", "#9f9f9f", "#1f2328"),
        ("red", "#e05d44", "#1f2328"),
        ("123", "#112233", "#ffffff"),
        ("%23FFF", "#ffffff", "#1f2328"),
        ("a0B1c2", "#a0b1c2", "#1f2328"),
    ],
)
def test_colors(client: TestClient[Any], color: str, fill: str, ink: str) -> None:
    root = ElementTree.fromstring(client.get(f"{BADGE}?color={color}").content)

    assert [rect.attrib.get("fill") for rect in root.iter(f"{SVG}rect")][2] == fill
    assert [text.attrib["fill"] for text in root.iter(f"{SVG}text")] == ["#ffffff", ink]


HOSTILE = [
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "]]>&amp;<!--",
    "&#x1;",
    "</text><image href=x>",
    "\ufffe\uffff\x85",
    "\U0001f40d\u4e0b\u8f7d e\u0301",
    "&" * 60,
]


@pytest.mark.parametrize("label", HOSTILE)
@pytest.mark.parametrize("style", ["flat", "for-the-badge"])
def test_a_label_is_text_whatever_is_in_it(client: TestClient[Any], label: str, style: str) -> None:
    badge = client.get(BADGE, params={"label": label, "style": style}).content

    root = ElementTree.fromstring(badge)
    expected = label.translate({0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD, 0x85: 0xFFFD})
    assert texts(badge)[0] == f"{expected}: 7/month"
    assert root.attrib["aria-label"] == f"{expected}: 7/month"
    shapes = {"svg", "title", "linearGradient", "stop", "clipPath", "rect", "g", "text"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= shapes
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on") or "href" in name]
    assert body(client.get(BADGE, params={"label": label, "format": "shields"}))["label"] == label


COLORS = (
    "color: {!r} is not accepted; accepted is one of brightgreen, green, yellowgreen, yellow, orange, red, blue, grey, "
    "gray, lightgrey, lightgray, or 3 or 6 hexadecimal digits"
)
LABEL = "label: {!r} is not accepted; accepted is 1 to 60 printable characters"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("period=year", "period: 'year' is not accepted; accepted is one of day, month, total, week"),
        (
            "style=social",
            "style: 'social' is not accepted; accepted is one of flat, flat-square, for-the-badge, plastic",
        ),
        ("format=png", "format: 'png' is not accepted; accepted is one of shields, svg"),
        ("color=chartreuse", COLORS.format("chartreuse")),
        ("color=1234", COLORS.format("1234")),
        ("color=", COLORS.format("")),
        ("color=red%0A", COLORS.format("red\n")),
        ('color=red"/>', COLORS.format('red"/>')),
        ("color=url(%23x)", COLORS.format("url(#x)")),
        ("label=", LABEL.format("")),
        ("label=%00", LABEL.format("\0")),
        (f"label={'x' * 61}", LABEL.format("x" * 61)),
    ],
)
def test_bad_parameters(client: TestClient[Any], query: str, detail: str) -> None:
    assert_bad(client.get(f"{BADGE}?{query}"), detail)


@pytest.mark.parametrize("period", ["day", "week", "month", "total"])
def test_an_unknown_package_is_said_on_the_badge(client: TestClient[Any], period: str) -> None:
    path = f"/api/packages/No.Such/badge?period={period}"
    badge, shields = client.get(path), client.get(f"{path}&format=shields")

    assert (badge.status_code, badge.headers["content-type"]) == (404, "image/svg+xml")
    assert texts(badge.content)[1:] == ["downloads", "unknown package"]
    # It may be there tomorrow, but nobody need ask every moment.
    assert badge.headers["cache-control"] == "public, max-age=300"
    assert shields.status_code == 404
    assert (shields.json()["message"], shields.json()["isError"]) == ("unknown package", True)
    # A condition is about a success.
    assert client.get(path, headers={"If-None-Match": badge.headers["etag"]}).status_code == 404


def test_unknown_packages_are_asked_for_once(client: TestClient[Any]) -> None:
    with counted(client.app) as queries:
        for _ in range(2):
            assert client.get("/api/packages/nope/badge").status_code == 404

    assert list(queries).count("known") == 1


def test_an_impossible_package_is_a_problem(client: TestClient[Any]) -> None:
    answer = client.get("/api/packages/-/badge")

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_what_cannot_be_had_is_said_on_the_badge(empty: TestClient[Any]) -> None:
    badge, shields = empty.get(BADGE), empty.get(f"{BADGE}?format=shields")

    assert (badge.status_code, shields.status_code) == (503, 503)
    assert texts(badge.content)[1:] == ["downloads", "unavailable"]
    assert badge.headers["cache-control"] == "no-store"
    assert int(badge.headers["retry-after"]) > 0
    assert (shields.json()["message"], shields.json()["isError"]) == ("unavailable", True)


def test_a_badge_is_kept_for_long(dataset: Dataset) -> None:
    """Until the next day is due, and for an hour when it is overdue."""
    dataset.load(EVENTS)
    with dataset.client(cache_ttl_seconds=60) as client:
        assert client.get(BADGE).headers["cache-control"] == "public, max-age=43200"
    late = client.app.state.services.now().replace(day=13)
    with dataset.client(now=late, cache_ttl_seconds=60) as client:
        badge = client.get(BADGE)
        assert badge.headers["cache-control"] == "public, max-age=3600"
        assert client.get(BADGE, headers={"If-None-Match": badge.headers["etag"]}).status_code == 304
        assert client.get("/api/packages/some/recent").headers["cache-control"] == "public, max-age=60"


def test_head(client: TestClient[Any]) -> None:
    for path in (BADGE, "/api/packages/nope/badge"):
        got, head = client.get(path), client.head(path)

        assert (head.status_code, head.content, headers_of(head)) == (got.status_code, b"", headers_of(got))
