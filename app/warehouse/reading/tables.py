"""The store's tables: every series of the packages in it, in rows that say which load wrote them."""

import asyncio
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache, partial
from typing import Any

from app.serving.turns import FairQueue, NoTurnError
from app.warehouse.dimensions import CI, COUNTED_WHERE_KNOWN
from app.warehouse.engines.connection import BY_KEY, NO_SETTINGS, Columns, QueryRunner, QuerySettings
from app.warehouse.engines.errors import WarehouseBusyError
from app.warehouse.reading.batching import QueryBatcher
from app.warehouse.reading.followed import CUT_AT, Followed, RankingNeed
from app.warehouse.reading.results import (
    NO_SERIES,
    PopularityRow,
    Published,
    RankedRow,
    Ranking,
    RankingRow,
    RecentRow,
    Series,
    TotalRow,
)
from app.warehouse.sql import read_sql
from app.windows import Granularity, PopularityWindows, RecentWindows, Window, day_spans

TABLES = ("loads", "downloads_daily", "overall_daily")
"""The tables that a store must have."""

DEMO_SOURCE = "demo"
"""The source of loads that hold synthetic events."""

MAX_BATCH = 16
"""Questions that one query answers, at most, if each could have been a query of its own."""

MAX_BATCH_DAYS = 5_000
"""Days of all series of a query, at most: with every country on every day they are all rows of a reader."""


LARGE_ROWS = 50_000
"""Rows from which the results of a package are read one at a time: making objects of them keeps the interpreter busy,
and takes memory. Few packages have so many: those with hundreds of releases."""
MAX_LARGE_WAITING = 100


