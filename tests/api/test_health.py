"""`/health`."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.cache.timing import CacheTiming
from tests.support.answers import body
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.oracle import OPTIONAL


def days(*names: str) -> list[dict[str, Any]]:
    return [event(f"{name} 12:00:00 UTC") for name in names]


def test_alive_with_nothing_loaded(dataset: Dataset) -> None:
    with dataset.client() as client:
        for query in ("", "?deep=0"):
            answer = client.get(f"/health{query}")

            assert body(answer) == {"status": "ok"}
            assert answer.headers["cache-control"] == "no-store"


def test_deep_is_503_with_nothing_loaded(dataset: Dataset) -> None:
    with dataset.client() as client:
        answer = client.get("/health?deep=1")

    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json() == {
        "status": 503,
        "title": "Service Unavailable",
        "detail": "no day of downloads has been loaded yet",
        "clickhouse": "reachable",
        **dataset.facts,
    }


def test_deep_says_what_is_loaded(dataset: Dataset) -> None:
    dataset.load(days("2026-03-10"))
    with dataset.client(now=datetime(2026, 3, 11, 12, tzinfo=UTC)) as client:
        answer = client.get("/health?deep=1")

    assert answer.headers["cache-control"] == "no-store"
    assert body(answer) == {
        "status": "ok",
        "clickhouse": "reachable",
        **dataset.facts,
        "newest_day": "2026-03-10",
        "days_behind": 0,
        "missing_days": [],
        "dimensions": {name: [{"first": "2026-03-10", "last": "2026-03-10"}] for name in (*OPTIONAL, "ci")},
        "index": {
            "state": "off",
            "reason": "GITHUB_TOKEN is not set",
            "entries": 0,
            "built_at": None,
            "age_seconds": None,
            "next_build_at": None,
            "github_quota_left": None,
            "last_error": None,
        },
    }


@pytest.mark.parametrize(
    ("now", "behind"),
    [
        (datetime(2026, 3, 11, 23, 59, 59, tzinfo=UTC), 0),
        (datetime(2026, 3, 12, tzinfo=UTC), 1),
        (datetime(2026, 3, 20, 1, tzinfo=UTC), 9),
    ],
)
def test_days_behind_are_days_that_are_over_and_not_loaded(dataset: Dataset, now: datetime, behind: int) -> None:
    dataset.load(days("2026-03-10"))
    with dataset.client(now=now) as client:
        assert body(client.get("/health?deep=1"))["days_behind"] == behind


def test_missing_days_are_those_of_the_window_since_the_first_loaded_one(dataset: Dataset) -> None:
    dataset.load(days("2025-09-11", "2026-03-06", "2026-03-08", "2026-03-10"))
    with dataset.client(window_days=30) as client:
        missing = body(client.get("/health?deep=1"))["missing_days"]
    with dataset.client() as client:
        all_missing = body(client.get("/health?deep=1"))["missing_days"]

    assert missing == [
        *[f"2026-02-{day:02}" for day in range(9, 29)],
        *[f"2026-03-{day:02}" for day in (1, 2, 3, 4, 5, 7, 9)],
    ]
    # The window of 180 days begins the day after the first loaded one.
    assert (all_missing[0], all_missing[-1], len(all_missing)) == ("2025-09-12", "2026-03-09", 177)


def test_days_before_the_first_loaded_one_are_not_missing(dataset: Dataset) -> None:
    dataset.load(days("2026-03-08", "2026-03-10"))
    with dataset.client() as client:
        assert body(client.get("/health?deep=1"))["missing_days"] == ["2026-03-09"]


def test_deep_sees_a_new_day_with_its_next_look(dataset: Dataset) -> None:
    dataset.load(days("2026-03-09"))
    with dataset.client(timing=CacheTiming(look=0.001)) as client:
        before = body(client.get("/health?deep=1"))["newest_day"]
        dataset.load(days("2026-03-10"))
        after = body(client.get("/health?deep=1"))["newest_day"]

    assert (before, after) == ("2026-03-09", "2026-03-10")


def test_deep_is_503_where_clickhouse_cannot_be_asked(dataset: Dataset) -> None:
    dataset.load(days("2026-03-10"))
    with dataset.client() as client:
        dataset.query(f"DROP TABLE {dataset.needed_table} SYNC")
        answer = client.get("/health?deep=1")
        alive = client.get("/health")

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json() == {
        "status": 503,
        "title": "Service Unavailable",
        "detail": "ClickHouse does not answer",
        "clickhouse": "unreachable",
    }
    assert body(alive) == {"status": "ok"}


def test_a_bad_value(dataset: Dataset) -> None:
    with dataset.client() as client:
        answer = client.get("/health?deep=yes")

    assert answer.status_code == 400
    assert answer.json()["detail"] == "deep: 'yes' is not accepted; accepted is one of 0, 1"
