"""The questions that clients ask about downloads, and their answers as structs.

A question is hashable. Its answer depends on the question and on the snapshot, and on nothing else.
"""

from collections.abc import Sequence
from datetime import date
from typing import NoReturn

import msgspec

from app.names import ALL_PACKAGES
from app.stats.dimensions import MIRRORS
from app.warehouse.reading.followed import RankingNeed
from app.warehouse.reading.results import NO_SERIES, Series
from app.warehouse.reading.snapshot import Snapshot
from app.windows import (
    PERIOD_DAYS,
    Granularity,
    Period,
    Window,
    buckets,
    complete_buckets,
    last_period,
    loaded_window,
    popularity_windows,
    recent_windows,
)

SUMMARY_DIMENSIONS = ("overall", "system", "python_major", "python_minor", "installer")


class UnknownPackageError(LookupError):
    """The package has no loaded download."""


class DimensionNotLoadedError(LookupError):
    """A dimension is not loaded for any day of a package, or of any if it is ''."""

    def __init__(self, package: str, dimension: str) -> None:
        super().__init__(package, dimension)
        self.package = package
        self.dimension = dimension


class SeriesQuestion(msgspec.Struct, frozen=True):
    """A package's downloads in one dimension; `category` None is all. Without `start` and `end`: the default window.

    Without `partial`, weeks and months of which not all days are in the window, and loaded or between loaded ones, are
    left out.
    """

    package: str
    dimension: str
    category: str | None = None
    start: date | None = None
    end: date | None = None
    granularity: Granularity = "day"
    partial: bool = True


class SeriesRow(msgspec.Struct, frozen=True, gc=False):
    """Downloads of a category on a day, or in the week or month that starts on it. The field order is upstream's."""

    category: str
    date: date
    downloads: int


class SeriesDates(msgspec.Struct, frozen=True):
    """The dates that rows of a series can have, consecutive, from the first loaded day of its window to the last.

    `unknown` are the dates of which no day is loaded; `missing_days` are all days between that are not loaded.
    `left_out` are the dates of the weeks or months that are left out because they are only partly there.
    """

    dates: list[date]
    unknown: frozenset[date]
    missing_days: list[date]
    left_out: list[date]


class RecentQuestion(msgspec.Struct, frozen=True):
    """Downloads of packages in the last day, week and month, with or without mirrors, or those of an origin."""

    packages: tuple[str, ...]
    mirrors: bool = False
    origin: str | None = None

    @property
    def dimension(self) -> str:
        """The dimension that is counted in."""
        return "overall" if self.origin is None else "origin"

    @property
    def category(self) -> str:
        """The category that is counted."""
        return self.origin or MIRRORS["true" if self.mirrors else "false"]


class RecentCounts(msgspec.Struct, frozen=True):
    """Downloads in the 1, 30 and 7 days that end with the newest day. The field order is upstream's."""

    last_day: int
    last_month: int
    last_week: int


class RecentByPackage(msgspec.Struct, frozen=True):
    """Recent downloads by package, in the order of the question, and the packages that are unknown."""

    by_package: dict[str, RecentCounts]
    unknown: list[str]


class SummaryTotals(msgspec.Struct, frozen=True):
    """Downloads of a package by dimension and category; `overall` is one number, without mirrors."""

    overall: int
    system: dict[str, int]
    python_major: dict[str, int]
    python_minor: dict[str, int]
    installer: dict[str, int]


class TopQuestion(msgspec.Struct, frozen=True):
    period: Period
    limit: int
    offset: int = 0
    origin: str | None = None


class SearchQuestion(msgspec.Struct, frozen=True):
    """Packages whose normalised name starts with `prefix`."""

    prefix: str
    limit: int


class Popularity(msgspec.Struct, frozen=True):
    """A package's downloads without mirrors: over a window, in the last month, in the last week, and in the
    `windows.TREND_WEEKS` weeks before that week."""

    downloads: int = 0
    last_month: int = 0
    last_week: int = 0
    before: int = 0


class RankedPackage(msgspec.Struct, frozen=True):
    """A package and its downloads, without mirrors."""

    package: str
    downloads: int


