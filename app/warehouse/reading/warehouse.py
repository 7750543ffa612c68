"""The store as readers see it: the newest snapshot of what is published in it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from async_lru import alru_cache

from app.serving.counters import QueryCounters
from app.warehouse.engines.connection import Connection, QueryRunner
from app.warehouse.engines.errors import NoTablesError
from app.warehouse.loading.migrations import SCHEMA_TABLE, Schema, compared
from app.warehouse.reading.followed import Followed
from app.warehouse.reading.query_limiter import QueryLimiter, QueryLimits
from app.warehouse.reading.query_metrics import MeasuredQueries
from app.warehouse.reading.results import Published
from app.warehouse.reading.snapshot import Marks, Snapshot
from app.warehouse.reading.tables import TABLES, Tables, query_sql
from app.windows import utc_now

DEFAULT_WINDOW_DAYS = 180
DEFAULT_LIMITS = QueryLimits()

UNKNOWN_FOR = timedelta(days=1)
"""How long it is remembered that a source does not have a package."""
FOLLOWED_AGAIN = timedelta(minutes=10)
"""How long the list of followed packages may be relied on if nothing else has changed."""


class Warehouse:
    """A store, once it is opened. Queries run within the limits, polls do not wait for them. `now` is the clock."""

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
        self._last: Snapshot | None = None
        self._followed: tuple[Published, datetime, Followed] | None = None
        self._marks = Marks()

    def open(self, connection: Connection, *, source: str = "", dataset: str = "own") -> None:
        """Read through this connection, whose owner closes it.

        `source` is what is asked for packages that the store lacks, in words; empty if nothing is. `dataset` is the
        origin of the downloads: `own` or `public`.
        """
        self._source = source
        self._dataset = dataset
        self._queries = MeasuredQueries(connection, self.counters)
        self._limiter = QueryLimiter(self._queries, self._limits)
        self._tables = Tables(self._limiter)
        # A poll does not wait for the queries of readers.
        self._polled_tables = Tables(self._queries)
        self._last = self._followed = None
        self._has_tables = False
        self._newest = alru_cache(maxsize=1)(self._read_snapshot)

    async def snapshot(self) -> Snapshot:
        """The newest snapshot that has been read. Raises WarehouseError."""
        return await self._newest()

    @property
    def dataset(self) -> str:
        """The origin of the downloads: `own`, `public`, or `demo` if the last snapshot has synthetic events."""
        return "demo" if self.is_demo else self._dataset

    @property
    def is_demo(self) -> bool:
        """Whether the last snapshot has synthetic events."""
        return self._last is not None and self._last.published.demo

    @property
    def packages(self) -> int:
        """The number of packages in the last snapshot of a store that holds some."""
        return len(self._last.followed.packages) if self._last and self._last.followed else 0

    async def schema(self) -> Schema:
        """How the schema of the tables compares with this version's. Raises WarehouseError."""
        applied = 0
        if await _existing_tables(self._queries, [SCHEMA_TABLE]):
            ((applied,),) = await self._queries.query("schema", query_sql("schema"), {})
        return compared(applied)

    def stop_queries(self) -> None:
        """Cancel the queries of readers; polls go on."""
        self._limiter.stop()

    def forget_snapshot(self) -> None:
        """Let the next call read what is published again."""
        self._newest.cache_clear()

    def take_marks(self) -> Marks:
        """What questions have left since this was called last."""
        marks = Marks(set(self._marks.asked), set(self._marks.outdated))
        self._marks.asked.clear()
        self._marks.outdated.clear()
        return marks

    def forget_followed(self) -> None:
        """Let the next call read the followed packages again too."""
        self._followed = None
        self.forget_snapshot()

    async def _read_snapshot(self) -> Snapshot:
        if not self._has_tables:
            await _require_tables(self._queries)
            self._has_tables = True
        published = await self._polled_tables.published(self._now().astimezone(UTC).date())
        holds_some = bool(self._source) or published.newest > published.state
        followed = await self._read_followed(published) if holds_some else None
        self._last = Snapshot(published, self._tables, self._window_days, followed, self._source, self._marks)
        return self._last

    async def _read_followed(self, published: Published) -> Followed:
        now = self._now()
        if self._followed is not None:
            before, at, followed = self._followed
            if before == published and now - at < FOLLOWED_AGAIN:
                return followed
        followed = await self._polled_tables.followed(published, now - UNKNOWN_FOR)
        self._followed = published, now, followed
        return followed


async def _require_tables(queries: QueryRunner) -> None:
    """Raise NoTablesError if the database lacks some or all of the tables."""
    existing = await _existing_tables(queries, list(TABLES))
    if not existing:
        raise NoTablesError
    if missing := [name for name in TABLES if name not in existing]:
        raise NoTablesError(f"the database does not have all of our tables: there is no {', '.join(missing)}")


async def _existing_tables(queries: QueryRunner, names: list[str]) -> Sequence[str]:
    """Those of the tables that the database has."""
    ((existing,),) = await queries.query("tables", query_sql("existing_tables"), {"names": names})
    return cast(Sequence[str], existing)
