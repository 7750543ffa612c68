"""A connection to ClickHouse that refuses, hangs or is slow as a test sets it; otherwise it is the real one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx

from app.warehouse.engines.connection import NO_SETTINGS, Columns, Connection, QuerySettings
from app.warehouse.engines.errors import WarehouseUnavailableError
from tests.support.client import client_of
from tests.support.dataset import Dataset

Mode = Literal["working", "refusing", "hanging"]


class FaultyConnection:
    """Between the app and its ClickHouse."""

    def __init__(self, connection: Connection) -> None:
        self.mode: Mode = "working"
        self.slow_seconds = 0.0
        self.slow = 0
        """Queries that were slow so far."""
        self.gate = asyncio.Event()
        """Queries, but polls, wait while it is not set."""
        self.gate.set()
        self.at_gate = 0
        """Queries that wait for it."""
        self.hanging = 0
        """Queries that hang now."""
        self.polls = 0
        self.questions = 0
        """All queries but polls."""
        self.most_at_once = 0
        self._running = 0
        self._connection = connection

    async def query(self, sql: str, parameters: Mapping[str, Any], settings: QuerySettings = NO_SETTINGS) -> Columns:
        """What ClickHouse answers, or what its fault makes of that."""
        is_poll = "FROM loads" in sql
        self.polls += is_poll
        self.questions += not is_poll
        self._running += not is_poll
        self.most_at_once = max(self.most_at_once, self._running)
        try:
            if self.mode == "refusing":
                raise WarehouseUnavailableError("ClickHouse does not answer")
            if self.mode == "hanging":
                await self._hang()
            if not is_poll and not self.gate.is_set():
                self.at_gate += 1
                await self.gate.wait()
            if self.slow_seconds and not is_poll:
                self.slow += 1
                await asyncio.sleep(self.slow_seconds)
            return await self._connection.query(sql, parameters, settings)
        finally:
            self._running -= not is_poll

    async def _hang(self) -> None:
        self.hanging += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.hanging -= 1

    async def close(self) -> None:
        """The connection is the app's to close."""


@asynccontextmanager
async def faulty(dataset: Dataset, **options: Any) -> AsyncIterator[tuple[httpx.AsyncClient, FaultyConnection]]:
    """A client of a running app, and the faults of its ClickHouse; options as of `Dataset.app`."""
    made: list[FaultyConnection] = []

    def wrap(connection: Connection) -> Connection:
        made.append(FaultyConnection(connection))
        return made[-1]

    async with client_of(dataset.app(wrap_connection=wrap, **options)) as client:
        yield client, made[-1]
