"""Our own tables as a layout: every series of every package, in rows that say which load wrote them."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from app.warehouse.batches import Batches, Rows
from app.warehouse.connection import NamedConnection
from app.warehouse.layout import Published, question

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
        ((newest_version, dead, days, sources),) = await self._ask("published", {})
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
    ) -> Sequence[tuple[str, date, int]]:
        common = {
            "project": project,
            "categories": list(categories),
            "start": start,
            "end": end,
            "granularity": granularity,
            **_visible(published),
        }

        async def read(dimensions: Sequence[str]) -> dict[str, Rows]:
            rows = await self._ask("series", {"dimensions": list(dimensions), **common})
            return {name: [row[1:] for row in group] for name, group in groupby(rows, itemgetter(0))}

        key = (published, project, *categories, start, end, granularity)
        return await self._batches.rows(key, dimension, read)

    async def recent(
        self,
        published: Published,
        projects: Sequence[str],
        category: str,
        starts: tuple[date, date, date],
        end: date,
    ) -> Sequence[tuple[str, int, int, int]]:
        day, week, month = starts
        return await self._ask(
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
        return await self._ask(
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
        return await self._ask(
            "totals",
            {"project": project, "dimensions": list(dimensions), "start": start, "end": end, **_visible(published)},
        )

    async def known(self, published: Published, projects: Sequence[str]) -> set[str]:
        rows = await self._ask("known", {"projects": list(projects), **_visible(published)})
        return {project for (project,) in rows}

    async def top(
        self, published: Published, start: date, end: date, limit: int, offset: int
    ) -> Sequence[tuple[str, int]]:
        return await self._ask(
            "top", {"start": start, "end": end, "limit": limit, "offset": offset, **_visible(published)}
        )

    async def search(
        self, published: Published, prefix: str, start: date, month: date, end: date, limit: int
    ) -> Sequence[tuple[str, int]]:
        return await self._ask(
            "search",
            {"prefix": prefix, "start": start, "month": month, "end": end, "limit": limit, **_visible(published)},
        )

    async def _ask(self, name: str, parameters: dict[str, object]) -> Sequence[Any]:
        return await self._queries.query(name, question(self.name, name), parameters)


def _visible(published: Published) -> dict[str, object]:
    """The parameters by which a query counts published rows and no others."""
    return {"newest_version": published.state, "dead": list(published.dead)}
