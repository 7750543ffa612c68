"""Our own tables as a layout: every series of every package, in rows that say which load wrote them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from app.warehouse.engines.connection import BY_KEY, NO_SETTINGS, Columns, QueryRunner, QuerySettings
from app.warehouse.reading.batching import QueryBatcher
from app.warehouse.reading.layout import NO_SERIES, Published, Series, question

DEMO_SOURCE = "demo"
"""The source of loads that hold synthetic events."""

TOGETHER = 16
"""Questions that one query answers, at most, where each could have been asked alone."""

DAYS_TOGETHER = 5_000
"""Days of all series of a query, at most: with every country on every day they are MOST_ROWS."""


class Rollup:
    """The questions of `Layout`, one query each."""

    name = "rollup"
    tables: tuple[str, ...] = ("loads", "downloads_daily", "overall_daily")
    dataset = "own"
    published_seconds = 3.0
    refreshed_at_once = TOGETHER
    refresh_pause = 0.0
    sums_all_packages = True

    def __init__(self, queries: QueryRunner) -> None:
        self._queries = queries
        self._series: QueryBatcher[tuple[str, str], Series] = QueryBatcher()
        self._recent: QueryBatcher[tuple[str], tuple[str, int, int, int]] = QueryBatcher()

    async def published(self) -> Published:
        ((newest,), (dead,), (dead_loads,), (days,), (sources,)) = await self._ask("published", {})
        return Published(newest, tuple(dead), tuple(days), DEMO_SOURCE in sources, tuple(dead_loads))

    async def series(
        self,
        published: Published,
        project: str,
        dimension: str,
        categories: Sequence[str],
        start: date,
        end: date,
        granularity: str,
    ) -> Series:
        window = {"start": start, "end": end, "granularity": granularity}

        async def read(asked: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Series]:
            parameters = {**_asked(asked), "categories": list(categories), **window, **_visible(published)}
            packages, dimensions, *columns = await self._ask("series", parameters, BY_KEY) or [(), ()]
            found, first = {}, 0
            for key, rows in Counter(zip(packages, dimensions, strict=True)).items():
                found[key] = Series(*(column[first : first + rows] for column in columns))
                first += rows
            return found

        any_package = (published, tuple(categories), *window.values())
        # The releases of a package can have more rows than all else about it: no other package's series wait for them.
        in_crowd = None if dimension == "version" else any_package
        most = max(1, min(TOGETHER, DAYS_TOGETHER // ((end - start).days + 1)))
        found = await self._series.value((*any_package, project), (project, dimension), most, read, in_crowd)
        return found or NO_SERIES

    async def recent(
        self,
        published: Published,
        projects: Sequence[str],
        category: str,
        starts: tuple[date, date, date],
        end: date,
    ) -> Sequence[tuple[str, int, int, int]]:
        day, week, month = starts
        window = {"category": category, "day": day, "week": week, "month": month, "end": end}

        async def read(asked: Sequence[tuple[str]]) -> dict[tuple[str], tuple[str, int, int, int]]:
            parameters = {"projects": [project for (project,) in asked], **window, **_visible(published)}
            settings = BY_KEY if len(asked) <= TOGETHER else NO_SETTINGS
            return {row[:1]: row for row in await self._rows("recent", parameters, settings)}

        if len(projects) > 1:
            return list((await read([(project,) for project in projects])).values())
        found = await self._recent.value((published, *window.values()), (projects[0],), TOGETHER, read)
        return [found] if found else []

    async def popularity(
        self,
        published: Published,
        projects: Sequence[str],
        start: date,
        month: date,
        week: date,
        before: tuple[date, date],
        end: date,
    ) -> Sequence[tuple[str, int, int, int, int]]:
        return await self._rows(
            "popularity",
            {
                "projects": list(projects),
                "start": start,
                "month": month,
                "week": week,
                "before_start": before[0],
                "before_end": before[1],
                "first": min(start, month, before[0]),
                "end": end,
                **_visible(published),
            },
        )

    async def totals(
        self, published: Published, project: str, dimensions: Sequence[str], start: date, end: date
    ) -> Sequence[tuple[str, str, int]]:
        # Summed here: these are the series that are asked for anyway where somebody looks at the package.
        asked = [self.series(published, project, dimension, (), start, end, "day") for dimension in dimensions]
        found = []
        for dimension, series in zip(dimensions, await asyncio.gather(*asked), strict=True):
            sums: Counter[str] = Counter()
            for category, downloads in zip(series.categories, series.downloads, strict=True):
                sums[category] += downloads
            found += [(dimension, category, total) for category, total in sums.items()]
        return found

    async def known(self, published: Published, projects: Sequence[str]) -> set[str]:
        rows = await self._rows("known", {"projects": list(projects), **_visible(published)}, BY_KEY)
        return {project for (project,) in rows}

    async def top(
        self, published: Published, start: date, end: date, limit: int, offset: int
    ) -> Sequence[tuple[str, int]]:
        return await self._rows(
            "top", {"start": start, "end": end, "limit": limit, "offset": offset, **_visible(published)}
        )

    async def search(
        self, published: Published, prefix: str, start: date, month: date, end: date, limit: int
    ) -> Sequence[tuple[str, int]]:
        return await self._rows(
            "search",
            {"prefix": prefix, "start": start, "month": month, "end": end, "limit": limit, **_visible(published)},
        )

    async def _rows(
        self, name: str, parameters: dict[str, Any], settings: QuerySettings = NO_SETTINGS
    ) -> Sequence[Any]:
        return list(zip(*await self._ask(name, parameters, settings), strict=True))

    async def _ask(self, name: str, parameters: dict[str, Any], settings: QuerySettings = NO_SETTINGS) -> Columns:
        # Each row's load is looked at only where there is one that may not be counted.
        counted = "counted_beside_dead_loads" if parameters.get("dead_loads") else "counted"
        return await self._queries.query(name, question(self.name, name, rows=counted), parameters, settings)


def _asked(asked: Sequence[tuple[str, str]]) -> dict[str, object]:
    """The parameters that name packages and dimensions; the pairs only where it is not each dimension of each."""
    projects, dimensions = (list(dict.fromkeys(names)) for names in zip(*asked, strict=True))
    pairs = [] if len(asked) == len(projects) * len(dimensions) else list(asked)
    return {"projects": projects, "dimensions": dimensions, "pairs": pairs}


def _visible(published: Published) -> dict[str, object]:
    """The parameters by which a query counts published rows and no others."""
    return {
        "newest_version": published.state,
        "dead": list(published.dead),
        "dead_loads": list(published.dead_loads),
    }
