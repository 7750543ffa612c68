"""A limit on the queries of readers: a bounded number runs at once, a bounded number waits, the rest are refused.

Clients take turns: whoever sends many questions keeps only their own waiting.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from app.serving.client import current_client
from app.warehouse.engines.connection import NO_SETTINGS, Columns, QueryRunner, QuerySettings
from app.warehouse.engines.errors import WarehouseBusyError


class QueryLimits(msgspec.Struct, frozen=True):
    """How many queries run at once, how many wait, and how many seconds each of them waits."""

    max_running: int = 8
    max_waiting: int = 1_000
    wait_seconds: float = 5.0


class QueryLimiter:
    """Runs queries within the limits. Those that wait are admitted in turn by client (`current_client`)."""

    def __init__(self, queries: QueryRunner, limits: QueryLimits) -> None:
        self._queries = queries
        self._limits = limits
        self._running = 0
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """The turns of each client, oldest first; the clients in the order in which they are admitted."""

    async def query(
        self, name: str, sql: str, parameters: Mapping[str, Any], settings: QuerySettings = NO_SETTINGS
    ) -> Columns:
        """The result. Raises WarehouseError, and WarehouseBusyError if the query had to wait too long."""
        await self._wait()
        try:
            return await self._queries.query(name, sql, parameters, settings)
        finally:
            self._release()

    async def _wait(self) -> None:
        if self._running < self._limits.max_running and not self._waiting:
            self._running += 1
            return
        client = current_client.get()
        turn = asyncio.get_running_loop().create_future()
        self._enqueue(client, turn)
        try:
            async with asyncio.timeout(self._limits.wait_seconds):
                await turn
        except TimeoutError:
            self._leave(client, turn)
            raise WarehouseBusyError("ClickHouse is busy") from None
        except asyncio.CancelledError:
            self._leave(client, turn)
            raise

    def _enqueue(self, client: str, turn: asyncio.Future[None]) -> None:
        """Let a turn wait. If all places are taken, the newest of the client with the most turns makes room."""
        if sum(map(len, self._waiting.values())) >= self._limits.max_waiting:
            longest = max(self._waiting, key=lambda other: len(self._waiting[other]))
            full = WarehouseBusyError("too many queries wait for ClickHouse")
            if len(self._waiting[longest]) <= len(self._waiting.get(client, ())) + 1:
                raise full
            self._waiting[longest].pop().set_exception(full)
        self._waiting.setdefault(client, deque()).append(turn)

    def _leave(self, client: str, turn: asyncio.Future[None]) -> None:
        """Give up a turn: its place in the queue, or the permission to run if it has come at the same moment."""
        if turn.done() and not turn.cancelled():
            if turn.exception() is None:
                self._release()
        elif turns := self._waiting.get(client):
            turns.remove(turn)
            if not turns:
                del self._waiting[client]

    def _release(self) -> None:
        self._running -= 1
        while self._waiting and self._running < self._limits.max_running:
            client, turns = next(iter(self._waiting.items()))
            del self._waiting[client]
            turn = turns.popleft()
            if turns:
                # The next turn of this client comes after one of everybody else's.
                self._waiting[client] = turns
            if not turn.done():
                self._running += 1
                turn.set_result(None)
