"""What a table layout is: the queries that readers send, and the shape of their results."""

import re
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import NamedTuple, Protocol

import msgspec

from app.warehouse.engines.connection import QueryRunner
from app.warehouse.sql import read_sql
from app.windows import Granularity, PopularityWindows, RecentWindows, Window


class Published(msgspec.Struct, frozen=True):
    """Which rows count. Equal values give equal results.

    `state` is a number that changes with the rows that count; `dead` are the versions that do not count although they
    are not newer; `days` are the loaded days, in order; `demo` says that synthetic events are among them; `dead_loads`
    are the numbers of loads of which no version counts although they are not newer.
    """

    state: int
    dead: tuple[int, ...]
    days: tuple[date, ...]
    demo: bool = False
    dead_loads: tuple[int, ...] = ()

    def __hash__(self) -> int:
        """The hash of `state`, `dead` and `dead_loads`, which identify the value: there are thousands of days."""
        return hash((self.state, self.dead, self.dead_loads))

    def answers_differ(self, other: "Published") -> bool:
        """Whether results may differ between the two. They do not after rows that do not count are swept."""
        return msgspec.structs.replace(other, dead=self.dead, dead_loads=self.dead_loads) != self

    @property
    def newest_day(self) -> date | None:
        """The newest day that is completely loaded."""
        return self.days[-1] if self.days else None


class Series(NamedTuple):
    """Downloads by category and date, as three columns of equal length; a date is the first of its week or month."""

    categories: Sequence[str]
    dates: Sequence[date]
    downloads: Sequence[int]


NO_SERIES = Series((), (), ())


class RecentRow(NamedTuple):
    """Downloads of a package in the last day, week and month."""

    package: str
    last_day: int
    last_week: int
    last_month: int


class PopularityRow(NamedTuple):
    """Downloads of a package in the four windows of `PopularityWindows`."""

    package: str
    whole: int
    month: int
    week: int
    before: int


class TotalRow(NamedTuple):
    """Downloads of a category over a window."""

    dimension: str
    category: str
    downloads: int


class RankedRow(NamedTuple):
    """Downloads of a package, without mirrors."""

    package: str
    downloads: int


class Layout(Protocol):
    """The queries on one set of tables. Every method raises WarehouseError.

    `tables` are the tables that a database must have; the first is in no other layout. `dataset` is `own` or `public`.
    `poll_seconds` is how long a reader relies on the snapshot that it last read. After a new day, `refreshed_at_once`
    cached responses are computed again at a time, each task pausing for `refresh_pause` seconds in between. Without
    `sums_all_packages`, the package `__all__` is unknown.
    """

    name: str
    tables: tuple[str, ...]
    dataset: str
    poll_seconds: float
    refreshed_at_once: int
    refresh_pause: float
    sums_all_packages: bool

    def __init__(self, queries: QueryRunner) -> None: ...

    async def published(self, today: date) -> Published:
        """What is published now, of the days before `today` (UTC)."""

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

    async def recent(
        self, published: Published, packages: Sequence[str], category: str, windows: RecentWindows
    ) -> Sequence[RecentRow]:
        """Recent downloads in a category of `overall`, of the packages that have any."""

    async def popularity(
        self, published: Published, packages: Sequence[str], windows: PopularityWindows
    ) -> Sequence[PopularityRow]:
        """Downloads without mirrors, of the packages that have any."""

    async def totals(
        self, published: Published, package: str, dimensions: Sequence[str], window: Window
    ) -> Sequence[TotalRow]:
        """Sums over a window, by dimension and category."""

    async def known(self, published: Published, packages: Sequence[str]) -> set[str]:
        """Those of the packages that have downloads on any published day."""

    async def top(self, published: Published, window: Window, limit: int, offset: int) -> Sequence[RankedRow]:
        """Packages by downloads in a window, most downloaded first."""

    async def search(
        self, published: Published, prefix: str, window: Window, month: Window, limit: int
    ) -> Sequence[RankedRow]:
        """Packages with downloads in the window whose name starts with the prefix, by downloads in the month."""


@cache
def layout_sql(layout: str, name: str, **parts: str) -> str:
    """The SQL of a query: the file of that name, each {{name}} in it replaced by the file of that name.

    `parts` maps a {{name}} to another file.
    """
    text = read_sql(f"reading/layouts/{layout}/{name}.sql")
    return re.sub(r"{{([a-z_/]+)}}", lambda part: layout_sql(layout, parts.get(part[1], part[1]), **parts), text)
