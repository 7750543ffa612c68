"""The questions that can be asked about downloads, and their answers as plain structures.

A question is hashable and complete but for what is loaded: with equal Published, equal questions have equal answers.
"""

from collections.abc import Sequence
from datetime import date

import msgspec

from app.names import ALL_PACKAGES
from app.stats.dimensions import MIRRORS
from app.warehouse.reading.layout import Published
from app.warehouse.reading.warehouse import Warehouse
from app.windows import (
    Granularity,
    Period,
    Window,
    buckets,
    last_days,
    last_period,
    loaded_part,
    requested,
    trend_windows,
)

SUMMARY_DIMENSIONS = ("overall", "system", "python_major", "python_minor", "installer")


class UnknownPackageError(LookupError):
    """No download of this package has been loaded."""


class NothingLoadedError(LookupError):
    """No day has been loaded yet."""


class SeriesQuestion(msgspec.Struct, frozen=True):
    """A package's downloads in one dimension; `category` None stands for all."""

    package: str
    dimension: str
    category: str | None
    start: date | None
    end: date | None
    granularity: Granularity
    window_days: int


class SeriesRow(msgspec.Struct, frozen=True, gc=False):
    """Downloads of one category on one day, or in the week or month that begins then. In upstream's order of keys."""

    category: str
    date: date
    downloads: int


class RecentQuestion(msgspec.Struct, frozen=True):
    """Downloads of packages on the last day, in the last week, in the last month."""

    packages: tuple[str, ...]
    mirrors: bool


class Recent(msgspec.Struct, frozen=True):
    """Downloads on the 1, 7 and 30 days that end with the newest day."""

    last_day: int
    last_month: int
    last_week: int


class SummaryQuestion(msgspec.Struct, frozen=True):
    """A package's totals over the default window."""

    package: str
    window_days: int


class TopQuestion(msgspec.Struct, frozen=True):
    """The most downloaded packages."""

    period: Period
    limit: int
    offset: int


class SearchQuestion(msgspec.Struct, frozen=True):
    """Packages whose normalised name begins so."""

    prefix: str
    limit: int
    window_days: int


class Popularity(msgspec.Struct, frozen=True):
    """A package's downloads without mirrors: over a window, in the last month, in the last week, and in the
    `windows.TREND_WEEKS` before that week."""

    downloads: int = 0
    last_month: int = 0
    last_week: int = 0
    before: int = 0


class Ranked(msgspec.Struct, frozen=True):
    """A package and its downloads, without mirrors."""

    package: str
    downloads: int


def newest_day(published: Published) -> date:
    """The newest day that is completely loaded. Raises NothingLoadedError where there is none."""
    if published.newest_day is None:
        raise NothingLoadedError
    return published.newest_day


async def series(warehouse: Warehouse, published: Published, question: SeriesQuestion) -> list[SeriesRow]:
    """Rows by category, then date, both in plain text order. Raises UnknownPackageError."""
    window = _window(published, question)
    categories = () if question.category is None else (question.category,)
    found = await warehouse.layout.series(
        published,
        question.package,
        question.dimension,
        categories,
        window.start,
        window.end,
        question.granularity,
    )
    if not found.downloads:
        await _require_known(warehouse, published, question.package)
    return list(map(SeriesRow, *found))


def series_dates(published: Published, question: SeriesQuestion) -> list[date]:
    """The dates that rows of a series can have, without a gap: from the first loaded day of its window to the last."""
    there = loaded_part(published.days, _window(published, question))
    return buckets(there, question.granularity) if there else []


def _window(published: Published, question: SeriesQuestion) -> Window:
    return requested(newest_day(published), question.window_days, question.start, question.end)


async def total(warehouse: Warehouse, published: Published, package: str) -> int:
    """A package's downloads on all loaded days, without mirrors. Raises UnknownPackageError."""
    newest = newest_day(published)
    everything = SeriesQuestion(
        package=package,
        dimension="overall",
        category=MIRRORS["false"],
        start=published.days[0],
        end=newest,
        granularity="month",
        window_days=1,
    )
    return sum(row.downloads for row in await series(warehouse, published, everything))


async def recent(
    warehouse: Warehouse, published: Published, question: RecentQuestion
) -> tuple[dict[str, Recent], list[str]]:
    """Recent downloads by package, in the order asked; and the packages that are not known."""
    newest = newest_day(published)
    rows = await warehouse.layout.recent(
        published,
        question.packages,
        MIRRORS["true" if question.mirrors else "false"],
        (last_period(newest, "day").start, last_period(newest, "week").start, last_period(newest, "month").start),
        newest,
    )
    found = {package: Recent(day, month, week) for package, day, week, month in rows}
    silent = [package for package in question.packages if package not in found]
    known = await warehouse.layout.known(published, silent) if silent else set()
    nothing = Recent(0, 0, 0)
    answers = {
        package: found.get(package, nothing) for package in question.packages if package in found or package in known
    }
    return answers, [package for package in silent if package not in known]


async def summary(
    warehouse: Warehouse, published: Published, question: SummaryQuestion
) -> dict[str, int | dict[str, int]]:
    """Totals by dimension and category; `overall` is one number, without mirrors. Raises UnknownPackageError."""
    window = last_days(newest_day(published), question.window_days)
    rows = await warehouse.layout.totals(published, question.package, SUMMARY_DIMENSIONS, window.start, window.end)
    if not rows:
        await _require_known(warehouse, published, question.package)
    sums: dict[str, dict[str, int]] = {dimension: {} for dimension in SUMMARY_DIMENSIONS}
    for dimension, category, downloads in rows:
        sums[dimension][category] = downloads
    overall = sums.pop("overall").get(MIRRORS["false"], 0)
    return {"overall": overall, **sums}


async def top(warehouse: Warehouse, published: Published, question: TopQuestion) -> list[Ranked]:
    """The most downloaded packages, without mirrors."""
    window = last_period(newest_day(published), question.period)
    rows = await warehouse.layout.top(published, window.start, window.end, question.limit, question.offset)
    return [Ranked(package, downloads) for package, downloads in rows]


async def search(warehouse: Warehouse, published: Published, question: SearchQuestion) -> list[Ranked]:
    """Packages by the beginning of their name, most downloaded in the last month first."""
    newest = newest_day(published)
    window = last_days(newest, question.window_days)
    month = last_period(newest, "month").start
    rows = await warehouse.layout.search(published, question.prefix, window.start, month, newest, question.limit)
    return [Ranked(package, downloads) for package, downloads in rows]


async def popularity(
    warehouse: Warehouse, published: Published, packages: Sequence[str], days: int
) -> dict[str, Popularity]:
    """How much each of the packages is downloaded, over `days` and lately, in one query."""
    newest = newest_day(published)
    week, before = trend_windows(newest)
    rows = await warehouse.layout.popularity(
        published,
        packages,
        last_days(newest, days).start,
        last_period(newest, "month").start,
        week.start,
        (before.start, before.end),
        newest,
    )
    found = {package: Popularity(*counts) for package, *counts in rows}
    return {package: found.get(package, Popularity()) for package in packages}


async def _require_known(warehouse: Warehouse, published: Published, package: str) -> None:
    if package == ALL_PACKAGES and warehouse.layout.sums_all_packages:
        return
    if not await warehouse.layout.known(published, [package]):
        raise UnknownPackageError(package)
