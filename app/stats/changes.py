"""What has changed: the last day, week and month beside those before, and which categories gained or lost."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from app.stats.dimensions import MIRRORS
from app.stats.questions import Popularity, SeriesQuestion, newest_day, series
from app.warehouse.reading.layout import Published
from app.warehouse.reading.warehouse import Warehouse
from app.windows import TREND_WEEKS, Window, a_week_before, days_of, last_period, one_before

SHIFTING = ("python_minor", "system", "installer", "version", "country")
"""The dimensions in which shares are compared."""


class ChangesQuestion(msgspec.Struct, frozen=True):
    """What has changed for a package."""

    package: str


class Compared(msgspec.Struct, frozen=True):
    """Downloads in a window, and in the one that it is compared with; None: not all of its days are loaded."""

    downloads: int
    before: int | None

    @property
    def change(self) -> float | None:
        """The difference as a part of what was before: 0.1 is a tenth more. None: there is nothing to compare with."""
        return (self.downloads - self.before) / self.before if self.before else None


class Shift(msgspec.Struct, frozen=True):
    """A category's downloads in the last week, and its share of the dimension (0 to 1) then and the week before."""

    category: str
    downloads: int
    share: float
    share_before: float | None

    @property
    def points(self) -> float | None:
        """How much the share has moved; 0.01 is one percentage point."""
        return None if self.share_before is None else self.share - self.share_before


class Changes(msgspec.Struct, frozen=True):
    """Without mirrors, but for installers. The last day is compared with the same day of the week before.

    `daily` is every day of the last month and of the one before it; `shifts` are by dimension, largest share first.
    """

    day: Compared
    week: Compared
    month: Compared
    daily: Sequence[tuple[date, int]]
    shifts: Mapping[str, Sequence[Shift]]

    @property
    def largest(self) -> tuple[str, Shift] | None:
        """The share that has moved most, with its dimension; None where nothing is known to have moved."""
        moved = [(name, shift) for name, shifts in self.shifts.items() for shift in shifts if shift.points]
        return max(moved, key=lambda found: abs(found[1].points or 0), default=None)


def change_of(popularity: Popularity) -> float | None:
    """The last week beside the mean of the `TREND_WEEKS` before: 0.1 is a tenth more. None: there was nothing then."""
    return popularity.last_week * TREND_WEEKS / popularity.before - 1 if popularity.before else None


async def changes(warehouse: Warehouse, published: Published, question: ChangesQuestion) -> Changes:
    """Raises UnknownPackageError."""
    newest = newest_day(published)
    week, month = last_period(newest, "week"), last_period(newest, "month")
    daily = await _daily(warehouse, published, question.package, Window(one_before(month).start, newest))
    day_before = a_week_before(newest)
    return Changes(
        day=_compared(daily, published, Window(newest, newest), Window(day_before, day_before)),
        week=_compared(daily, published, week, one_before(week)),
        month=_compared(daily, published, month, one_before(month)),
        daily=list(daily.items()),
        shifts=await _shifts(warehouse, published, question.package, week),
    )


async def _daily(warehouse: Warehouse, published: Published, package: str, window: Window) -> dict[date, int]:
    """Downloads without mirrors on every day of a window."""
    without = SeriesQuestion(package, "overall", MIRRORS["false"], window.start, window.end, "day", 1)
    rows = await series(warehouse, published, without)
    return dict.fromkeys(days_of(window), 0) | {row.date: row.downloads for row in rows}


def _compared(daily: Mapping[date, int], published: Published, window: Window, before: Window) -> Compared:
    is_whole = set(published.days).issuperset(days_of(before))
    return Compared(_sum(daily, window), _sum(daily, before) if is_whole else None)


def _sum(daily: Mapping[date, int], window: Window) -> int:
    return sum(daily[day] for day in days_of(window))


async def _shifts(warehouse: Warehouse, published: Published, package: str, week: Window) -> dict[str, list[Shift]]:
    now = _by_dimension(await warehouse.layout.totals(published, package, SHIFTING, week.start, week.end))
    earlier = one_before(week)
    then: dict[str, dict[str, int]] = {}
    if set(published.days).issuperset(days_of(earlier)):
        then = _by_dimension(await warehouse.layout.totals(published, package, SHIFTING, earlier.start, earlier.end))
    return {dimension: _shifts_in(now.get(dimension, {}), then.get(dimension, {})) for dimension in SHIFTING}


def _by_dimension(rows: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for dimension, category, downloads in rows:
        found.setdefault(dimension, {})[category] = downloads
    return found


def _shifts_in(now: Mapping[str, int], then: Mapping[str, int]) -> list[Shift]:
    """Every category of either week; where nothing was downloaded in the week before, no share is known of it."""
    total, total_before = sum(now.values()), sum(then.values())
    shifts = [
        Shift(
            category,
            now.get(category, 0),
            now.get(category, 0) / total if total else 0.0,
            then.get(category, 0) / total_before if total_before else None,
        )
        for category in sorted(now.keys() | then.keys())
    ]
    return sorted(shifts, key=lambda shift: -shift.share)
