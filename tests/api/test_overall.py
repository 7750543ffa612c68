"""`/api/packages/{package}/overall`; and what all series have in common: windows, granularity, CSV."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_unknown, body, series
from tests.support.dataset import NOON
from tests.support.events import event

# The newest day is Wednesday, 2026-03-11; the 180 days that end with it begin on Saturday, 2025-09-13.
EVENTS = [
    event("2026-03-11 00:00:00 UTC", "edges"),
    event("2025-09-13 00:00:00 UTC", "edges"),
    event("2025-09-12 23:59:59.999999 UTC", "edges"),
    event("2025-09-12 23:59:59 UTC", "outside"),
    # The day is the UTC day, whatever the offset that a timestamp is written with.
    event("2026-03-10 00:00:00 UTC", "midnight"),
    event("2026-03-10 23:59:59.999999 UTC", "midnight"),
    event("2026-03-11T00:00:00+00:00", "midnight"),
    event("2026-03-11T04:59:59+05:00", "midnight"),
    event("2026-03-09T23:00:00-01:00", "midnight"),
    # Sundays and Mondays, the last days and the first ones of months.
    event("2026-02-28 12:00:00 UTC", "buckets"),
    event("2026-03-01 12:00:00 UTC", "buckets"),
    event("2026-03-02 12:00:00 UTC", "buckets"),
    event("2026-03-08 12:00:00 UTC", "buckets"),
    event("2026-03-08 12:00:00 UTC", "buckets", installer="devpi"),
    event("2026-03-09 12:00:00 UTC", "buckets"),
    event("2026-01-01 12:00:00 UTC", "buckets"),
    # Of 2026-03-05 each installer that decides something.
    event("2026-03-05 12:00:00 UTC", "bandersnatch", installer="bandersnatch"),
    event("2026-03-05 12:00:00 UTC", "z3c-pypimirror", installer="z3c.pypimirror"),
    event("2026-03-05 12:00:00 UTC", "artifactory", installer="Artifactory"),
    event("2026-03-05 12:00:00 UTC", "devpi", installer="devpi"),
    event("2026-03-05 12:00:00 UTC", "unknown-installer", installer=None),
    event("2026-03-05 12:00:00 UTC", "python-urllib", installer=None, python="2.7"),
    event("2026-03-05 12:00:00 UTC", "nexus", installer="Nexus"),
    event("2026-03-05 12:00:00 UTC", "pep381client", installer="pep381client"),
    event("2026-03-05 12:00:00 UTC", "empty-installer", installer=""),
    event("2026-03-05 12:00:00 UTC", "other-letter-case", installer="DevPI"),
    # The Python rule holds for mirrors too.
    event("2026-03-05 12:00:00 UTC", "malformed", python="3"),
    event("2026-03-05 12:00:00 UTC", "malformed", python="abc", installer="bandersnatch"),
    event("2026-03-05 12:00:00 UTC", "malformed", python="", installer="devpi"),
    event("2026-03-05 12:00:00 UTC", "malformed", python="3.9", installer="devpi"),
]


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS, now=NOON + timedelta(days=1))


@pytest.mark.parametrize("package", ["bandersnatch", "z3c-pypimirror", "artifactory", "devpi"])
def test_a_mirror_counts_with_mirrors_only(client: TestClient[Any], package: str) -> None:
    answer = body(client.get(f"/api/packages/{package}/overall"))

    assert answer == series("overall", package, "with_mirrors 2026-03-05 1")


@pytest.mark.parametrize("package", ["unknown-installer", "python-urllib"])
def test_an_unknown_installer_counts_with_mirrors_only(client: TestClient[Any], package: str) -> None:
    answer = body(client.get(f"/api/packages/{package}/overall"))

    assert answer == series("overall", package, "with_mirrors 2026-03-05 1")


@pytest.mark.parametrize("package", ["nexus", "pep381client", "empty-installer", "other-letter-case"])
def test_every_other_installer_counts_in_both(client: TestClient[Any], package: str) -> None:
    answer = body(client.get(f"/api/packages/{package}/overall"))

    assert answer == series("overall", package, "with_mirrors 2026-03-05 1", "without_mirrors 2026-03-05 1")


def test_a_malformed_python_counts_nowhere_not_even_with_mirrors(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/malformed/overall"))

    assert answer == series("overall", "malformed", "with_mirrors 2026-03-05 1")


@pytest.mark.parametrize(("mirrors", "category"), [("true", "with_mirrors"), ("false", "without_mirrors")])
def test_mirrors_selects_a_category(client: TestClient[Any], mirrors: str, category: str) -> None:
    answer = body(client.get(f"/api/packages/nexus/overall?mirrors={mirrors}"))

    assert answer == series("overall", "nexus", f"{category} 2026-03-05 1")


def test_a_category_without_rows_is_an_empty_series(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/devpi/overall?mirrors=false")) == series("overall", "devpi")


def test_the_window_is_the_180_days_that_end_with_the_newest_day(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/edges/overall"))

    assert answer == series(
        "overall",
        "edges",
        "with_mirrors 2025-09-13 1",
        "with_mirrors 2026-03-11 1",
        "without_mirrors 2025-09-13 1",
        "without_mirrors 2026-03-11 1",
    )


def test_a_known_package_without_downloads_in_the_window_is_an_empty_series(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/outside/overall")) == series("overall", "outside")


def test_the_body_is_upstreams_to_the_letter(client: TestClient[Any]) -> None:
    assert client.get("/api/packages/nexus/overall?mirrors=true").text == (
        '{"data":[{"category":"with_mirrors","date":"2026-03-05","downloads":1}],'
        '"package":"nexus","type":"overall_downloads"}'
    )


def test_a_day_is_a_utc_day(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/midnight/overall?mirrors=false"))

    assert answer == series("overall", "midnight", "without_mirrors 2026-03-10 4", "without_mirrors 2026-03-11 1")


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("start_date=2025-09-12", ["2025-09-12", "2025-09-13", "2026-03-11"]),
        ("start_date=2025-09-13", ["2025-09-13", "2026-03-11"]),
        ("start_date=2025-09-14", ["2026-03-11"]),
        ("start_date=2025-09-13&end_date=2026-03-10", ["2025-09-13"]),
        ("start_date=2025-09-13&end_date=2026-03-11", ["2025-09-13", "2026-03-11"]),
        ("start_date=2025-09-13&end_date=2025-09-13", ["2025-09-13"]),
        ("end_date=2026-03-10", ["2025-09-12", "2025-09-13"]),
        ("end_date=2026-03-12", ["2026-03-11"]),
        ("start_date=1969-01-01&end_date=2200-01-01", ["2025-09-12", "2025-09-13", "2026-03-11"]),
        ("start_date=0001-01-01&end_date=9999-12-31", ["2025-09-12", "2025-09-13", "2026-03-11"]),
        ("start_date=2026-03-12", []),
        ("start_date=2030-01-01&end_date=2030-12-31", []),
        ("start_date=9999-12-31", []),
        ("end_date=0001-01-01", []),
        ("end_date=2025-09-11", []),
    ],
)
def test_both_ends_of_a_window_belong_to_it(client: TestClient[Any], query: str, days: list[str]) -> None:
    answer = body(client.get(f"/api/packages/edges/overall?mirrors=true&{query}"))

    assert answer == series("overall", "edges", *[f"with_mirrors {day} 1" for day in days])


def test_a_week_is_named_by_its_monday(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/buckets/overall?granularity=week"))

    assert answer == series(
        "overall",
        "buckets",
        "with_mirrors 2025-12-29 1",
        "with_mirrors 2026-02-23 2",
        "with_mirrors 2026-03-02 3",
        "with_mirrors 2026-03-09 1",
        "without_mirrors 2025-12-29 1",
        "without_mirrors 2026-02-23 2",
        "without_mirrors 2026-03-02 2",
        "without_mirrors 2026-03-09 1",
    )


def test_a_month_is_named_by_its_first_day(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/buckets/overall?granularity=month&mirrors=false"))

    assert answer == series(
        "overall",
        "buckets",
        "without_mirrors 2026-01-01 1",
        "without_mirrors 2026-02-01 1",
        "without_mirrors 2026-03-01 4",
    )


@pytest.mark.parametrize(("granularity", "name"), [("week", "2026-03-02"), ("month", "2026-03-01")])
def test_a_bucket_counts_only_the_days_of_the_window(client: TestClient[Any], granularity: str, name: str) -> None:
    query = f"granularity={granularity}&mirrors=false&start_date=2026-03-08&end_date=2026-03-08"

    answer = body(client.get(f"/api/packages/buckets/overall?{query}"))

    assert answer == series("overall", "buckets", f"without_mirrors {name} 1")


def test_granularity_day_is_the_default(client: TestClient[Any]) -> None:
    path = "/api/packages/buckets/overall"

    assert body(client.get(f"{path}?granularity=day")) == body(client.get(path))


CSV = "category,date,downloads\r\nwith_mirrors,2026-03-05,1\r\nwithout_mirrors,2026-03-05,1\r\n"


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("?format=csv", "*/*"),
        ("?format=csv", "application/json"),
        ("", "text/csv"),
        ("", "text/csv;q=0.9, application/json;q=0.1"),
    ],
)
def test_csv_by_parameter_and_by_accept(client: TestClient[Any], query: str, accept: str) -> None:
    answer = client.get(f"/api/packages/nexus/overall{query}", headers={"Accept": accept})

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.content.decode() == CSV
    assert answer.headers["vary"] == ("Accept-Encoding" if query else "Accept, Accept-Encoding")


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("", "*/*"),
        ("", "application/json"),
        ("", "text/html,application/xhtml+xml,*/*;q=0.8"),
        ("?format=json", "text/csv"),
    ],
)
def test_json_otherwise(client: TestClient[Any], query: str, accept: str) -> None:
    answer = client.get(f"/api/packages/nexus/overall{query}", headers={"Accept": accept})

    assert body(answer) == series("overall", "nexus", "with_mirrors 2026-03-05 1", "without_mirrors 2026-03-05 1")


def test_a_csv_without_rows_has_its_header(client: TestClient[Any]) -> None:
    answer = client.get("/api/packages/outside/overall?format=csv")

    assert answer.content == b"category,date,downloads\r\n"


def test_all_is_the_sum_over_all_packages(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/__all__/overall?start_date=2026-03-05&end_date=2026-03-05"))

    assert answer == series("overall", "__all__", "with_mirrors 2026-03-05 11", "without_mirrors 2026-03-05 4")


def test_all_without_rows_is_an_empty_series(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/__all__/overall?end_date=2001-01-01"))

    assert answer == series("overall", "__all__")


def test_an_unknown_package(client: TestClient[Any]) -> None:
    assert_unknown(client.get("/api/packages/NOPE/overall"), "nope")
    assert_unknown(client.get("/api/packages/nope/overall?format=csv"), "nope")
