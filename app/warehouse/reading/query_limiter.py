"""A limit on the queries of readers: a bounded number runs at once, a bounded number waits, the rest are refused."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from app.warehouse.engines.connection import NO_SETTINGS, Columns, QueryRunner, QuerySettings
from app.warehouse.engines.errors import WarehouseBusyError


class QueryLimits(msgspec.Struct, frozen=True):
    """How many queries run at once, how many wait, and how many seconds each of them waits."""

    max_running: int = 8
    max_waiting: int = 1_000
    wait_seconds: float = 5.0


class QueryLimiter:
    def __init__(self, queries: QueryRunner, limits: QueryLimits) -> None:
        self._queries = queries
        self._limits = limits
        self._free = asyncio.Semaphore(limits.max_running)
        self._waiting = 0

    async def query(
        self, name: str, sql: str, parameters: Mapping[str, Any], settings: QuerySettings = NO_SETTINGS
    ) -> Columns:
        """The result. Raises WarehouseError, and WarehouseBusyError if the query had to wait too long."""
        await self._wait()
        try:
            return await self._queries.query(name, sql, parameters, settings)
        finally:
            self._free.release()

    async def _wait(self) -> None:
        if self._waiting >= self._limits.max_waiting:
            raise WarehouseBusyError("too many queries wait for ClickHouse")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.wait_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise WarehouseBusyError("ClickHouse is busy") from None
        finally:
            self._waiting -= 1
