"""What a table layout is: the questions that the rest of the house asks, and what their answers look like."""

import re
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import NamedTuple, Protocol

import msgspec

from app.warehouse.engines.connection import QueryRunner
from app.warehouse.sql import read_sql


class Published(msgspec.Struct, frozen=True):
    """What a reader may count. Two that are equal give equal answers.

    `state` is a number that a layout changes whenever it changes what may be counted; `dead` are the versions below it
    that may not, and `dead_loads` the numbers of loads that may not, where a layout has such.
    """

    state: int
    dead: tuple[int, ...]
    days: tuple[date, ...]
    demo: bool = False
    dead_loads: tuple[int, ...] = ()

    def __hash__(self) -> int:
        """Of the part that tells any two apart: this is part of every answer's key, and there are thousands of days."""
        return hash((self.state, self.dead, self.dead_loads))

    def answers_differ(self, other: "Published") -> bool:
        """Whether an answer from the other may be another. Sweeping what does not count changes none."""
        return msgspec.structs.replace(other, dead=self.dead, dead_loads=self.dead_loads) != self

    @property
    def newest_day(self) -> date | None:
        """The newest day that is completely loaded."""
        return self.days[-1] if self.days else None


class Series(NamedTuple):
    """Downloads of categories on days, or in the weeks or months that begin then: three columns in step."""

    categories: Sequence[str]
    dates: Sequence[date]
    downloads: Sequence[int]


NO_SERIES = Series((), (), ())


class Layout(Protocol):
    """Tables that answer our questions. Every method raises WarehouseError.

    `tables` are what a database must have, first the one that no other layout has. `dataset` is whose downloads these
    are, `own` or `public`. `published_seconds` is how long a reader goes by what it last knew to be published. After a
    new day it makes `refreshed_at_once` answers anew that nobody waits for, each `refresh_pause` seconds after another.
    Without `sums_all_packages`, the package `__all__` is not known.
    """

    name: str
    tables: tuple[str, ...]
    dataset: str
    published_seconds: float
    refreshed_at_once: int
    refresh_pause: float
    sums_all_packages: bool

    def __init__(self, queries: QueryRunner) -> None: ...

    async def published(self) -> Published:
        """What is published at this moment."""

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
        """The downloads in one dimension, in plain text order of category, then date; all categories where none are
        given."""

    async def recent(
        self,
        published: Published,
        projects: Sequence[str],
        category: str,
        starts: tuple[date, date, date],
        end: date,
    ) -> Sequence[tuple[str, int, int, int]]:
        """(project, downloads since the start of the last day, week and month) up to `end`, for projects with any."""

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

    async def totals(
        self, published: Published, project: str, dimensions: Sequence[str], start: date, end: date
    ) -> Sequence[tuple[str, str, int]]:
        """(dimension, category, downloads) over a window."""

    async def known(self, published: Published, projects: Sequence[str]) -> set[str]:
        """Those of the projects that have been downloaded on any published day."""

    async def top(
        self, published: Published, start: date, end: date, limit: int, offset: int
    ) -> Sequence[tuple[str, int]]:
        """(project, downloads without mirrors), most downloaded first."""

    async def search(
        self, published: Published, prefix: str, start: date, month: date, end: date, limit: int
    ) -> Sequence[tuple[str, int]]:
        """(project, downloads since `month` without mirrors) of names that begin so, most downloaded first."""


@cache
def question(layout: str, name: str, **parts: str) -> str:
    """The SQL of a question: the file of that name, each {{name}} in it replaced by the file of that name.

    `parts` say which file a {{name}} is, where that depends on what is asked.
    """
    text = read_sql(f"reading/layouts/{layout}/{name}.sql")
    return re.sub(r"{{([a-z_/]+)}}", lambda part: question(layout, parts.get(part[1], part[1]), **parts), text)
