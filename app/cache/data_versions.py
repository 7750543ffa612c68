"""Polls the data's version in the background, so that no cached response waits for it; and knows whether ClickHouse
answers, so that no query waits for one that does not.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from async_lru import alru_cache

from app.cache.timing import CacheTiming
from app.warehouse.engines.errors import WarehouseError, WarehouseUnavailableError
from app.warehouse.loading.migrations import Schema
from app.warehouse.reading.snapshot import Snapshot
from app.warehouse.reading.warehouse import Warehouse

FAILURES = 2
"""Polls in a row that fail before ClickHouse counts as away."""

logger = logging.getLogger(__name__)


class DataVersion:
    """A snapshot, when it was last known to be the newest, and when another one replaced it.

    Times are seconds of the monotonic clock.
    """

    __slots__ = ("known_at", "snapshot", "superseded_at")

    def __init__(self, snapshot: Snapshot, known_at: float) -> None:
        self.snapshot = snapshot
        self.known_at = known_at
        self.superseded_at: float | None = None


class DataVersions:
    """The newest version. `on_change(before, after)` is called when it is replaced, `on_away()` without ClickHouse."""

    def __init__(
        self,
        warehouse: Warehouse,
        timing: CacheTiming,
        on_change: Callable[[DataVersion, DataVersion], None],
        on_away: Callable[[], None],
    ) -> None:
        self.current: DataVersion | None = None
        self._away_because: WarehouseUnavailableError | None = None
        self._warehouse = warehouse
        self._timing = timing
        self._on_change = on_change
        self._on_away = on_away
        self._failures = 0
        self._poll_now = asyncio.Event()
        self._polls: set[asyncio.Task[None]] = set()
        self.look = alru_cache(maxsize=1, ttl=timing.look)(self._look)

    @property
    def is_away(self) -> bool:
        """Whether ClickHouse does not answer."""
        return self._away_because is not None

    async def newest(self) -> DataVersion:
        """The newest version, for a query that is about to be sent. Raises WarehouseError, at once if it is away."""
        if self._away_because is not None:
            raise self._away_because.with_traceback(None)
        # After that time the polls know whether it is away.
        return await self._read(FAILURES * self._timing.poll_late)

    async def poll(self) -> DataVersion:
        """The newest version as ClickHouse has it now. Raises WarehouseError."""
        self._warehouse.forget_snapshot()
        return await self._read(self._timing.poll_timeout)

    async def _look(self) -> tuple[DataVersion, Schema]:
        """The newest version and the schema, which ClickHouse is asked for once for all that call `look` in a while.

        Raises WarehouseError, at once while the background polls know that ClickHouse is away.
        """
        version = await (self.newest() if self.is_away else self.poll())
        return version, await self._warehouse.schema()

    async def _read(self, seconds: float) -> DataVersion:
        try:
            async with asyncio.timeout(seconds):
                return self._update(await self._warehouse.snapshot())
        except TimeoutError:
            raise WarehouseUnavailableError("ClickHouse did not answer in time") from None

    def poll_soon(self) -> None:
        """Poll now: something has been published, or a query has failed.

        While ClickHouse is away, every query fails, and polls keep their interval.
        """
        self._warehouse.forget_snapshot()
        if not self.is_away:
            self._poll_now.set()

    async def run(self) -> None:
        """Poll until cancelled."""
        timing = self._timing
        try:
            while True:
                self._poll_now.clear()
                poll = asyncio.create_task(self._try_poll())
                self._polls.add(poll)
                poll.add_done_callback(self._polls.discard)
                done, _ = await asyncio.wait([poll], timeout=timing.poll_again if self.is_away else timing.poll_late)
                if not done:
                    self._failed(WarehouseUnavailableError("ClickHouse does not answer in time"))
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(timing.poll_retry if self._failures else timing.poll_interval):
                        await self._poll_now.wait()
        finally:
            for poll in self._polls:
                poll.cancel()

    async def _try_poll(self) -> None:
        try:
            await self.poll()
        except WarehouseError as error:
            self._failed(error)
        else:
            # Polls that hang would fail later, and ClickHouse would count as away again.
            for poll in self._polls:
                if poll is not asyncio.current_task():
                    poll.cancel()

    def _update(self, snapshot: Snapshot) -> DataVersion:
        now = self._timing.clock()
        if self.is_away:
            logger.warning("ClickHouse answers again")
        self._failures, self._away_because = 0, None
        before = self.current
        if before is not None and not before.snapshot.published.answers_differ(snapshot.published):
            before.snapshot, before.known_at = snapshot, now
            return before
        self.current = after = DataVersion(snapshot, now)
        if before is not None:
            before.superseded_at = now
            self._on_change(before, after)
        return after

    def _failed(self, error: WarehouseError) -> None:
        self._failures += 1
        if self._failures < FAILURES:
            return
        if self._away_because is None:
            logger.warning("%s; cached responses are served", error)
            self._on_away()
        if not isinstance(error, WarehouseUnavailableError):
            error = WarehouseUnavailableError("ClickHouse refuses the queries")
        self._away_because = error
