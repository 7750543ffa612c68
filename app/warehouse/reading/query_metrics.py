"""Readers' queries by their names: counted, timed, and one line in the log for each that fails."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from app.serving.counters import QueryCounters
from app.warehouse.engines.connection import NO_SETTINGS, Columns, Connection, QuerySettings
from app.warehouse.engines.errors import WarehouseError

logger = logging.getLogger(__name__)


class MeasuredQueries:
    """A connection that has to be told what a query is called."""

    def __init__(self, connection: Connection) -> None:
        self.counts = QueryCounters()
        self._connection = connection

    async def query(
        self, name: str, sql: str, parameters: Mapping[str, Any], settings: QuerySettings = NO_SETTINGS
    ) -> Columns:
        """What a query returns. Raises WarehouseError."""
        began = time.monotonic()
        failed = False
        self.counts.begin(name)
        try:
            return await self._connection.query(sql, parameters, settings)
        except WarehouseError as error:
            failed = True
            # Not its parameters: they are what somebody asked. Not its SQL: the name says which file it is in.
            facts = {"query": name, "seconds": round(time.monotonic() - began, 3)}
            logger.warning("a query failed: %s", error, extra=facts)
            raise
        finally:
            self.counts.end(name, time.monotonic() - began, failed=failed)
