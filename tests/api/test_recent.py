"""`/api/packages/{package}/recent`."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_unknown, body
from tests.support.events import event

# The newest day is 2026-03-10; the last week begins on 03-04, the last month on 02-09.
EVENTS = [
    *[event("2026-03-10 23:59:59 UTC", "edges")] * 1,
    *[event("2026-03-09 23:59:59.999999 UTC", "edges")] * 2,
    *[event("2026-03-04 00:00:00 UTC", "edges")] * 4,
    *[event("2026-03-03 23:59:59 UTC", "edges")] * 8,
    *[event("2026-02-09 00:00:00 UTC", "edges")] * 16,
    *[event("2026-02-08 23:59:59 UTC", "edges")] * 32,
    event(project="installers", installer="pip"),
    event(project="installers", installer="Nexus"),
    event(project="installers", installer="pep381client"),
    event(project="installers", installer=""),
    event(project="installers", installer="bandersnatch"),
    event(project="installers", installer="z3c.pypimirror"),
    event(project="installers", installer="Artifactory"),
    event(project="installers", installer="devpi"),
    event(project="installers", installer=None),
    event("2026-02-08 12:00:00 UTC", "old"),
    event("2025-01-01 12:00:00 UTC", "very-old"),
    event(project="mirrored", installer="bandersnatch"),
    event(project="urllib", installer=None, python="2.7"),
    event(project="malformed", python="3"),
]


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


def recent(package: str, **data: int) -> dict[str, Any]:
    return {"data": data, "package": package, "type": "recent_downloads"}


def test_the_periods_are_the_1_7_and_30_days_that_end_with_the_newest_day(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/edges/recent")) == recent("edges", last_day=1, last_week=7, last_month=31)


def test_the_body_is_upstreams_to_the_letter(client: TestClient[Any]) -> None:
    assert client.get("/api/packages/edges/recent").text == (
        '{"data":{"last_day":1,"last_month":31,"last_week":7},"package":"edges","type":"recent_downloads"}'
    )


@pytest.mark.parametrize(("period", "downloads"), [("day", 1), ("week", 7), ("month", 31)])
def test_a_period_is_answered_alone(client: TestClient[Any], period: str, downloads: int) -> None:
    answer = body(client.get(f"/api/packages/edges/recent?period={period}"))

    assert answer == recent("edges", **{f"last_{period}": downloads})


@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_a_period_without_downloads_is_0(client: TestClient[Any], period: str) -> None:
    answer = body(client.get(f"/api/packages/old/recent?period={period}"))

    assert answer == recent("old", **{f"last_{period}": 0})


def test_mirrors_are_left_out_and_nexus_and_pep381client_are_none(client: TestClient[Any]) -> None:
    for query in ("", "?mirrors=false", "?&mirrors=false"):
        answer = body(client.get(f"/api/packages/installers/recent{query}"))

        assert answer == recent("installers", last_day=4, last_week=4, last_month=4)


def test_mirrors_and_unknown_installers_count_when_asked_for(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/installers/recent?mirrors=true"))

    assert answer == recent("installers", last_day=9, last_week=9, last_month=9)


def test_a_period_with_mirrors(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/installers/recent?period=week&mirrors=true"))

    assert answer == recent("installers", last_week=9)


@pytest.mark.parametrize("package", ["old", "very-old", "mirrored", "urllib"])
def test_a_package_that_only_others_downloaded_or_long_ago_has_zeros(client: TestClient[Any], package: str) -> None:
    answer = body(client.get(f"/api/packages/{package}/recent"))

    assert answer == recent(package, last_day=0, last_week=0, last_month=0)


def test_all_is_the_sum_over_all_packages(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/__all__/recent")) == recent(
        "__all__", last_day=5, last_week=11, last_month=35
    )
    assert body(client.get("/api/packages/__all__/recent?mirrors=true")) == recent(
        "__all__", last_day=12, last_week=18, last_month=42
    )


def test_names_are_normalised_and_echoed_normalised(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/Very._-OLD/recent"))

    assert answer == recent("very-old", last_day=0, last_week=0, last_month=0)


@pytest.mark.parametrize("package", ["nope", "malformed"])
def test_a_package_of_which_nothing_counts_is_unknown(client: TestClient[Any], package: str) -> None:
    assert_unknown(client.get(f"/api/packages/{package}/recent"), package)
