"""`/api/packages/{package}/badge`: downloads as a badge, and what it says where there is no number."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from litestar.testing import TestClient
from matplotlib.colors import CSS4_COLORS

from app.charts.badge import NAMED_COLORS
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
    "color: {!r} is not accepted; accepted is a color name of shields.io or CSS, such as brightgreen, "
    "or 3 or 6 hexadecimal digits"
)
LABEL = "label: {!r} is not accepted; accepted is 0 to 60 printable characters"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("period=year", "period: 'year' is not accepted; accepted is one of day, month, total, week"),
        (
            "style=social",
            "style: 'social' is not accepted; accepted is one of flat, flat-square, for-the-badge, plastic",
        ),
        ("format=png", "format: 'png' is not accepted; accepted is one of shields, svg"),
        ("color=greenish", COLORS.format("greenish")),
        ("color=1234", COLORS.format("1234")),
        ("color=", COLORS.format("")),
        ("color=red%0A", COLORS.format("red\n")),
        ('color=red"/>', COLORS.format('red"/>')),
        ("color=url(%23x)", COLORS.format("url(#x)")),
        ("strict=maybe", "strict: 'maybe' is not accepted; accepted is one of false, true"),
        ("label=a&label=b", "label: 2 values is not accepted; accepted is 0 to 60 printable characters"),
        ("label=%00", LABEL.format("\0")),
        (f"label={'x' * 61}", LABEL.format("x" * 61)),
    ],
)
def test_a_wrong_value_is_said_on_the_badge(client: TestClient[Any], query: str, detail: str) -> None:
    """A picture with another status than 200 is a broken one; with `strict=true` it is a problem."""
    badge = client.get(f"{BADGE}?{query}")

    said = detail.partition("; accepted")[0]
    said = said if len(said) <= 80 else f"{said[:79]}…"
    assert (badge.status_code, badge.headers["content-type"]) == (200, "image/svg+xml")
    assert texts(badge.content)[1:] == ["downloads", said]
    assert {rect.attrib.get("fill") for rect in ElementTree.fromstring(badge.content).iter(f"{SVG}rect")} >= {"#9f9f9f"}
    assert badge.headers["cache-control"] == "public, max-age=60"
    if not query.startswith(("format", "strict")):
        shields = client.get(f"{BADGE}?{query}&format=shields&strict=true")
        assert shields.status_code == 200
        assert (shields.json()["message"], shields.json()["isError"]) == (said, True)
        assert_bad(client.get(f"{BADGE}?{query}&strict=true"), detail)


def test_a_long_wrong_value_is_cut(client: TestClient[Any]) -> None:
    said = texts(client.get(BADGE, params={"label": "x" * 500}).content)[2]

    assert said == f"label: '{'x' * 71}…"


def test_what_is_right_is_kept_beside_what_is_wrong(client: TestClient[Any]) -> None:
    badge = client.get(f"{BADGE}?label=pulls&style=plastic&period=year").content

    assert texts(badge)[1:] == ["pulls", "period: 'year' is not accepted"]
    assert picture_size(badge)[1] == 18


def test_every_name_of_a_color(client: TestClient[Any]) -> None:
    """shields.io's own, and CSS's, which matplotlib has too. `green` is shields.io's."""
    for name, color in {**CSS4_COLORS, **NAMED_COLORS, "Success": "#44cc11"}.items():
        assert body(client.get(f"{BADGE}?format=shields&color={name}"))["color"] == color.lower()


@pytest.mark.parametrize("style", ["flat", "for-the-badge"])
def test_an_empty_label(client: TestClient[Any], style: str) -> None:
    badge = client.get(f"{BADGE}?label=&style={style}").content

    (name, message) = texts(badge)
    assert name == message.lower() == "7/month"
    rects = [rect.attrib for rect in ElementTree.fromstring(badge).iter(f"{SVG}rect")]
    assert "#555555" not in [rect.get("fill") for rect in rects]
    assert {int(rect["width"]) for rect in rects} == {picture_size(badge)[0]}
    assert body(client.get(f"{BADGE}?label=&format=shields"))["label"] == ""