async def series(snapshot: Snapshot, question: SeriesQuestion) -> list[SeriesRow]:
    """Rows in text order of category, then date. Raises UnknownPackageError and DimensionNotLoadedError."""
    return list(map(SeriesRow, *await series_columns(snapshot, question)))


async def series_columns(snapshot: Snapshot, question: SeriesQuestion) -> Series:
    """The same rows as three columns: there may be many. Raises UnknownPackageError and DimensionNotLoadedError."""
    require(snapshot, [question.package], question.dimension)
    window = snapshot.window(question.start, question.end) if question.partial else _complete(snapshot, question)
    found = window and await snapshot.tables.series(
        snapshot.published,
        question.package,
        question.dimension,
        window,
        () if question.category is None else (question.category,),
        question.granularity,
    )
    if not found or not found.downloads:
        await require_known(snapshot, question.package, question.dimension)
        return NO_SERIES
    return found


def series_dates(snapshot: Snapshot, question: SeriesQuestion) -> SeriesDates:
    """The dates of a series."""
    days = snapshot.published.days_of(question.dimension)
    loaded = loaded_window(days, snapshot.window(question.start, question.end))
    everything = buckets(loaded.days, question.granularity) if loaded else []
    window = loaded if question.partial else _complete(snapshot, question)
    if window is None:
        return SeriesDates([], frozenset(), [], everything)
    published = set(days)
    known = buckets((day for day in window.days if day in published), question.granularity)
    dates = buckets(window.days, question.granularity)
    missing = [day for day in window.days if day not in published]
    left_out = [day for day in everything if day not in dates]
    return SeriesDates(dates, frozenset(dates).difference(known), missing, left_out)


def _complete(snapshot: Snapshot, question: SeriesQuestion) -> Window | None:
    """The whole weeks or months of a series between its first and its last loaded day; None if there is none."""
    days = snapshot.published.days_of(question.dimension)
    window = loaded_window(days, snapshot.window(question.start, question.end))
    return complete_buckets(window, question.granularity) if window else None


async def total(snapshot: Snapshot, package: str, origin: str | None = None) -> int:
    """A package's downloads on all loaded days, without mirrors or those of an origin.

    Raises UnknownPackageError and DimensionNotLoadedError.
    """
    about = RecentQuestion((package,), origin=origin)
    require(snapshot, [package], about.dimension)
    everything = SeriesQuestion(
        package,
        about.dimension,
        about.category,
        start=snapshot.published.days[0] if snapshot.published.days else None,
        end=snapshot.newest_day,
        granularity="month",
    )
    return sum(row.downloads for row in await series(snapshot, everything))


async def recent(snapshot: Snapshot, question: RecentQuestion) -> RecentByPackage:
    """Recent downloads. A package that is known and was not downloaded lately has zeros.

    One none of whose days has the origin is as unknown as one without downloads; `raise_unknown` distinguishes the two.
    """
    require(snapshot, question.packages, question.dimension)
    windows = recent_windows(snapshot.newest_day)
    rows = await snapshot.tables.recent(
        snapshot.published, question.packages, question.dimension, question.category, windows
    )
    found = {row.package: RecentCounts(row.last_day, row.last_month, row.last_week) for row in rows}
    silent = [package for package in question.packages if package not in found]
    known = (
        await snapshot.tables.known(snapshot.published, silent, _days(snapshot, question.dimension))
        if silent
        else set()
    )
    nothing = RecentCounts(0, 0, 0)
    return RecentByPackage(
        {package: found.get(package, nothing) for package in question.packages if package in found or package in known},
        [package for package in silent if package not in known],
    )


async def summary(snapshot: Snapshot, package: str) -> SummaryTotals:
    """Totals over the default window. Raises UnknownPackageError."""
    require(snapshot, [package])
    rows = await snapshot.tables.totals(snapshot.published, package, SUMMARY_DIMENSIONS, snapshot.window())
    if not rows:
        await require_known(snapshot, package)
    sums: dict[str, dict[str, int]] = {dimension: {} for dimension in SUMMARY_DIMENSIONS}
    for row in rows:
        sums[row.dimension][row.category] = row.downloads
    overall = sums.pop("overall").get(MIRRORS["false"], 0)
    return SummaryTotals(overall, **sums)


