"""`origin=`: recent downloads, series, rankings and badges of people, CI, mirrors, …"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import body
from tests.support.dataset import Dataset
from tests.support.events import event

DAY, BEFORE = "2026-03-10 12:00:00 UTC", "2026-03-01 12:00:00 UTC"
EVENTS = [
    *[event(DAY, "some", ci=ci) for ci in (True, False, None, True)],
    event(BEFORE, "some", installer="uv"),
    event(DAY, "some", installer="bandersnatch", ci=True),
    event(DAY, "some", installer="Browser"),
    event(DAY, "some", installer="requests"),
    event(DAY, "some", installer="something-new", ci=True),
    event(DAY, "some", installer=None),
    event(DAY, "robots", ci=True),
]
RECENT = {
    "mirror": (1, 1, 1),
    "ci": (2, 2, 2),
    "installer": (2, 2, 3),
    "browser": (1, 1, 1),
    "other": (1, 1, 1),
    "null": (2, 2, 2),
}


@pytest.fixture(scope="module")
def client(make_dataset: Callable[[], Dataset]) -> Iterator[TestClient[Any]]:
    dataset = make_dataset()
    dataset.load(EVENTS)
    with dataset.client() as client:
        yield client


@pytest.mark.parametrize("origin", RECENT)
def test_recent(client: TestClient[Any], origin: str) -> None:
    day, week, month = RECENT[origin]
    expected = {"last_day": day, "last_month": month, "last_week": week}

    assert body(client.get(f"/api/packages/some/recent?origin={origin}")) == {
        "data": expected,
        "package": "some",
        "type": "recent_downloads",
    }
    of_many = body(client.get(f"/api/recent?package=some&package=robots&package=nope&origin={origin.upper()}"))
    assert (of_many["data"]["some"], of_many["missing"]) == (expected, ["nope"])


def test_overall_is_the_series_of_the_origin(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/overall?origin=installer"))

    assert answer == {
        "data": [
            {"category": "installer", "date": "2026-03-01", "downloads": 1},
            {"category": "installer", "date": "2026-03-10", "downloads": 2},
        ],
        "package": "some",
        "type": "overall_downloads",
    }


def test_top(client: TestClient[Any]) -> None:
    assert body(client.get("/api/top?origin=ci"))["data"] == [
        {"package": "some", "downloads": 2},
        {"package": "robots", "downloads": 1},
    ]
    assert body(client.get("/api/top?origin=installer"))["data"] == [{"package": "some", "downloads": 3}]
    assert [row["downloads"] for row in body(client.get("/api/top"))["data"]] == [8, 1]


@pytest.mark.parametrize(
    ("query", "label", "message"),
    [
        ("origin=installer", "installs", "3/month"),
        ("origin=installer&period=total&label=people", "people", "3"),
        ("origin=ci&period=day", "downloads", "2/day"),
        ("", "downloads", "8/month"),
    ],
)
def test_badge(client: TestClient[Any], query: str, label: str, message: str) -> None:
    answer = body(client.get(f"/api/packages/some/badge?format=shields&{query}"))

    assert (answer["label"], answer["message"]) == (label, message)


@pytest.mark.parametrize("path", ["/api/packages/some/recent", "/api/packages/some/overall"])
def test_mirrors_and_an_origin_exclude_one_another(client: TestClient[Any], path: str) -> None:
    answer = client.get(f"{path}?mirrors=true&origin=ci")

    assert (answer.status_code, answer.json()["detail"]) == (
        400,
        "mirrors: true is not accepted beside origin; mirrors are one of its values",
    )


def test_another_value_is_refused(client: TestClient[Any]) -> None:
    answer = client.get("/api/packages/some/recent?origin=people")

    assert (answer.status_code, answer.json()["detail"]) == (
        400,
        "origin: 'people' is not accepted; accepted is one of browser, ci, installer, mirror, null, other",
    )


def test_what_is_not_loaded_is_said(make_dataset: Callable[[], Dataset]) -> None:
    dataset = make_dataset()
    dataset.load(EVENTS, dimensions=[])
    with dataset.client() as client:
        for path in ("packages/some/recent?origin=ci", "packages/some/overall?origin=ci", "top?origin=ci"):
            answer = client.get(f"/api/{path}")
            assert (answer.status_code, "origin is not loaded for any day" in answer.text) == (404, True)
        badge = client.get("/api/packages/some/badge?origin=installer&format=shields")
        assert (badge.status_code, badge.json()["message"]) == (200, "not loaded")
        assert body(client.get("/api/recent?package=some&origin=ci")) == {
            "data": {},
            "missing": ["some"],
            "type": "recent_downloads",
        }


def test_profile(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/profile"))

    assert answer["window"] == {"start": "2026-02-09", "end": "2026-03-10"}
    assert answer["people"] == {"downloads": 3, "share": 3 / 10}
    assert answer["tells_ci"] is True
    assert answer["newest_release"] == {"version": "2.0.0", "downloads": 8, "share": 1.0}
    assert answer["shares"]["installer_version"]["categories"]["uv 25.3"] == {"downloads": 1, "share": 1 / 8}
    assert answer["shares"]["origin"]["days"] == 2
    assert client.get("/api/packages/nope/profile").status_code == 404


def test_a_profile_without_the_dimensions(make_dataset: Callable[[], Dataset]) -> None:
    dataset = make_dataset()
    dataset.load(EVENTS, dimensions=["cpu"])
    with dataset.client() as client:
        answer = body(client.get("/api/packages/some/profile"))

    assert (answer["people"], answer["tells_ci"], answer["shares"]["origin"]) == (None, False, None)
    assert answer["shares"]["cpu"] == {"days": 2, "categories": {"x86_64": {"downloads": 8, "share": 1.0}}}
