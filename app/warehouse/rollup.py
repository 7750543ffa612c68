"""Our own tables as a layout: every series of every package, in rows that say which load wrote them."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from app.warehouse.batches import Batches
from app.warehouse.connection import BY_KEY, NO_SETTINGS, Columns, NamedConnection
from app.warehouse.layout import Published, Series, question

DEMO_SOURCE = "demo"
"""The source of loads that hold synthetic events."""


class Rollup:
    """The questions of `Layout`, one query each."""

    name = "rollup"
    tables: tuple[str, ...] = ("loads", "downloads_daily", "overall_daily")
    dataset = "own"
    published_seconds = 3.0
    refresh_pause = 0.0
    sums_all_packages = True

    def __init__(self, queries: NamedConnection) -> None:
        self._queries = queries
        self._batches = Batches()

    async def published(self) -> Published:
        ((newest_version,), (dead,), (days,), (sources,)) = await self._ask("published", {})
        return Published(newest_version, tuple(dead), tuple(days), DEMO_SOURCE in sources)

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
        common = {
            "project": project,
            "categories": list(categories),
            "start": start,
            "end": end,
            "granularity": granularity,
            **_visible(published),
        }

        async def read(dimensions: Sequence[str]) -> dict[str, Series]:
            names, *columns = await self._ask("series", {"dimensions": list(dimensions), **common}, packages=1) or [()]
            found, first = {}, 0
            for name, rows in Counter(names).items():
                found[name] = Series(*(column[first : first + rows] for column in columns))
                first += rows
            return found

        key = (published, project, *categories, start, end, granularity)
        return await self._batches.series(key, dimension, read)

    async def recent(
        self,
        published: Published,
        projects: Sequence[str],
        category: str,
        starts: tuple[date, date, date],
        end: date,
    ) -> Sequence[tuple[str, int, int, int]]:
        day, week, month = starts
        return await self._rows(
            "recent",
            {
                "projects": list(projects),
                "category": category,
                "day": day,
                "week": week,
                "month": month,
                "end": end,
                **_visible(published),
            },
            len(projects),
        )

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
        return await self._rows(
            "totals",
            {"project": project, "dimensions": list(dimensions), "start": start, "end": end, **_visible(published)},
            packages=1,
        )

    async def known(self, published: Published, projects: Sequence[str]) -> set[str]:
        rows = await self._rows("known", {"projects": list(projects), **_visible(published)}, len(projects))
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

    async def _rows(self, name: str, parameters: dict[str, object], packages: int = 0) -> Sequence[Any]:
        """The rows that answer a question, about one package or more."""
        return list(zip(*await self._ask(name, parameters, packages), strict=True))

    async def _ask(self, name: str, parameters: dict[str, object], packages: int = 0) -> Columns:
        settings = BY_KEY if packages == 1 else NO_SETTINGS
        return await self._queries.query(name, question(self.name, name), parameters, settings)


def _visible(published: Published) -> dict[str, object]:
    """The parameters by which a query counts published rows and no others."""
    return {"newest_version": published.state, "dead": list(published.dead)}