class Tables:
    """The queries of readers, one statement each. Every method raises WarehouseError."""

    def __init__(self, queries: QueryRunner) -> None:
        self._queries = queries
        self._series: QueryBatcher[tuple[str, str], Series] = QueryBatcher()
        self._recent: QueryBatcher[tuple[str], RecentRow] = QueryBatcher()
        self._large_packages: set[str] = set()
        self._large_turns = FairQueue(1, MAX_LARGE_WAITING)

    async def published(self, today: date) -> Published:
        """What is published now, of the days before `today` (UTC)."""
        columns = await self._columns("published", {"today": today})
        state, newest, dead, dead_loads, days, sets, set_of_day, sources = (value for (value,) in columns)
        some_days = {
            dimension: tuple(day for day, number in zip(days, set_of_day, strict=True) if dimension in sets[number - 1])
            for dimension in (*COUNTED_WHERE_KNOWN, CI)
            if not all(dimension in dimensions for dimensions in sets)
        }
        demo = DEMO_SOURCE in sources
        return Published(state, tuple(dead), tuple(days), demo, tuple(dead_loads), newest, some_days)

    async def followed(self, published: Published, unknown_since: datetime) -> Followed:
        """The packages that the store holds, and those that its source did not have at a time since `unknown_since`."""
        parameters = {"unknown_since": unknown_since, "newest_load": published.newest >> 16}
        columns = (value for (value,) in await self._columns("followed", parameters))
        packages, pending, unknown = columns
        incomplete = {
            package: frozenset(dimensions) for package, dimensions in zip(packages, pending, strict=True) if dimensions
        }
        return Followed(frozenset(packages), incomplete, frozenset(unknown))

    async def ranking(self, need: RankingNeed) -> Ranking | None:
        """The newest ranking that was fetched; None if none was."""
        parameters = {"kind": need.kind, "wider": need.wider, "cut_at": CUT_AT}
        columns = await self._columns("ranking", parameters)
        if not columns:
            return None
        day, *values = (value for (value,) in columns)
        return Ranking(day, [row for row in map(RankingRow, *values) if row.package.startswith(need.prefix)])

    async def series(
        self,
        published: Published,
        package: str,
        dimension: str,
        window: Window,
        categories: Sequence[str] = (),
        granularity: Granularity = "day",
    ) -> Series:
        """Downloads in one dimension, in text order of category, then date; of all categories if none are given."""

        async def read(keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Series]:
            parameters = {
                **_packages_and_dimensions(keys),
                "categories": list(categories),
                "start": window.start,
                "end": window.end,
                "granularity": granularity,
                **_visible(published),
            }
            is_large = not self._large_packages.isdisjoint(package for package, _ in keys)
            query = partial(self._columns, "series", parameters, BY_KEY)
            try:
                packages, dimensions, *columns = await (self._large_turns.run(query) if is_large else query()) or [
                    (),
                    (),
                ]
            except NoTurnError:
                raise WarehouseBusyError("too many large series are asked for") from None
            if len(packages) > LARGE_ROWS:
                self._large_packages.update(package for package, _ in keys)
            return {
                (packages[first], dimensions[first]): Series(*(column[first:end] for column in columns))
                for first, end in _groups(packages, dimensions)
            }

        any_package = (published, tuple(categories), window, granularity)
        # The releases of a package can have more rows than all its other series: no other package waits for them.
        in_crowd = None if dimension == "version" else any_package
        limit = max(1, min(MAX_BATCH, MAX_BATCH_DAYS // len(window.days)))
        found = await self._series.value((*any_package, package), (package, dimension), limit, read, in_crowd)
        return found or NO_SERIES

    async def recent(
        self, published: Published, packages: Sequence[str], dimension: str, category: str, windows: RecentWindows
    ) -> Sequence[RecentRow]:
        """Recent downloads in a category of a dimension, of the packages that have any."""

        async def read(keys: Sequence[tuple[str]]) -> Mapping[tuple[str], RecentRow]:
            parameters = {
                "projects": [package for (package,) in keys],
                "dimension": dimension,
                "category": category,
                "day": windows.day.start,
                "week": windows.week.start,
                "month": windows.month.start,
                "end": windows.month.end,
                **_visible(published),
            }
            settings = BY_KEY if len(keys) <= MAX_BATCH else NO_SETTINGS
            return {row[:1]: RecentRow(*row) for row in await self._rows("recent", parameters, settings)}

        if len(packages) > 1:
            return list((await read([(package,) for package in packages])).values())
        found = await self._recent.value((published, dimension, category, windows), (packages[0],), MAX_BATCH, read)
        return [found] if found else []

    async def popularity(
        self, published: Published, packages: Sequence[str], windows: PopularityWindows
    ) -> Sequence[PopularityRow]:
        """Downloads without mirrors, of the packages that have any."""
        parameters = {
            "projects": list(packages),
            "start": windows.whole.start,
            "month": windows.month.start,
            "week": windows.week.start,
            "before_start": windows.before.start,
            "before_end": windows.before.end,
            "first": windows.first,
            "end": windows.week.end,
            **_visible(published),
        }
        return [PopularityRow(*row) for row in await self._rows("popularity", parameters)]

    async def totals(
        self, published: Published, package: str, dimensions: Sequence[str], window: Window
    ) -> Sequence[TotalRow]:
        """Sums over a window, by dimension and category."""
        # Summed here: a client that looks at the package asks for these series anyway.
        queries = [self.series(published, package, dimension, window) for dimension in dimensions]
        found = []
        for dimension, series in zip(dimensions, await asyncio.gather(*queries), strict=True):
            sums: Counter[str] = Counter()
            for category, downloads in zip(series.categories, series.downloads, strict=True):
                sums[category] += downloads
            found += [TotalRow(dimension, category, total) for category, total in sums.items()]
        return found

    async def known(
        self, published: Published, packages: Sequence[str], days: Sequence[date] | None = None
    ) -> set[str]:
        """Those of the packages that have downloads on any of some days; on any published day if none are given."""
        parameters = {
            "projects": list(packages),
            "any_day": days is None,
            # Some thousands of dates would be too long for a parameter.
            "spans": day_spans(days or ()),
            **_visible(published),
        }
        rows = await self._rows("known", parameters, BY_KEY)
        return {package for (package,) in rows}

    async def top(
        self, published: Published, category: str, window: Window, limit: int, offset: int
    ) -> Sequence[RankedRow]:
        """Packages by downloads in a window in a category of `overall` or `origin`, most downloaded first."""
        parameters = {
            "category": category,
            "start": window.start,
            "end": window.end,
            "limit": limit,
            "offset": offset,
            **_visible(published),
        }
        return [RankedRow(*row) for row in await self._rows("top", parameters)]

    async def search(
        self, published: Published, prefix: str, window: Window, month: Window, limit: int
    ) -> Sequence[RankedRow]:
        """Packages with downloads in the window whose name starts with the prefix, by downloads in the month."""
        parameters = {
            "prefix": prefix,
            "start": window.start,
            "month": month.start,
            "end": window.end,
            "limit": limit,
            **_visible(published),
        }
        return [RankedRow(*row) for row in await self._rows("search", parameters)]

    async def _rows(
        self, name: str, parameters: dict[str, Any], settings: QuerySettings = NO_SETTINGS
    ) -> Sequence[Any]:
        return list(zip(*await self._columns(name, parameters, settings), strict=True))

    async def _columns(self, name: str, parameters: dict[str, Any], settings: QuerySettings = NO_SETTINGS) -> Columns:
        # Each row's load is looked at only where there is one that may not be counted.
        counted = "counted_beside_dead_loads" if parameters.get("dead_loads") else "counted"
        return await self._queries.query(name, query_sql(name, rows=counted), parameters, settings)


def _groups(*columns: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The first row of each group of rows with equal values, and that of the next: groups are contiguous, and long."""
    rows, first = len(columns[0]), 0
    while first < rows:
        value = [column[first] for column in columns]
        is_beyond = partial(_differs, columns, value)
        end = bisect_left(range(rows), True, lo=first, key=is_beyond)
        yield first, end
        first = end


def _differs(columns: Sequence[Sequence[str]], value: Sequence[str], row: int) -> bool:
    return any(column[row] != wanted for column, wanted in zip(columns, value, strict=True))


def _packages_and_dimensions(keys: Sequence[tuple[str, str]]) -> dict[str, object]:
    """The parameters that name packages and dimensions; pairs only if it is not every dimension of every package."""
    packages, dimensions = (list(dict.fromkeys(names)) for names in zip(*keys, strict=True))
    pairs = [] if len(keys) == len(packages) * len(dimensions) else list(keys)
    return {"projects": packages, "dimensions": dimensions, "pairs": pairs}


def _visible(published: Published) -> dict[str, object]:
    """The parameters that limit a query to published rows."""
    return {
        "newest_version": published.newest,
        "dead": list(published.dead),
        "dead_loads": list(published.dead_loads),
    }


@cache
def query_sql(name: str, **parts: str) -> str:
    """The SQL of a query: the file of that name, each {{name}} in it replaced by the file of that name.

    `parts` maps a {{name}} to another file.
    """
    text = read_sql(f"reading/sql/{name}.sql")
    return re.sub(r"{{([a-z_]+)}}", lambda part: query_sql(parts.get(part[1], part[1]), **parts), text)
