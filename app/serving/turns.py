"""A limit on how much runs at once, with a queue in which clients take turns."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.serving.client import current_client


class NoTurnError(Exception):
    """All places in the queue are taken, or it took too long."""


class FairQueue:
    """Admits up to `max_running` at once; up to `max_waiting` more wait.

    Those that wait are admitted in turn by client (`current_client`), so that a client with many requests keeps only
    its own waiting.
    """

    def __init__(self, max_running: int, max_waiting: int) -> None:
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._running = 0
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """The turns of each client, oldest first; the clients in the order in which they are admitted."""

    @property
    def waiting(self) -> int:
        """The number that waits."""
        return sum(map(len, self._waiting.values()))

    @property
    def pending(self) -> int:
        """The number that runs or waits."""
        return self._running + self.waiting

    @asynccontextmanager
    async def turn(self, wait_seconds: float | None = None) -> AsyncIterator[None]:
        """Run the block when it is this client's turn.

        Raises NoTurnError if that takes longer than `wait_seconds`, or if all places are taken. Then the newest turn of
        the client that has the most makes room for one that has fewer.
        """
        await self._wait(wait_seconds)
        try:
            yield
        finally:
            self._release()

    async def _wait(self, seconds: float | None) -> None:
        if self._running < self._max_running and not self._waiting:
            self._running += 1
            return
        client = current_client.get()
        turn = asyncio.get_running_loop().create_future()
        self._enqueue(client, turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            self._leave(client, turn)
            raise NoTurnError from None
        except asyncio.CancelledError:
            self._leave(client, turn)
            raise

    def _enqueue(self, client: str, turn: asyncio.Future[None]) -> None:
        if self.waiting >= self._max_waiting:
            longest = max(self._waiting, key=lambda other: len(self._waiting[other]), default=client)
            if len(self._waiting.get(longest, ())) <= len(self._waiting.get(client, ())) + 1:
                raise NoTurnError
            self._waiting[longest].pop().set_exception(NoTurnError())
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
        while self._waiting and self._running < self._max_running:
            client, turns = next(iter(self._waiting.items()))
            del self._waiting[client]
            turn = turns.popleft()
            if turns:
                # The next turn of this client comes after one of everybody else's.
                self._waiting[client] = turns
            if not turn.done():
                self._running += 1
                turn.set_result(None)
