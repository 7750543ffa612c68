"""What has changed: the last day, week and month against those before, and the categories that gained or lost."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from app.stats.dimensions import MIRRORS
from app.stats.questions import Popularity, SeriesQuestion, series
from app.warehouse.reading.results import TotalRow
from app.warehouse.reading.snapshot import Snapshot
from app.windows import TREND_WEEKS, Window, preceding_window, recent_windows, week_before

SHIFTING = ("python_minor", "system", "installer", "version", "country")
"""The dimensions in which shares are compared."""


class Comparison(msgspec.Struct, frozen=True):
    """Downloads in a window and in the window before; None if not every day of that one is loaded."""

    downloads: int
    before: int | None

    @property
    def change(self) -> float | None:
        """The relative difference: 0.1 is 10 % more. None without downloads to compare with."""
        return (self.downloads - self.before) / self.before if self.before else None


class Shift(msgspec.Struct, frozen=True):
    """A category's downloads in the last week, and its share of the dimension (0 to 1) then and the week before."""

    category: str
    downloads: int
    share: float
    share_before: float | None

    @property
    def points(self) -> float | None:
        """The difference of the shares: 0.01 is one percentage point."""
        return None if self.share_before is None else self.share - self.share_before


class Changes(msgspec.Struct, frozen=True):
    """Without mirrors, but for installers. The last day is compared with the same day of the week before.

    `daily` is every day of the last month and of the one before it, None where a day is not loaded; `shifts` are by
    dimension, largest share first.
    """

    day: Comparison
    week: Comparison
    month: Comparison
    daily: Sequence[tuple[date, int | None]]
    shifts: Mapping[str, Sequence[Shift]]

    @property
    def largest(self) -> tuple[str, Shift] | None:
        """The dimension and the category whose share moved most; None if no share is known to have moved."""
        moved = [(name, shift) for name, shifts in self.shifts.items() for shift in shifts if shift.points]
        return max(moved, key=lambda found: abs(found[1].points or 0), default=None)


def change_of(popularity: Popularity) -> float | None:
    """The last week against the weekly mean of the `TREND_WEEKS` weeks before: 0.1 is 10 % more. None if that is 0."""
    return popularity.last_week * TREND_WEEKS / popularity.before - 1 if popularity.before else None


async def changes(snapshot: Snapshot, package: str) -> Changes:
    """What has changed for a package. Raises UnknownPackageError."""
    newest = snapshot.newest_day
    windows = recent_windows(newest)
    daily = await _daily(snapshot, package, Window(preceding_window(windows.month).start, newest))
    same_weekday = week_before(newest)
    loaded = set(snapshot.published.days)
    return Changes(
        day=_comparison(snapshot, daily, windows.day, Window(same_weekday, same_weekday)),
        week=_comparison(snapshot, daily, windows.week, preceding_window(windows.week)),
        month=_comparison(snapshot, daily, windows.month, preceding_window(windows.month)),
        daily=[(day, count if day in loaded else None) for day, count in daily.items()],
        shifts=await _shifts(snapshot, package, windows.week),
    )


async def _daily(snapshot: Snapshot, package: str, window: Window) -> dict[date, int]:
    """Downloads without mirrors on every day of a window."""
    rows = await series(snapshot, SeriesQuestion(package, "overall", MIRRORS["false"], window.start, window.end))
    return dict.fromkeys(window.days, 0) | {row.date: row.downloads for row in rows}


def _comparison(snapshot: Snapshot, daily: Mapping[date, int], window: Window, before: Window) -> Comparison:
    return Comparison(_sum(daily, window), _sum(daily, before) if snapshot.is_loaded(before) else None)


def _sum(daily: Mapping[date, int], window: Window) -> int:
    return sum(daily[day] for day in window.days)


async def _shifts(snapshot: Snapshot, package: str, week: Window) -> dict[str, list[Shift]]:
    now = _by_dimension(await snapshot.tables.totals(snapshot.published, package, SHIFTING, week))
    earlier = preceding_window(week)
    then: dict[str, dict[str, int]] = {}
    if snapshot.is_loaded(earlier):
        then = _by_dimension(await snapshot.tables.totals(snapshot.published, package, SHIFTING, earlier))
    return {dimension: _shifts_in(now.get(dimension, {}), then.get(dimension, {})) for dimension in SHIFTING}


def _by_dimension(rows: Iterable[TotalRow]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row.dimension, {})[row.category] = row.downloads
    return found


def _shifts_in(now: Mapping[str, int], then: Mapping[str, int]) -> list[Shift]:
    """The categories of either week, largest share first. Without downloads in the week before, its shares are None."""
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
