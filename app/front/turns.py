"""Turns at ClickHouse: so many questions are asked at once, the next wait a little, the rest are told to come again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.warehouse.errors import WarehouseBusyError

WAIT_SECONDS = 5.0
"""How long a question waits for its turn."""

MOST_WAITING = 1_000
"""How many wait at most."""


class Turns:
    """A bounded number of turns, and a bounded queue for them."""

    def __init__(self, at_once: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One turn. Raises WarehouseBusyError where it does not come in time."""
        if self._waiting >= MOST_WAITING:
            raise WarehouseBusyError("too many questions wait for ClickHouse")
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise WarehouseBusyError("ClickHouse is busy") from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()