@pytest.mark.parametrize("label", ["تنزيلات", "डाउनलोड", "下载", "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"])
@pytest.mark.parametrize("style", ["flat", "for-the-badge"])
def test_joined_letters_are_not_set_apart(client: TestClient[Any], label: str, style: str) -> None:
    """Space between the glyphs, which is what `textLength` adds by default, would break words apart."""
    badge = client.get(BADGE, params={"label": label, "style": style}).content

    (shown, message) = ElementTree.fromstring(badge).iter(f"{SVG}text")
    assert (shown.text, shown.attrib["lengthAdjust"]) == (label, "spacingAndGlyphs")
    assert "lengthAdjust" not in message.attrib


@pytest.mark.parametrize("period", ["day", "week", "month", "total"])
def test_an_unknown_package_is_said_on_the_badge(client: TestClient[Any], period: str) -> None:
    path = f"/api/packages/No.Such/badge?period={period}"
    badge, shields = client.get(path), client.get(f"{path}&format=shields")

    assert (badge.status_code, badge.headers["content-type"]) == (200, "image/svg+xml")
    assert texts(badge.content)[1:] == ["downloads", "unknown package"]
    # It may exist tomorrow, but need not be requested every moment.
    assert badge.headers["cache-control"] == "public, max-age=300"
    assert client.get(path, headers={"If-None-Match": badge.headers["etag"]}).status_code == 304
    assert (shields.status_code, shields.json()["message"]) == (200, "unknown package")
    assert (shields.json()["isError"], shields.json()["cacheSeconds"]) == (True, 300)

    strict = client.get(f"{path}&strict=true")
    assert (strict.status_code, strict.content) == (404, badge.content)
    assert client.get(f"{path}&strict=true&format=shields").status_code == 200
    # A condition is about a success.
    assert client.get(f"{path}&strict=true", headers={"If-None-Match": strict.headers["etag"]}).status_code == 404


def test_unknown_packages_are_asked_for_once_and_evict_nothing(client: TestClient[Any]) -> None:
    answers = client.app.state.services.answers
    before = len(answers.answers)
    with counted(client.app) as queries:
        for _ in range(2):
            assert client.get("/api/packages/nope/badge").status_code == 200

    assert list(queries).count("known") == 1
    assert len(answers.answers) == before


def test_an_unknown_package_has_a_number_once_it_is_loaded(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    with dataset.client(now=datetime(2026, 3, 12, 12, tzinfo=UTC)) as client:
        assert texts(client.get("/api/packages/late/badge").content)[2] == "unknown package"
        dataset.load([event("2026-03-11 12:00:00 UTC", "late")])
        client.get("/health?deep=1")  # looks for what is published

        assert texts(client.get("/api/packages/late/badge").content)[2] == "1/month"


def test_an_impossible_package_is_said_on_the_badge(client: TestClient[Any]) -> None:
    answer, strict = (client.get(f"/api/packages/-/badge{query}") for query in ("", "?strict=true"))

    assert texts(answer.content)[2] == "package: '-' cannot be a package's name"
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=60")
    assert (strict.status_code, strict.headers["content-type"]) == (400, "application/problem+json")


def test_what_cannot_be_had_is_said_on_the_badge(empty: TestClient[Any]) -> None:
    badge, shields, strict = (empty.get(BADGE + query) for query in ("", "?format=shields&strict=true", "?strict=true"))

    assert [answer.status_code for answer in (badge, shields, strict)] == [200, 200, 503]
    assert texts(badge.content)[1:] == ["downloads", "unavailable"]
    assert badge.headers["cache-control"] == "public, max-age=60"
    assert (shields.json()["message"], shields.json()["isError"]) == ("unavailable", True)
    assert strict.content == badge.content
    assert strict.headers["cache-control"] == "no-store"
    assert int(strict.headers["retry-after"]) > 0


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
