"""Our own tables as a layout: every series of every package, in rows that say which load wrote them."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from app.warehouse.engines.connection import BY_KEY, NO_SETTINGS, Columns, QueryRunner, QuerySettings
from app.warehouse.reading.batching import QueryBatcher
from app.warehouse.reading.layout import (
    NO_SERIES,
    PopularityRow,
    Published,
    RankedRow,
    RecentRow,
    Series,
    TotalRow,
    layout_sql,
)
from app.windows import Granularity, PopularityWindows, RecentWindows, Window

DEMO_SOURCE = "demo"
"""The source of loads that hold synthetic events."""

MAX_BATCH = 16
"""Questions that one query answers, at most, if each could have been a query of its own."""

MAX_BATCH_DAYS = 5_000
"""Days of all series of a query, at most: with every country on every day they are all rows of a reader."""


class Rollup:
    """The queries of `Layout`, one statement each."""

    name = "rollup"
    tables: tuple[str, ...] = ("loads", "downloads_daily", "overall_daily")
    dataset = "own"
    poll_seconds = 3.0
    refreshed_at_once = MAX_BATCH
    refresh_pause = 0.0
    sums_all_packages = True

    def __init__(self, queries: QueryRunner) -> None:
        self._queries = queries
        self._series: QueryBatcher[tuple[str, str], Series] = QueryBatcher()
        self._recent: QueryBatcher[tuple[str], RecentRow] = QueryBatcher()

    async def published(self, today: date) -> Published:
        ((newest,), (dead,), (dead_loads,), (days,), (sources,)) = await self._columns("published", {"today": today})
        return Published(newest, tuple(dead), tuple(days), DEMO_SOURCE in sources, tuple(dead_loads))

    async def series(
        self,
        published: Published,
        package: str,
        dimension: str,
        window: Window,
        categories: Sequence[str] = (),
        granularity: Granularity = "day",
    ) -> Series:
        async def read(keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Series]:
            parameters = {
                **_packages_and_dimensions(keys),
                "categories": list(categories),
                "start": window.start,
                "end": window.end,
                "granularity": granularity,
                **_visible(published),
            }
            packages, dimensions, *columns = await self._columns("series", parameters, BY_KEY) or [(), ()]
            found, first = {}, 0
            for key, rows in Counter(zip(packages, dimensions, strict=True)).items():
                found[key] = Series(*(column[first : first + rows] for column in columns))
                first += rows
            return found

        any_package = (published, tuple(categories), window, granularity)
        # The releases of a package can have more rows than all its other series: no other package waits for them.
        in_crowd = None if dimension == "version" else any_package
        limit = max(1, min(MAX_BATCH, MAX_BATCH_DAYS // len(window.days)))
        found = await self._series.value((*any_package, package), (package, dimension), limit, read, in_crowd)
        return found or NO_SERIES

    async def recent(
        self, published: Published, packages: Sequence[str], category: str, windows: RecentWindows
    ) -> Sequence[RecentRow]:
        async def read(keys: Sequence[tuple[str]]) -> Mapping[tuple[str], RecentRow]:
            parameters = {
                "projects": [package for (package,) in keys],
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
        found = await self._recent.value((published, category, windows), (packages[0],), MAX_BATCH, read)
        return [found] if found else []

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
            **_visible(published),
        }
        return [PopularityRow(*row) for row in await self._rows("popularity", parameters)]

    async def totals(
        self, published: Published, package: str, dimensions: Sequence[str], window: Window
    ) -> Sequence[TotalRow]:
        # Summed here: a client that looks at the package asks for these series anyway.
        queries = [self.series(published, package, dimension, window) for dimension in dimensions]
        found = []
        for dimension, series in zip(dimensions, await asyncio.gather(*queries), strict=True):
            sums: Counter[str] = Counter()
            for category, downloads in zip(series.categories, series.downloads, strict=True):
                sums[category] += downloads
            found += [TotalRow(dimension, category, total) for category, total in sums.items()]
        return found

    async def known(self, published: Published, packages: Sequence[str]) -> set[str]:
        rows = await self._rows("known", {"projects": list(packages), **_visible(published)}, BY_KEY)
        return {package for (package,) in rows}

    async def top(self, published: Published, window: Window, limit: int, offset: int) -> Sequence[RankedRow]:
        parameters = {"start": window.start, "end": window.end, "limit": limit, "offset": offset, **_visible(published)}
        return [RankedRow(*row) for row in await self._rows("top", parameters)]

    async def search(
        self, published: Published, prefix: str, window: Window, month: Window, limit: int
    ) -> Sequence[RankedRow]:
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
        return await self._queries.query(name, layout_sql(self.name, name, rows=counted), parameters, settings)


def _packages_and_dimensions(keys: Sequence[tuple[str, str]]) -> dict[str, object]:
    """The parameters that name packages and dimensions; pairs only if it is not every dimension of every package."""
    packages, dimensions = (list(dict.fromkeys(names)) for names in zip(*keys, strict=True))
    pairs = [] if len(keys) == len(packages) * len(dimensions) else list(keys)
    return {"projects": packages, "dimensions": dimensions, "pairs": pairs}


def _visible(published: Published) -> dict[str, object]:
    """The parameters that limit a query to published rows."""
    return {
        "newest_version": published.state,
        "dead": list(published.dead),
        "dead_loads": list(published.dead_loads),
    }
