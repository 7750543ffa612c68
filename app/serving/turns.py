"""A limit on how much runs at once, with a queue in which clients take turns."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from app.serving.client import current_client

SHARE = 4

Result = TypeVar("Result")


class NoTurnError(Exception):
    """All places in the queue are taken, or it took too long."""


class StoppedError(Exception):
    """The work was stopped."""


class FairQueue:
    """Admits up to `max_running` at once; up to `max_waiting` more wait.

    Those that wait are admitted in turn by client (`current_client`), so that a client with many requests keeps only
    its own waiting. One in SHARE of those that run are kept free for other clients than the one that has the rest,
    unless `max_of_client` says how many run of each.
    """

    def __init__(self, max_running: int, max_waiting: int, max_of_client: int = 0) -> None:
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._max_of_client = max_of_client or max(1, max_running - max_running // SHARE)
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """The turns of each client, oldest first; the clients in the order in which they are admitted."""
        self._tasks: set[asyncio.Future[Any]] = set()

    @property
    def waiting(self) -> int:
        """The number that waits."""
        return sum(map(len, self._waiting.values()))

    @property
    def pending(self) -> int:
        """The number that runs or waits."""
        return self._running.total() + self.waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Run the block when it is this client's turn. Raises NoTurnError as `run` does."""
        client = current_client.get()
        await self._wait(client, None)
        try:
            yield
        finally:
            self._release(client)

    async def run(self, work: Callable[[], Awaitable[Result]], wait_seconds: float | None = None) -> Result:
        """What `work` returns, called when it is this client's turn.

        Raises NoTurnError if that takes longer than `wait_seconds`, or if all places are taken. Then the newest turn of
        the client that has the most makes room for one that has fewer. Raises StoppedError if `stop` is called.

        A caller that is cancelled leaves the queue. Work that has begun goes on without it and keeps its turn: a query
        that runs cannot be ended everywhere, and a new process takes longer than most charts.
        """
        client = current_client.get()
        await self._wait(client, wait_seconds)
        task = asyncio.ensure_future(work())
        self._tasks.add(task)
        task.add_done_callback(partial(self._end, client))
        await asyncio.wait([task])
        if task.cancelled():
            raise StoppedError
        return task.result()

    def stop(self) -> None:
        """Cancel what runs."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Cancel what runs, and wait for its end."""
        self.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _end(self, client: str, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Retrieved, since its caller may have been cancelled.
            task.exception()
        self._release(client)

    def _may_run(self, client: str) -> bool:
        return self._running.total() < self._max_running and self._running[client] < self._max_of_client

    async def _wait(self, client: str, seconds: float | None) -> None:
        if client not in self._waiting and self._may_run(client):
            self._running[client] += 1
            return
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
                self._release(client)
        elif turn in (turns := self._waiting.get(client, deque())):
            turns.remove(turn)
            if not turns:
                del self._waiting[client]

    def _release(self, client: str) -> None:
        self._running[client] -= 1
        if not self._running[client]:
            del self._running[client]
        while (next_client := next(filter(self._may_run, self._waiting), None)) is not None:
            self._admit(next_client)

    def _admit(self, client: str) -> None:
        turns = self._waiting.pop(client)
        turn = turns.popleft()
        if turns:
            # The next turn of this client comes after one of everybody else's.
            self._waiting[client] = turns
        if not turn.done():
            self._running[client] += 1
            turn.set_result(None)
