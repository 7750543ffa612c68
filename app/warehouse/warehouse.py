"""The questions that the rest of the house asks, answered from one table layout."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from async_lru import alru_cache

from app.warehouse.connection import Connection

DEMO_SOURCE = "demo"
"""The source of loads that hold synthetic events."""

PUBLISHED_SECONDS = 3.0
"""How long a reader goes by what it last knew to be published."""


class Published(msgspec.Struct, frozen=True):
    """What a reader may count. Two that are equal give equal answers."""

    newest_version: int
    dead: tuple[int, ...]
    days: tuple[date, ...]
    demo: bool

    @property
    def newest_day(self) -> date | None:
        """The newest day that is completely loaded."""
        return self.days[-1] if self.days else None

    def visible(self) -> dict[str, object]:
        """The parameters by which a query counts published rows and no others."""
        return {"newest_version": self.newest_version, "dead": list(self.dead)}


class Warehouse:
    """A ClickHouse with our questions. Every method raises WarehouseError."""

    layout = "rollup"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last: Published | None = None
        self._look_up = alru_cache(maxsize=1, ttl=PUBLISHED_SECONDS)(self._look_up_published)

    async def published(self) -> Published:
        """What is published, at most PUBLISHED_SECONDS ago."""
        return await self._look_up()

    @property
    def is_demo(self) -> bool:
        """Whether what was last seen published holds synthetic events."""
        return self._last is not None and self._last.demo

    def forget_published(self) -> None:
        """Look again at the next question: something has just been published."""
        self._look_up.cache_clear()

    async def _look_up_published(self) -> Published:
        ((newest_version, dead, days, sources),) = await self._ask("published", {})
        self._last = Published(newest_version, tuple(dead), tuple(days), DEMO_SOURCE in sources)
        return self._last

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
        """(category, date, downloads) in plain text order; all categories where none are given."""
        return await self._ask(
            "series",
            {
                "project": project,
                "dimension": dimension,
                "categories": list(categories),
                "start": start,
                "end": end,
                "granularity": granularity,
                **published.visible(),
            },
        )

    async def recent(
        self,
        published: Published,
        projects: Sequence[str],
        category: str,
        starts: tuple[date, date, date],
        end: date,
    ) -> Sequence[tuple[str, int, int, int]]:
        """(project, downloads since the start of the last day, week and month) up to `end`, for projects with any."""
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
                **published.visible(),
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
        """(project, downloads since `start`, `month` and `week`, and in the days `before`), for projects with any."""
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
                **published.visible(),
            },
        )

    async def totals(
        self, published: Published, project: str, dimensions: Sequence[str], start: date, end: date
    ) -> Sequence[tuple[str, str, int]]:
        """(dimension, category, downloads) over a window."""
        return await self._ask(
            "totals",
            {"project": project, "dimensions": list(dimensions), "start": start, "end": end, **published.visible()},
        )

    async def known(self, published: Published, projects: Sequence[str]) -> set[str]:
        """Those of the projects that have been downloaded on any published day."""
        rows = await self._ask("known", {"projects": list(projects), **published.visible()})
        return {project for (project,) in rows}

    async def top(
        self, published: Published, start: date, end: date, limit: int, offset: int
    ) -> Sequence[tuple[str, int]]:
        """(project, downloads without mirrors), most downloaded first."""
        return await self._ask(
            "top", {"start": start, "end": end, "limit": limit, "offset": offset, **published.visible()}
        )

    async def search(
        self, published: Published, prefix: str, start: date, month: date, end: date, limit: int
    ) -> Sequence[tuple[str, int]]:
        """(project, downloads since `month` without mirrors) of names that begin so, most downloaded first."""
        return await self._ask(
            "search",
            {"prefix": prefix, "start": start, "month": month, "end": end, "limit": limit, **published.visible()},
        )

    async def _ask(self, question: str, parameters: dict[str, object]) -> Sequence[Any]:
        return await self._connection.query(_sql(self.layout, question), parameters)


@cache
def _sql(layout: str, question: str) -> str:
    return (files("app.warehouse") / "layouts" / layout / f"{question}.sql").read_text(encoding="utf-8")
