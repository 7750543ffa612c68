"""A ClickHouse database as readers see it: its table layout, and the newest snapshot of what is published in it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import cast

from async_lru import alru_cache

from app.serving.counters import QueryCounters
from app.warehouse.engines.connection import Connection, QueryRunner
from app.warehouse.engines.errors import NoTablesError
from app.warehouse.loading.migrations import SCHEMA_TABLE, Schema, compared
from app.warehouse.reading.clickpy import ClickPy
from app.warehouse.reading.layout import Layout, layout_sql
from app.warehouse.reading.query_limiter import QueryLimiter, QueryLimits
from app.warehouse.reading.query_metrics import MeasuredQueries
from app.warehouse.reading.rollup import Rollup
from app.warehouse.reading.snapshot import Snapshot
from app.warehouse.sql import read_sql
from app.windows import utc_now

DEFAULT_WINDOW_DAYS = 180
DEFAULT_LIMITS = QueryLimits()

DEFAULT_POLL_SECONDS = 3.0
"""For a database that has no layout yet."""

LAYOUTS: tuple[type[Layout], ...] = (Rollup, ClickPy)


class Warehouse:
    """A database, once it is opened. Queries run within the limits, polls do not wait for them. `now` is the clock."""

    def __init__(
        self,
        limits: QueryLimits = DEFAULT_LIMITS,
        window_days: int = DEFAULT_WINDOW_DAYS,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.counters = QueryCounters()
        self._limits = limits
        self._window_days = window_days
        self._now = now
        self._layout: Layout | None = None
        self._last: Snapshot | None = None

    def open(self, connection: Connection) -> None:
        """Read through this connection, whose owner closes it."""
        self._queries = MeasuredQueries(connection, self.counters)
        self._limited_queries = QueryLimiter(self._queries, self._limits)
        self._layout = self._last = None
        self._choose_layout = alru_cache(maxsize=1)(self._find_layout)
        self._newest = alru_cache(maxsize=1)(self._read_snapshot)

    async def snapshot(self) -> Snapshot:
        """The newest snapshot that has been read. Raises WarehouseError."""
        if self._layout is None:
            await self._choose_layout()
        return await self._newest()

    @property
    def layout(self) -> Layout:
        """The layout of the tables. Raises NoTablesError before the first snapshot is read."""
        if self._layout is None:
            raise NoTablesError
        return self._layout

    @property
    def poll_seconds(self) -> float:
        """The interval at which to read what is published."""
        return DEFAULT_POLL_SECONDS if self._layout is None else self._layout.poll_seconds

    @property
    def layout_name(self) -> str | None:
        """The name of the layout; None before the first snapshot is read."""
        return None if self._layout is None else self._layout.name

    @property
    def dataset(self) -> str:
        """The origin of the downloads: `own`, `public`, or `demo` if the last snapshot has synthetic events."""
        return "demo" if self.is_demo else self.layout.dataset

    @property
    def is_demo(self) -> bool:
        """Whether the last snapshot has synthetic events."""
        return self._last is not None and self._last.published.demo

    async def schema(self) -> Schema | None:
        """How the schema of our tables compares with this version's; None for other tables. Raises WarehouseError."""
        if self.layout_name != Rollup.name:
            return None
        applied = 0
        if await _existing_tables(self._queries, [SCHEMA_TABLE]):
            ((applied,),) = await self._queries.query("schema", layout_sql(Rollup.name, "schema"), {})
        return compared(applied)

    def forget_snapshot(self) -> None:
        """Let the next call read what is published again."""
        self._choose_layout.cache_clear()
        self._newest.cache_clear()

    async def _find_layout(self) -> None:
        kind = await find_layout(self._queries)
        self._layout = kind(self._limited_queries)

    async def _read_snapshot(self) -> Snapshot:
        # A poll does not wait for the queries of readers.
        today = self._now().astimezone(UTC).date()
        published = await type(self.layout)(self._queries).published(today)
        self._last = Snapshot(published, self.layout, self._window_days)
        return self._last


async def find_layout(queries: QueryRunner) -> type[Layout]:
    """The layout whose tables are in the database. Raises NoTablesError if some or all of its tables are missing."""
    existing = await _existing_tables(queries, [name for layout in LAYOUTS for name in layout.tables])
    for layout in LAYOUTS:
        missing = [name for name in layout.tables if name not in existing]
        if not missing:
            return layout
        if layout.tables[0] in existing:
            raise NoTablesError(f"the database has not all tables of the layout {layout.name}: {', '.join(missing)}")
    raise NoTablesError


async def _existing_tables(queries: QueryRunner, names: list[str]) -> Sequence[str]:
    """Those of the tables that the database has."""
    ((existing,),) = await queries.query("tables", read_sql("reading/layouts/tables.sql"), {"names": names})
    return cast(Sequence[str], existing)
