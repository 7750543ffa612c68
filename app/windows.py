"""Windows: every range of dates that a query covers is computed here, from the newest loaded day."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import msgspec

Granularity = Literal["day", "week", "month"]
Period = Literal["day", "week", "month"]
PERIOD_DAYS: dict[Period, int] = {"day": 1, "week": 7, "month": 30}
"""Days in `last_day`, `last_week` and `last_month`."""

TREND_WEEKS = 4
"""The number of weeks that the last week is compared with."""

# The range of ClickHouse's type Date: dates outside it have no rows.
FIRST_DATE = date(1970, 1, 1)
LAST_DATE = date(2149, 6, 6)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Window(msgspec.Struct, frozen=True):
    """Days from `start` to `end`, both inclusive."""

    start: date
    end: date

    @property
    def days(self) -> list[date]:
        return [self.start + timedelta(days=offset) for offset in range((self.end - self.start).days + 1)]


def last_days(newest: date, days: int) -> Window:
    """The days that end with the newest loaded day."""
    return Window(newest - timedelta(days=days - 1), newest)


def last_period(newest: date, period: Period) -> Window:
    return last_days(newest, PERIOD_DAYS[period])


class RecentWindows(msgspec.Struct, frozen=True):
    """The last day, week and month. All end with the newest loaded day."""

    day: Window
    week: Window
    month: Window


def recent_windows(newest: date) -> RecentWindows:
    """The windows of `last_day`, `last_week` and `last_month`."""
    return RecentWindows(last_period(newest, "day"), last_period(newest, "week"), last_period(newest, "month"))


class PopularityWindows(msgspec.Struct, frozen=True):
    """The windows of a package's popularity; `whole`, `month` and `week` end with the newest loaded day.

    `before` is the `TREND_WEEKS` weeks before `week`: the trend compares the two.
    """

    whole: Window
    month: Window
    week: Window
    before: Window

    @property
    def first(self) -> date:
        return min(self.whole.start, self.month.start, self.before.start)


def popularity_windows(newest: date, days: int) -> PopularityWindows:
    """The windows of a package's popularity, with a whole of so many days."""
    recent = recent_windows(newest)
    before = last_days(recent.week.start - timedelta(days=1), TREND_WEEKS * PERIOD_DAYS["week"])
    return PopularityWindows(last_days(newest, days), recent.month, recent.week, before)


def preceding_window(window: Window) -> Window:
    """The window of the same length that ends on the day before."""
    return last_days(window.start - timedelta(days=1), len(window.days))


def week_before(day: date) -> date:
    """The day seven days earlier. Downloads dip at weekends, so a day is compared with the same weekday."""
    return day - timedelta(days=7)


def requested_window(newest: date, days: int, start: date | None, end: date | None) -> Window:
    """The window from `start` to `end`. What is None is as in the default window: `days` that end with `newest`.

    Raises ValueError if start is after end.
    """
    if start is not None and end is not None and start > end:
        raise ValueError
    last = _clamped(end or max(newest, start or newest))
    return Window(_clamped(start or last_days(last, days).start), last)


def _clamped(day: date) -> date:
    return max(FIRST_DATE, min(day, LAST_DATE))


def loaded_window(loaded: tuple[date, ...], window: Window) -> Window | None:
    """The part of a window from its first loaded day to its last; None if none of its days is loaded."""
    there = loaded[bisect_left(loaded, window.start) : bisect_right(loaded, window.end)]
    return Window(there[0], there[-1]) if there else None


def buckets(days: Iterable[date], granularity: Granularity) -> list[date]:
    """The first day of each day, week (Monday) or month that days are in: the dates that the rows of a series have."""
    return list(dict.fromkeys(_first_of(day, granularity) for day in days))


def _first_of(day: date, granularity: Granularity) -> date:
    if granularity == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if granularity == "month" else day


def complete_buckets(window: Window, granularity: Granularity) -> Window | None:
    """The part of a window that consists of whole days, weeks or months; None if it has no whole one."""
    start = _first_of(window.start, granularity)
    if start < window.start:
        start = _next(start, granularity)
    end = _first_of(window.end + timedelta(days=1), granularity) - timedelta(days=1)
    return Window(start, end) if start <= end else None


def _next(first: date, granularity: Granularity) -> date:
    """The first day of the following day, week or month."""
    days = {"day": 1, "week": 7, "month": 31}[granularity]
    return _first_of(first + timedelta(days=days), granularity)


def days_not_loaded(loaded: tuple[date, ...], days: int) -> tuple[date, ...]:
    """The days of the last `days` that are not loaded, from the first loaded day on."""
    if not loaded:
        return ()
    window = last_days(loaded[-1], days)
    first = max(window.start, loaded[0])
    there = set(loaded)
    return tuple(day for day in Window(first, window.end).days if day not in there)


def day_spans(days: Iterable[date]) -> list[tuple[date, date]]:
    """The first and the last of days that follow one another; `days` are in order."""
    spans: list[tuple[date, date]] = []
    for day in days:
        if spans and (day - spans[-1][1]).days == 1:
            spans[-1] = spans[-1][0], day
        else:
            spans.append((day, day))
    return spans


def listed_days(days: Sequence[date], most: int = 3) -> str:
    """The first of some days, and how many more there are."""
    listed = ", ".join(map(str, days[:most]))
    return listed + (f" and {len(days) - most:,} more" if days[most:] else "")


def days_behind(newest: date, now: datetime) -> int:
    """The number of UTC days that have ended since the newest loaded day."""
    return max(0, (now.astimezone(UTC).date() - newest).days - 1)


def next_day_due_at(newest: date) -> datetime:
    """When the day after the newest one ends (UTC): it can be loaded from then on."""
    return datetime.combine(newest + timedelta(days=2), time(), UTC)
