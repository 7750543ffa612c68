"""`/api/top`: the most downloaded packages."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_bad, body
from tests.support.events import event

# The newest day is 2026-03-10; the last week begins on 03-04, the last month on 02-09.
EVENTS = [
    event("2026-03-10 12:00:00 UTC", "today"),
    event("2026-03-10 12:00:00 UTC", "also-today"),
    *[event("2026-03-04 00:00:00 UTC", "this-week")] * 2,
    *[event("2026-03-03 23:59:59 UTC", "this-month")] * 3,
    *[event("2026-02-09 00:00:00 UTC", "this-month")] * 1,
    *[event("2026-02-08 23:59:59 UTC", "before")] * 9,
    *[event("2026-03-10 12:00:00 UTC", "mirrored", installer="bandersnatch")] * 9,
    *[event("2026-03-10 12:00:00 UTC", "unknown-installer", installer=None)] * 9,
    *[event("2026-03-10 12:00:00 UTC", "malformed", python="3")] * 9,
]


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


def top(period: str, **packages: int) -> dict[str, Any]:
    data = [{"package": name.replace("_", "-"), "downloads": downloads} for name, downloads in packages.items()]
    return {"data": data, "period": period, "type": "top_packages"}


MONTH = top("month", this_month=4, this_week=2, also_today=1, today=1)


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("", MONTH),
        ("?period=month", MONTH),
        ("?period=week", top("week", this_week=2, also_today=1, today=1)),
        ("?period=day", top("day", also_today=1, today=1)),
        ("?limit=2", top("month", this_month=4, this_week=2)),
        ("?limit=2&offset=1", top("month", this_week=2, also_today=1)),
        ("?offset=3", top("month", today=1)),
        ("?offset=4", top("month")),
        ("?limit=1000&offset=0", MONTH),
        ("?limit=1&offset=10000000", top("month")),
    ],
)
def test_most_downloaded_first_then_by_name(client: TestClient[Any], query: str, answer: Any) -> None:
    assert client.get(f"/api/top{query}").json() == answer


def test_without_mirrors_and_without_all(client: TestClient[Any]) -> None:
    packages = {row["package"] for row in body(client.get("/api/top"))["data"]}

    assert packages == {"this-month", "this-week", "also-today", "today"}


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=0", "limit: '0' is not accepted; accepted is a whole number from 1 to 1000"),
        ("limit=1001", "limit: '1001' is not accepted; accepted is a whole number from 1 to 1000"),
        ("limit=-1", "limit: '-1' is not accepted; accepted is a whole number from 1 to 1000"),
        ("limit=ten", "limit: 'ten' is not accepted; accepted is a whole number from 1 to 1000"),
        ("limit=1.5", "limit: '1.5' is not accepted; accepted is a whole number from 1 to 1000"),
        ("limit=", "limit: '' is not accepted; accepted is a whole number from 1 to 1000"),
        ("offset=-1", "offset: '-1' is not accepted; accepted is a whole number from 0 to 10000000"),
        ("offset=1e9", "offset: '1e9' is not accepted; accepted is a whole number from 0 to 10000000"),
        (
            "offset=99999999999999999999",
            "offset: '99999999999999999999' is not accepted; accepted is a whole number from 0 to 10000000",
        ),
        ("period=year", "period: 'year' is not accepted; accepted is one of day, month, week"),
    ],
)
def test_bad_parameters(client: TestClient[Any], query: str, detail: str) -> None:
    assert_bad(client.get(f"/api/top?{query}"), detail)
