"""The tables of ClickPy, ClickHouse's public data set, as a layout.

Its public role cuts results of 1,000 rows, and reads of 1,000,000,000 rows, without an error. So every answer comes in
one row of arrays, and a query reads the rows of a bounded number of packages, by their keys.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from app.warehouse.engines.connection import QueryRunner
from app.warehouse.engines.errors import translated
from app.warehouse.reading.layout import (
    PopularityRow,
    Published,
    RankedRow,
    RecentRow,
    Series,
    TotalRow,
    layout_sql,
)
from app.windows import Granularity, PopularityWindows, RecentWindows, Window

PACKAGES_PER_QUERY = 100
"""The most downloaded packages have millions of rows each in the table of installers."""
MAX_RANK = 2_000
"""The last rank of a ranking: an exact longer one would read too many rows."""

Counts = dict[str, int]
"""Downloads by package."""


class Ranking(NamedTuple):
    """Packages with their downloads, mirrors included; no other package has more than `others`."""

    packages: Sequence[str]
    with_mirrors: Sequence[int]
    others: int


class ClickPy:
    """The questions of `Layout`. The README lists the differences from our own tables."""

    name = "clickpy"
    tables: tuple[str, ...] = (
        "pypi_downloads_per_day",
        "pypi_downloads",
        "pypi_downloads_per_month",
        "pypi_downloads_per_day_by_version_by_python",
        "pypi_downloads_per_day_by_version_by_system",
        "pypi_downloads_per_day_by_version_by_installer_by_type",
        "pypi_downloads_per_day_by_version_by_installer_by_type_by_country",
    )
    dataset = "public"
    # New days come once a day. A poll is cheap (ten packages, by their key), but the public server allows an
    # address 60 queries an hour, as its published configuration has it: a poll a minute would leave none.
    poll_seconds = 300.0
    # It is not ours: the answers used last, some 30 of them, and the others when somebody asks.
    refreshed_at_once = 2
    refresh_pause = 2.0
    sums_all_packages = False

    def __init__(self, queries: QueryRunner) -> None:
        self._queries = queries

    async def published(self, today: date) -> Published:
        state, days = await self._columns("published", {"today": today})
        return Published(state, (), tuple(days))

    async def series(
        self,
        published: Published,
        package: str,
        dimension: str,
        window: Window,
        categories: Sequence[str] = (),
        granularity: Granularity = "day",
    ) -> Series:
        parameters = {
            "project": package,
            "categories": list(categories),
            "start": window.start,
            # The tables have rows of days after the newest complete one.
            "end": min(window.end, published.newest_day or window.end),
            "granularity": granularity,
        }
        found = await self._columns("series", parameters, dimension=f"series/{dimension}")
        rows = sorted(zip(*found, strict=True))
        return Series(
            [category for category, days, _ in rows for _ in days],
            [day for _, days, _ in rows for day in days],
            [downloads for _, _, counts in rows for downloads in counts],
        )

    async def recent(
        self, published: Published, packages: Sequence[str], category: str, windows: RecentWindows
    ) -> Sequence[RecentRow]:
        parameters = {
            "projects": list(packages),
            "category": category,
            "day": windows.day.start,
            "week": windows.week.start,
            "month": windows.month.start,
            "end": windows.month.end,
        }
        return [RecentRow(*row) for row in zip(*await self._columns("recent", parameters), strict=True)]

    async def popularity(
        self, published: Published, packages: Sequence[str], windows: PopularityWindows
    ) -> Sequence[PopularityRow]:
        parameters = {
            "projects": list(packages),
            "start": windows.whole.start,
            "month": windows.month.start,
            "week": windows.week.start,
            "before_start": windows.before.start,
            "before_end": windows.before.end,
            "first": windows.first,
            "end": windows.week.end,
        }
        return [PopularityRow(*row) for row in zip(*await self._columns("popularity", parameters), strict=True)]

    async def totals(
        self, published: Published, package: str, dimensions: Sequence[str], window: Window
    ) -> Sequence[TotalRow]:
        parameters = {
            "project": package,
            "dimensions": list(dimensions),
            "start": window.start,
            "end": window.end,
        }
        return sorted(TotalRow(*row) for row in zip(*await self._columns("totals", parameters), strict=True))

    async def known(self, published: Published, packages: Sequence[str]) -> set[str]:
        (known,) = await self._columns("known", {"projects": list(packages), "newest": published.newest_day})
        return set(known)

    async def top(self, published: Published, window: Window, limit: int, offset: int) -> Sequence[RankedRow]:
        if offset >= MAX_RANK:
            return []
        last = min(offset + limit, MAX_RANK)
        first = last * 5 // 4 + 50
        while True:
            parameters = {
                "start": window.start,
                "end": window.end,
                "first": first,
                "candidates": 10 * first + 2_000,
            }
            ranking = Ranking(*await self._columns("top", parameters))
            ranked = _ranked(await self._without_mirrors(ranking.packages, window))[:last]
            if (
                ranking.others == 0
                or first > MAX_RANK
                or (len(ranked) == last and ranked[-1].downloads > ranking.others)
            ):
                return ranked[offset:]
            first *= 4

    async def search(
        self, published: Published, prefix: str, window: Window, month: Window, limit: int
    ) -> Sequence[RankedRow]:
        first = 2 * limit + 50
        while True:
            parameters = {
                "prefix": prefix,
                "start": window.start,
                "month": month.start,
                "end": window.end,
                "first": first,
            }
            ranking = Ranking(*await self._columns("search", parameters))
            lately = [p for p, downloads in zip(ranking.packages, ranking.with_mirrors, strict=True) if downloads]
            counts = dict.fromkeys(ranking.packages, 0) | await self._without_mirrors(lately, month)
            ranked = _ranked(counts)[:limit]
            if ranking.others < 0 or first > MAX_RANK or ranked[-1].downloads > ranking.others:
                return ranked
            first *= 4

    async def _without_mirrors(self, packages: Sequence[str], window: Window) -> Counts:
        """Downloads without mirrors, of the packages that have any."""
        counts: Counts = {}
        for first in range(0, len(packages), PACKAGES_PER_QUERY):
            projects = list(packages[first : first + PACKAGES_PER_QUERY])
            parameters = {"projects": projects, "start": window.start, "end": window.end}
            columns = await self._columns("downloads", parameters)
            counts |= zip(*columns, strict=True)
        return counts

    async def _columns(self, name: str, parameters: dict[str, Any], **parts: str) -> Sequence[Any]:
        """The columns of a result, which is one row of arrays."""
        columns = await self._queries.query(name, layout_sql(self.name, name, **parts), parameters)
        return [value for (value,) in columns]


def is_clickpys(client: Client) -> bool:
    """Whether the client's database is of this layout: nothing of ours belongs there."""
    with translated():
        return bool(client.command(f"EXISTS TABLE {ClickPy.tables[0]}"))


def _ranked(counts: Counts) -> list[RankedRow]:
    return [RankedRow(*pair) for pair in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]
