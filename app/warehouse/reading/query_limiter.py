"""A limit on the queries of readers: a bounded number runs at once, a bounded number waits, the rest are refused."""

import asyncio
from collections.abc import Mapping
from typing import Any

from app.warehouse.engines.connection import NO_SETTINGS, Columns, QueryRunner, QuerySettings
from app.warehouse.engines.errors import WarehouseBusyError

DEFAULT_MAX_QUERIES = 8
"""Where no setting says how many."""

WAIT_SECONDS = 5.0
"""How long a question waits for its turn."""

MAX_WAITING = 1_000
"""How many wait at most."""


class QueryLimiter:
    """Queries by their names, a bounded number at once, with a bounded queue."""

    def __init__(self, queries: QueryRunner, at_once: int) -> None:
        self._queries = queries
        self._free = asyncio.Semaphore(at_once)
        self._waiting = 0

    async def query(
        self, name: str, sql: str, parameters: Mapping[str, Any], settings: QuerySettings = NO_SETTINGS
    ) -> Columns:
        """What a query returns. Raises WarehouseError, WarehouseBusyError where its turn does not come."""
        await self._wait()
        try:
            return await self._queries.query(name, sql, parameters, settings)
        finally:
            self._free.release()

    async def _wait(self) -> None:
        if self._waiting >= MAX_WAITING:
            raise WarehouseBusyError("too many questions wait for ClickHouse")
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise WarehouseBusyError("ClickHouse is busy") from None
        finally:
            self._waiting -= 1
