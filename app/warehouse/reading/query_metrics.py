"""Measures the queries of readers: counts and times them by name, and logs each that fails."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from app.serving.counters import QueryCounters
from app.warehouse.engines.connection import NO_SETTINGS, Columns, Connection, QuerySettings
from app.warehouse.engines.errors import WarehouseError

logger = logging.getLogger(__name__)


class MeasuredQueries:
    """Runs named queries on a connection."""

    def __init__(self, connection: Connection, counters: QueryCounters) -> None:
        self._counters = counters
        self._connection = connection

    async def query(
        self, name: str, sql: str, parameters: Mapping[str, Any], settings: QuerySettings = NO_SETTINGS
    ) -> Columns:
        """The result. Raises WarehouseError."""
        began = time.monotonic()
        failed = False
        self._counters.begin(name)
        try:
            return await self._connection.query(sql, parameters, settings)
        except WarehouseError as error:
            failed = True
            # Neither the parameters, which a client may have sent, nor the SQL: the name says which file has it.
            facts = {"query": name, "seconds": round(time.monotonic() - began, 3)}
            logger.warning("a query failed: %s", error, extra=facts)
            raise
        finally:
            self._counters.end(name, time.monotonic() - began, failed=failed)
