"""The data's version, looked up in the background, so that no finished answer waits for it; and whether ClickHouse
answers at all, so that no question waits for one that does not.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from app.warehouse.engines.errors import WarehouseError, WarehouseUnavailableError
from app.warehouse.reading.layout import Published
from app.warehouse.reading.warehouse import Warehouse

LEAST_SECONDS = 0.05
"""Between two looks at least, however often the layout has it done."""

RETRY_SECONDS = 0.5
"""Between two looks while ClickHouse does not answer."""

LATE_SECONDS = 2.0
"""When a look that has brought nothing counts as a failure. It goes on: a far ClickHouse may be slow and well."""

AGAIN_SECONDS = 1.0
"""When there is another look beside one that has brought nothing, while ClickHouse is away."""

GIVE_UP_SECONDS = 10.0
"""When a look ends."""

FAILURES = 2
"""Looks in a row that fail before ClickHouse counts as away."""

logger = logging.getLogger(__name__)


class DataVersion:
    """A state of the data, when it was last known to be the newest, and when another took its place.

    Times are seconds of the monotonic clock.
    """

    __slots__ = ("known_at", "published", "superseded_at")

    def __init__(self, published: Published, known_at: float) -> None:
        self.published = published
        self.known_at = known_at
        self.superseded_at: float | None = None


class DataVersions:
    """The newest version. `on_change` is called when there is another, `on_away` when ClickHouse stops answering."""

    def __init__(self, warehouse: Warehouse, on_change: Callable[[], None], on_away: Callable[[], None]) -> None:
        self.current: DataVersion | None = None
        self._why_away: WarehouseUnavailableError | None = None
        self._warehouse = warehouse
        self._on_change = on_change
        self._on_away = on_away
        self._failures = 0
        self._look_now = asyncio.Event()
        self._looks: set[asyncio.Task[None]] = set()

    @property
    def is_away(self) -> bool:
        """Whether ClickHouse does not answer."""
        return self._why_away is not None

    async def newest(self) -> DataVersion:
        """The newest version, for a question that has to be asked. Raises WarehouseError, at once while it is away."""
        if self._why_away is not None:
            raise self._why_away.with_traceback(None)
        # In that time the looks have found out whether it is away.
        return await self._known_in(FAILURES * LATE_SECONDS)

    async def look(self) -> DataVersion:
        """The newest version as ClickHouse has it now. Raises WarehouseError."""
        self._warehouse.forget_published()
        return await self._known_in(GIVE_UP_SECONDS)

    async def _known_in(self, seconds: float) -> DataVersion:
        try:
            async with asyncio.timeout(seconds):
                return self._seen(await self._warehouse.published())
        except TimeoutError:
            raise WarehouseUnavailableError("ClickHouse did not answer in time") from None

    def look_soon(self) -> None:
        """Look now and not in a few seconds: something has just been published, or has just failed.

        While ClickHouse is away, each question fails: the looks stay as rare as they are.
        """
        self._warehouse.forget_published()
        if not self.is_away:
            self._look_now.set()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        try:
            while True:
                self._look_now.clear()
                look = asyncio.create_task(self._try())
                self._looks.add(look)
                look.add_done_callback(self._looks.discard)
                done, _ = await asyncio.wait([look], timeout=AGAIN_SECONDS if self.is_away else LATE_SECONDS)
                if not done:
                    self._failed(WarehouseUnavailableError("ClickHouse does not answer in time"))
                    continue
                pause = RETRY_SECONDS if self._failures else max(LEAST_SECONDS, self._warehouse.published_seconds)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._look_now.wait()
        finally:
            for look in self._looks:
                look.cancel()

    async def _try(self) -> None:
        try:
            await self.look()
        except WarehouseError as error:
            self._failed(error)
        else:
            # Those that hang would end as failures of a ClickHouse that is well again.
            for look in self._looks:
                if look is not asyncio.current_task():
                    look.cancel()

    def _seen(self, published: Published) -> DataVersion:
        now = time.monotonic()
        if self.is_away:
            logger.warning("ClickHouse answers again")
        self._failures, self._why_away = 0, None
        before = self.current
        if before is not None and not before.published.answers_differ(published):
            before.published, before.known_at = published, now
            return before
        self.current = after = DataVersion(published, now)
        if before is not None:
            before.superseded_at = now
            self._on_change()
        return after

    def _failed(self, error: WarehouseError) -> None:
        self._failures += 1
        if self._failures < FAILURES:
            return
        if self._why_away is None:
            logger.warning("%s; sending what has been answered before", error)
            self._on_away()
        if not isinstance(error, WarehouseUnavailableError):
            error = WarehouseUnavailableError("ClickHouse refuses what is asked of it")
        self._why_away = error
