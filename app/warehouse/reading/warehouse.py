"""A ClickHouse as the rest of the house sees it: which table layout it has, and what is published in it."""

from collections.abc import Sequence
from typing import cast

from async_lru import alru_cache

from app.serving.counters import QueryCounters
from app.warehouse.engines.connection import Connection, QueryRunner
from app.warehouse.engines.errors import NoTablesError
from app.warehouse.loading.migrations import SCHEMA_TABLE, Schema, compared
from app.warehouse.reading.clickpy import ClickPy
from app.warehouse.reading.layout import Layout, Published, question
from app.warehouse.reading.query_limiter import DEFAULT_MAX_QUERIES, QueryLimiter
from app.warehouse.reading.query_metrics import MeasuredQueries
from app.warehouse.reading.rollup import Rollup
from app.warehouse.sql import read_sql

DEFAULT_PUBLISHED_SECONDS = 3.0
"""For a database that has no layout yet."""

LAYOUTS: tuple[type[Layout], ...] = (Rollup, ClickPy)


class Warehouse:
    """A ClickHouse with our questions: what is published is looked up here, all else is asked of `layout`.

    So many questions are asked of that `at_once`, the next in turn. Whoever looks need not wait for one.
    """

    def __init__(self, connection: Connection, at_once: int = DEFAULT_MAX_QUERIES) -> None:
        self._connection = connection
        self._queries = MeasuredQueries(connection)
        self._turns = QueryLimiter(self._queries, at_once)
        self._layout: Layout | None = None
        self._last: Published | None = None
        self._choose = alru_cache(maxsize=1)(self._choose_layout)
        self._look_up = alru_cache(maxsize=1)(self._look_up_published)

    async def published(self) -> Published:
        """What is published, at most the layout's `published_seconds` ago. Raises WarehouseError."""
        if self._layout is None:
            await self._choose()
        return await self._look_up()

    @property
    def layout(self) -> Layout:
        """What answers questions; there is one as soon as anybody has looked up what is published."""
        if self._layout is None:
            raise NoTablesError
        return self._layout

    @property
    def published_seconds(self) -> float:
        """How often it is worth while to look up what is published."""
        return DEFAULT_PUBLISHED_SECONDS if self._layout is None else self._layout.published_seconds

    @property
    def queries(self) -> QueryCounters:
        """How often what was asked of ClickHouse, and how long it took."""
        return self._queries.counts

    @property
    def layout_name(self) -> str | None:
        """The layout's name, where one has been found."""
        return None if self._layout is None else self._layout.name

    @property
    def dataset(self) -> str:
        """Whose downloads these are: `demo` where what was last seen published is synthetic."""
        return "demo" if self.is_demo else self.layout.dataset

    @property
    def is_demo(self) -> bool:
        """Whether what was last seen published holds synthetic events."""
        return self._last is not None and self._last.demo

    async def schema(self) -> Schema | None:
        """How the tables' schema compares with this version's; None where they are not ours. Raises WarehouseError."""
        if self.layout_name != Rollup.name:
            return None
        applied = 0
        if await _there(self._queries, [SCHEMA_TABLE]):
            ((applied,),) = await self._queries.query("schema", question(Rollup.name, "schema"), {})
        return compared(applied)

    def forget_published(self) -> None:
        """Look again at the next question: something has just been published."""
        self._choose.cache_clear()
        self._look_up.cache_clear()

    async def _choose_layout(self) -> None:
        kind = await find_layout(self._queries)
        self._look_up = alru_cache(maxsize=1, ttl=kind.published_seconds)(self._look_up_published)
        self._layout = kind(self._turns)

    async def _look_up_published(self) -> Published:
        self._last = await type(self.layout)(self._queries).published()
        return self._last


async def find_layout(queries: QueryRunner) -> type[Layout]:
    """The layout whose tables are in the database. Raises NoTablesError where one has not all of its tables."""
    there = await _there(queries, [name for layout in LAYOUTS for name in layout.tables])
    for layout in LAYOUTS:
        missing = [name for name in layout.tables if name not in there]
        if not missing:
            return layout
        if layout.tables[0] in there:
            raise NoTablesError(f"the database has not all tables of the layout {layout.name}: {', '.join(missing)}")
    raise NoTablesError


async def _there(queries: QueryRunner, names: list[str]) -> Sequence[str]:
    """Those of the tables that the database has."""
    ((there,),) = await queries.query("tables", read_sql("reading/layouts/tables.sql"), {"names": names})
    return cast(Sequence[str], there)
