"""A limit on the queries of readers: a bounded number runs at once, a bounded number waits, the rest are refused."""

from collections.abc import Mapping
from typing import Any

import msgspec

from app.serving.turns import FairQueue, NoTurnError, StoppedError
from app.warehouse.engines.connection import NO_SETTINGS, Columns, QueryRunner, QuerySettings
from app.warehouse.engines.errors import WarehouseBusyError, WarehouseUnavailableError


class QueryLimits(msgspec.Struct, frozen=True):
    """How many queries run at once, how many wait, and how many seconds each of them waits."""

    max_running: int = 8
    max_waiting: int = 1_000
    wait_seconds: float = 5.0


class QueryLimiter:
    """Runs queries within the limits."""

    def __init__(self, queries: QueryRunner, limits: QueryLimits) -> None:
        self._queries = queries
        self._wait_seconds = limits.wait_seconds
        self._queue = FairQueue(limits.max_running, limits.max_waiting)

    async def query(
        self, name: str, sql: str, parameters: Mapping[str, Any], settings: QuerySettings = NO_SETTINGS
    ) -> Columns:
        """The result. Raises WarehouseError, and WarehouseBusyError if the query had to wait too long."""
        try:
            return await self._queue.run(
                lambda: self._queries.query(name, sql, parameters, settings), self._wait_seconds
            )
        except NoTurnError:
            raise WarehouseBusyError("too many queries wait for ClickHouse") from None
        except StoppedError:
            raise WarehouseUnavailableError("ClickHouse has stopped answering") from None

    def stop(self) -> None:
        """Cancel the queries that run: each raises WarehouseUnavailableError."""
        self._queue.stop()
