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
from app.warehouse.reading.layout import Published, Series, question

PACKAGES_A_QUERY = 100
"""The most downloaded packages have millions of rows each in the table of installers."""
DEEPEST = 2_000
"""How far down a ranking goes: what is beyond would take too many rows to be exact."""

Counts = dict[str, int]
"""Downloads by package."""


class Ranking(NamedTuple):
    """Packages with their downloads, mirrors included; no other package has more than `others`."""

    packages: Sequence[str]
    with_mirrors: Sequence[int]
    others: int


class ClickPy:
    """The questions of `Layout`. docs/architecture.md says where these answers differ from our own tables'."""

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
    # New days come once a day. To look for one is cheap (ten packages, by their key), but the public server allows an
    # address 60 queries an hour, as its published configuration has it: a look a minute would leave none for questions.
    published_seconds = 300.0
    # It is not ours: the answers used last, some 30 of them, and the others when somebody asks.
    refreshed_at_once = 2
    refresh_pause = 2.0
    sums_all_packages = False

    def __init__(self, queries: QueryRunner) -> None:
        self._queries = queries

    async def published(self) -> Published:
        state, days = await self._ask("published", {})
        return Published(state, (), tuple(days))

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
        parameters = {
            "project": project,
            "categories": list(categories),
            "start": start,
            "end": _complete(published, end),
            "granularity": granularity,
        }
        found = await self._ask("series", parameters, dimension=f"series/{dimension}")
        rows = sorted(zip(*found, strict=True))
        return Series(
            [category for category, days, _ in rows for _ in days],
            [day for _, days, _ in rows for day in days],
            [downloads for _, _, counts in rows for downloads in counts],
        )

    async def recent(
        self,
        published: Published,
        projects: Sequence[str],
        category: str,
        starts: tuple[date, date, date],
        end: date,
    ) -> Sequence[tuple[str, int, int, int]]:
        day, week, month = starts
        columns = await self._ask(
            "recent",
            {"projects": list(projects), "category": category, "day": day, "week": week, "month": month, "end": end},
        )
        return list(zip(*columns, strict=True))

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
        columns = await self._ask(
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
            },
        )
        return list(zip(*columns, strict=True))

    async def totals(
        self, published: Published, project: str, dimensions: Sequence[str], start: date, end: date
    ) -> Sequence[tuple[str, str, int]]:
        columns = await self._ask(
            "totals", {"project": project, "dimensions": list(dimensions), "start": start, "end": end}
        )
        return sorted(zip(*columns, strict=True))

    async def known(self, published: Published, projects: Sequence[str]) -> set[str]:
        (known,) = await self._ask("known", {"projects": list(projects), "newest": published.newest_day})
        return set(known)

    async def top(
        self, published: Published, start: date, end: date, limit: int, offset: int
    ) -> Sequence[tuple[str, int]]:
        if offset >= DEEPEST:
            return []
        last = min(offset + limit, DEEPEST)
        first = last * 5 // 4 + 50
        while True:
            parameters = {"start": start, "end": end, "first": first, "candidates": 10 * first + 2_000}
            ranking = Ranking(*await self._ask("top", parameters))
            counts = await self._without_mirrors(ranking.packages, start, end)
            ranked = _ranked(counts)[:last]
            if ranking.others == 0 or first > DEEPEST or (len(ranked) == last and ranked[-1][1] > ranking.others):
                return ranked[offset:]
            first *= 4

    async def search(
        self, published: Published, prefix: str, start: date, month: date, end: date, limit: int
    ) -> Sequence[tuple[str, int]]:
        first = 2 * limit + 50
        while True:
            parameters = {"prefix": prefix, "start": start, "month": month, "end": end, "first": first}
            ranking = Ranking(*await self._ask("search", parameters))
            lately = [p for p, downloads in zip(ranking.packages, ranking.with_mirrors, strict=True) if downloads]
            counts = dict.fromkeys(ranking.packages, 0) | await self._without_mirrors(lately, month, end)
            ranked = _ranked(counts)[:limit]
            if ranking.others < 0 or first > DEEPEST or ranked[-1][1] > ranking.others:
                return ranked
            first *= 4

    async def _without_mirrors(self, packages: Sequence[str], start: date, end: date) -> Counts:
        """The downloads without mirrors of those packages that have any."""
        counts: Counts = {}
        for first in range(0, len(packages), PACKAGES_A_QUERY):
            projects = list(packages[first : first + PACKAGES_A_QUERY])
            columns = await self._ask("downloads", {"projects": projects, "start": start, "end": end})
            counts |= zip(*columns, strict=True)
        return counts

    async def _ask(self, name: str, parameters: dict[str, Any], **parts: str) -> Sequence[Any]:
        """The one row that answers a question."""
        columns = await self._queries.query(name, question(self.name, name, **parts), parameters)
        return [value for (value,) in columns]


def is_clickpys(client: Client) -> bool:
    """Whether the client's database is of this layout: nothing of ours belongs there."""
    with translated():
        return bool(client.command(f"EXISTS TABLE {ClickPy.tables[0]}"))


def _ranked(counts: Counts) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _complete(published: Published, end: date) -> date:
    """The end of a window, but no day after the newest that is complete: such have rows here already."""
    return min(end, published.newest_day or end)