async def top(snapshot: Snapshot, question: TopQuestion) -> list[RankedPackage]:
    """The most downloaded packages, without mirrors or of an origin. Raises DimensionNotLoadedError.

    A store that fetches has its source's shorter ranking, without origins.
    """
    about = RecentQuestion((), origin=question.origin)
    if snapshot.fetches:
        if question.origin:
            raise DimensionNotLoadedError("", "origin")
        column = f"last_{question.period}"
        ranked = [(row.package, getattr(row, column)) for row in await snapshot.ranking()]
        return _ranked(ranked)[question.offset : question.offset + question.limit]
    window = last_period(snapshot.newest_day, question.period)
    if not snapshot.published.days_of(about.dimension):
        raise DimensionNotLoadedError("", about.dimension)
    rows = await snapshot.tables.top(snapshot.published, about.category, window, question.limit, question.offset)
    return [RankedPackage(*row) for row in rows]


async def search(snapshot: Snapshot, question: SearchQuestion) -> list[RankedPackage]:
    """Packages by the start of their name, by downloads in the last month."""
    if snapshot.fetches:
        ranking = await snapshot.ranking(question.prefix)
        return [RankedPackage(row.package, row.last_month) for row in ranking[: question.limit]]
    window, month = snapshot.window(), last_period(snapshot.newest_day, "month")
    rows = await snapshot.tables.search(snapshot.published, question.prefix, window, month, question.limit)
    return [RankedPackage(*row) for row in rows]


async def popularity(snapshot: Snapshot, packages: Sequence[str], days: int) -> dict[str, Popularity]:
    """The popularity over `days` and lately, in one query, of each package of which it is known.

    A store that fetches knows it of the packages that it follows, and over a month of the most downloaded ones.
    """
    known = [package for package in packages if not snapshot.fetches or snapshot.is_followed(package)]
    found: dict[str, Popularity] = {}
    if len(known) < len(packages) and days == PERIOD_DAYS["month"]:
        ranking = await snapshot.tables.ranking(RankingNeed())
        found = {
            row.package: Popularity(row.last_month, row.last_month, row.last_week, row.before)
            for row in (ranking.rows if ranking else ())
            if row.package in packages
        }
    if known:
        windows = popularity_windows(snapshot.newest_day, days)
        rows = await snapshot.tables.popularity(snapshot.published, known, windows)
        found |= dict.fromkeys(known, Popularity())
        found |= {row.package: Popularity(row.whole, row.month, row.week, row.before) for row in rows}
    return found


def require(snapshot: Snapshot, packages: Sequence[str], dimension: str = "") -> None:
    """Raise NotFetchedError if the store has to fetch something first. The sum over all packages is in no source."""
    snapshot.require([package for package in packages if package != ALL_PACKAGES], dimension)


def _ranked(rows: Sequence[tuple[str, int]]) -> list[RankedPackage]:
    """Packages that have downloads, most downloaded first."""
    return [RankedPackage(*row) for row in sorted(rows, key=lambda row: (-row[1], row[0])) if row[1]]


async def require_known(snapshot: Snapshot, package: str, dimension: str = "overall") -> None:
    """Raise UnknownPackageError for a package without downloads; DimensionNotLoadedError for one that has them only on
    days without a dimension."""
    if not await snapshot.tables.known(snapshot.published, [package]):
        raise UnknownPackageError(package)
    days = _days(snapshot, dimension)
    if days is not None and not await snapshot.tables.known(snapshot.published, [package], days):
        raise DimensionNotLoadedError(package, dimension)


async def raise_unknown(snapshot: Snapshot, package: str, dimension: str) -> NoReturn:
    """Raise the error of a package of which `recent` has found nothing."""
    if _days(snapshot, dimension) is not None:
        await require_known(snapshot, package, dimension)
    raise UnknownPackageError(package)


def _days(snapshot: Snapshot, dimension: str) -> tuple[date, ...] | None:
    """The days on which a dimension is loaded; None if that is all of them."""
    days = snapshot.published.days_of(dimension)
    return None if days == snapshot.published.days else days
