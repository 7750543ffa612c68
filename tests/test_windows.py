"""The one owner of time. Tests stand on the first day, the last day, and the day outside each."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from app.windows import (
    Granularity,
    Period,
    Window,
    complete_buckets,
    days_behind,
    days_not_loaded,
    last_days,
    last_period,
    next_day_due_at,
    requested_window,
)
from tests.support.answers import body, series
from tests.support.dataset import NOON, Dataset
from tests.support.events import event

NEWEST = date(2026, 3, 11)


@pytest.mark.parametrize(("days", "start"), [(1, date(2026, 3, 11)), (30, date(2026, 2, 10)), (180, date(2025, 9, 13))])
def test_a_window_ends_with_the_newest_day(days: int, start: date) -> None:
    assert last_days(NEWEST, days) == Window(start, NEWEST)


@pytest.mark.parametrize(
    ("period", "start"), [("day", date(2026, 3, 11)), ("week", date(2026, 3, 5)), ("month", date(2026, 2, 10))]
)
def test_periods_are_1_7_and_30_days(period: Period, start: date) -> None:
    assert last_period(NEWEST, period) == Window(start, NEWEST)


def test_a_month_is_30_days_over_a_leap_day_too() -> None:
    assert last_period(date(2024, 3, 15), "month") == Window(date(2024, 2, 15), date(2024, 3, 15))


@pytest.mark.parametrize(
    ("start", "end", "window"),
    [
        (None, None, Window(date(2025, 9, 13), NEWEST)),
        (date(2026, 3, 1), None, Window(date(2026, 3, 1), NEWEST)),
        (date(2020, 1, 1), None, Window(date(2020, 1, 1), NEWEST)),
        (None, date(2026, 1, 1), Window(date(2025, 7, 6), date(2026, 1, 1))),
        (date(2026, 3, 1), date(2026, 3, 1), Window(date(2026, 3, 1), date(2026, 3, 1))),
        (date(2026, 3, 12), None, Window(date(2026, 3, 12), date(2026, 3, 12))),
        # What no ClickHouse Date can hold has no rows.
        (date.min, date.max, Window(date(1970, 1, 1), date(2149, 6, 6))),
        (None, date.min, Window(date(1970, 1, 1), date(1970, 1, 1))),
        (date.max, None, Window(date(2149, 6, 6), date(2149, 6, 6))),
    ],
)
def test_what_a_request_leaves_out_is_as_in_the_default(start: date | None, end: date | None, window: Window) -> None:
    assert requested_window(NEWEST, 180, start, end) == window


def test_start_after_end() -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        requested_window(NEWEST, 180, date(2026, 3, 2), date(2026, 3, 1))


def test_missing_days() -> None:
    loaded = (date(2026, 3, 1), date(2026, 3, 5), date(2026, 3, 7), date(2026, 3, 8))

    assert days_not_loaded(loaded, 4) == (date(2026, 3, 6),)
    assert days_not_loaded(loaded, 5) == (date(2026, 3, 4), date(2026, 3, 6))
    assert days_not_loaded(loaded, 180) == (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 6))
    assert days_not_loaded((), 180) == ()


@pytest.mark.parametrize(
    ("now", "behind"),
    [
        (datetime(2026, 3, 11, tzinfo=UTC), 0),
        (datetime(2026, 3, 12, 23, 59, 59, tzinfo=UTC), 0),
        (datetime(2026, 3, 13, tzinfo=UTC), 1),
        (datetime(2026, 3, 13, 4, tzinfo=timezone(timedelta(hours=5))), 0),
        (datetime(2026, 3, 12, 20, tzinfo=timezone(timedelta(hours=-5))), 1),
        (datetime(2026, 3, 1, tzinfo=UTC), 0),
    ],
)
def test_days_behind_are_over_in_utc(now: datetime, behind: int) -> None:
    assert days_behind(NEWEST, now) == behind


def test_the_next_day_is_due_when_it_is_over() -> None:
    assert next_day_due_at(NEWEST) == datetime(2026, 3, 13, tzinfo=UTC)


def test_the_newest_day_is_the_newest_loaded_one_never_today(dataset: Dataset) -> None:
    """Long after the last load, the answers are those of its last day."""
    dataset.load([event("2026-03-11 12:00:00 UTC"), event("2025-09-13 12:00:00 UTC")])
    with dataset.client(now=datetime(2030, 1, 1, tzinfo=UTC)) as client:
        recent = body(client.get("/api/packages/numpy/recent"))["data"]
        overall = body(client.get("/api/packages/numpy/overall?mirrors=true"))

    assert recent == {"last_day": 1, "last_week": 1, "last_month": 1}
    assert overall == series("overall", "numpy", "with_mirrors 2025-09-13 1", "with_mirrors 2026-03-11 1")


def test_window_days_is_a_setting(dataset: Dataset) -> None:
    dataset.load(event(f"2026-{day} 12:00:00 UTC") for day in ("03-11", "02-10", "02-09"))
    with dataset.client(now=NOON + timedelta(days=1), window_days=30) as client:
        overall = body(client.get("/api/packages/numpy/overall?mirrors=true"))
        ending = body(client.get("/api/packages/numpy/overall?mirrors=true&end_date=2026-03-10"))
        summary = body(client.get("/api/packages/numpy/summary"))

    assert overall == series("overall", "numpy", "with_mirrors 2026-02-10 1", "with_mirrors 2026-03-11 1")
    assert ending == series("overall", "numpy", "with_mirrors 2026-02-09 1", "with_mirrors 2026-02-10 1")
    assert summary["totals"]["overall"] == 2


@pytest.mark.parametrize(
    ("granularity", "start", "end", "whole"),
    [
        ("day", date(2026, 3, 4), date(2026, 3, 4), ("2026-03-04", "2026-03-04")),
        # Mondays are the 2nd and the 9th.
        ("week", date(2026, 3, 2), date(2026, 3, 8), ("2026-03-02", "2026-03-08")),
        ("week", date(2026, 3, 1), date(2026, 3, 9), ("2026-03-02", "2026-03-08")),
        ("week", date(2026, 3, 3), date(2026, 3, 14), None),
        ("month", date(2026, 1, 1), date(2026, 3, 30), ("2026-01-01", "2026-02-28")),
        ("month", date(2025, 12, 2), date(2026, 1, 31), ("2026-01-01", "2026-01-31")),
        ("month", date(2026, 1, 31), date(2026, 2, 28), ("2026-02-01", "2026-02-28")),
        ("month", date(2026, 3, 2), date(2026, 3, 31), None),
    ],
)
def test_complete_buckets(granularity: Granularity, start: date, end: date, whole: tuple[str, str] | None) -> None:
    found = complete_buckets(Window(start, end), granularity)

    assert (found and (str(found.start), str(found.end))) == whole
