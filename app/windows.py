"""The one owner of time: every range of dates that a question covers is computed here, from the newest loaded day."""

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import msgspec

Granularity = Literal["day", "week", "month"]
Period = Literal["day", "week", "month"]
PERIOD_DAYS: dict[Period, int] = {"day": 1, "week": 7, "month": 30}
"""Days in `last_day`, `last_week` and `last_month`."""

TREND_WEEKS = 4
"""Weeks that the last one is compared with."""

# What a ClickHouse Date can hold: dates beyond have no rows.
FIRST_DATE = date(1970, 1, 1)
LAST_DATE = date(2149, 6, 6)


class Window(msgspec.Struct, frozen=True):
    """Days from `start` to `end`, both inclusive."""

    start: date
    end: date


def last_days(newest: date, days: int) -> Window:
    """The days that end with the newest loaded day."""
    return Window(newest - timedelta(days=days - 1), newest)


def last_period(newest: date, period: Period) -> Window:
    """The last day, week or month."""
    return last_days(newest, PERIOD_DAYS[period])


def trend_windows(newest: date) -> tuple[Window, Window]:
    """The last week, and the four weeks before it that it is compared with."""
    week = last_period(newest, "week")
    return week, last_days(week.start - timedelta(days=1), TREND_WEEKS * PERIOD_DAYS["week"])


def days_of(window: Window) -> list[date]:
    """The days in a window, in order."""
    return [window.start + timedelta(days=offset) for offset in range((window.end - window.start).days + 1)]


def one_before(window: Window) -> Window:
    """As many days as a window has, and the last of them is the day before it begins."""
    return last_days(window.start - timedelta(days=1), len(days_of(window)))


def a_week_before(day: date) -> date:
    """The same day of the week before: downloads dip at weekends, so that days are compared with these."""
    return day - timedelta(days=7)


def requested(newest: date, days: int, start: date | None, end: date | None) -> Window:
    """The window that a request names; what it leaves out is as in the default, `days` that end with the newest day.

    Raises ValueError where both are given and start is after end.
    """
    if start is not None and end is not None and start > end:
        raise ValueError
    last = _clamped(end or max(newest, start or newest))
    return Window(_clamped(start or last_days(last, days).start), last)


def _clamped(day: date) -> date:
    return max(FIRST_DATE, min(day, LAST_DATE))


def loaded_part(loaded: tuple[date, ...], window: Window) -> Window | None:
    """A window from its first loaded day to its last; None where no day of it is loaded."""
    there = loaded[bisect_left(loaded, window.start) : bisect_right(loaded, window.end)]
    return Window(there[0], there[-1]) if there else None


def buckets(window: Window, granularity: Granularity) -> list[date]:
    """The first day of each day, week (its Monday) or month of a window: those that a series names its rows by."""
    return list(dict.fromkeys(_first_of(day, granularity) for day in days_of(window)))


def _first_of(day: date, granularity: Granularity) -> date:
    if granularity == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if granularity == "month" else day


def missing_days(loaded: tuple[date, ...], days: int) -> tuple[date, ...]:
    """The days of the default window that are not loaded, from the first loaded day on."""
    if not loaded:
        return ()
    window = last_days(loaded[-1], days)
    first = max(window.start, loaded[0])
    there = set(loaded)
    return tuple(day for day in days_of(Window(first, window.end)) if day not in there)


def days_behind(newest: date, now: datetime) -> int:
    """How many days are over that are not loaded yet."""
    return max(0, (now.astimezone(UTC).date() - newest).days - 1)


def next_day_due(newest: date) -> datetime:
    """When the day after the newest is over, and so may appear."""
    return datetime.combine(newest + timedelta(days=2), time(), UTC)
