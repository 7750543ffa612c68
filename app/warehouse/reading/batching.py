"""Batches of questions: one query reads the answers to questions that are asked at the same time.

A query costs the engine some milliseconds, whatever it reads. A dashboard asks for several series of one package at
once; many clients, or a refresh after a new day, ask for series of many packages. So a question is sent at once while
few queries run; otherwise it waits for a moment, and others join its batch.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

BUSY_QUERIES = 2
"""The number of running queries from which questions about different packages wait for each other."""

CROWD_SECONDS = 0.02
"""How long a batch is open at most while BUSY_QUERIES run; it closes earlier when one of them ends."""

DASHBOARD_SECONDS = 0.002
"""How long a batch is open while a query about its package runs: a dashboard's questions come within milliseconds."""

Key = TypeVar("Key", bound=tuple[str, ...])
"""Identifies a question: the package, and what else it needs."""
Value = TypeVar("Value")
Read = Callable[[Sequence[Key]], Awaitable[Mapping[Key, Value]]]
"""Reads the answers to several questions; the result lacks those without an answer."""


class _Batch(Generic[Key, Value]):
    """Questions that one query reads."""

    def __init__(self, work: "Callable[[_Batch[Key, Value]], Coroutine[Any, Any, Mapping[Key, Value]]]") -> None:
        self.keys: dict[Key, None] = {}
        self.go = asyncio.Event()
        self._waiting = 0
        self._task = asyncio.create_task(work(self))
        # Retrieved, since there may be no question left that waits for it.
        self._task.add_done_callback(lambda done: done.cancelled() or done.exception())

    @property
    def is_over(self) -> bool:
        """Whether it was cancelled because no question waited for it."""
        return self._task.cancelling() > 0

    @property
    def packages(self) -> set[str]:
        return {key[0] for key in self.keys}

    async def value(self, key: Key) -> Value | None:
        """The answer to one question. If all that wait for it are cancelled, so is the query."""
        self._waiting += 1
        try:
            return (await asyncio.shield(self._task)).get(key)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._task.cancel()


class QueryBatcher(Generic[Key, Value]):
    """Collects questions of one kind in batches."""

    def __init__(self) -> None:
        self._gathering: dict[Hashable, _Batch[Key, Value]] = {}
        self._queries = 0
        self._asked: Counter[str] = Counter()

    async def value(
        self, common: Hashable, key: Key, limit: int, read: Read[Key, Value], in_crowd: Hashable = None
    ) -> Value | None:
        """The answer to a question; None if it has none.

        Questions with the same `common` value share a batch of at most `limit`, which the first one's `read` reads.
        While BUSY_QUERIES run or are about to, `in_crowd`, a less specific value, replaces `common` if it is given.
        """
        is_crowd = self._queries + len(self._gathering) >= BUSY_QUERIES
        if in_crowd is not None and is_crowd and common not in self._gathering:
            common = in_crowd
        batch = self._gathering.get(common)
        if batch is None or batch.is_over:
            batch = self._gathering[common] = _Batch(lambda batch: self._read(common, batch, read))
        batch.keys[key] = None
        if len(batch.keys) >= limit:
            self._close(common, batch)
        return await batch.value(key)

    async def _read(self, common: Hashable, batch: _Batch[Key, Value], read: Read[Key, Value]) -> Mapping[Key, Value]:
        try:
            await self._gather(batch)
        finally:
            self._close(common, batch)
        packages = batch.packages
        self._queries += 1
        self._asked.update(packages)
        try:
            return await read(list(batch.keys))
        finally:
            self._queries -= 1
            self._asked.subtract(packages)
            self._asked += Counter()  # drops the packages whose count is 0
            for waiting in self._gathering.values():
                waiting.go.set()

    async def _gather(self, batch: _Batch[Key, Value]) -> None:
        """Wait until the event loop has handled all requests that have arrived, or longer, for others to join."""
        await asyncio.sleep(0)
        if self._queries >= BUSY_QUERIES:
            seconds = CROWD_SECONDS
        elif any(package in self._asked for package in batch.packages):
            seconds = DASHBOARD_SECONDS
        else:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await batch.go.wait()

    def _close(self, common: Hashable, batch: _Batch[Key, Value]) -> None:
        """Let no other question join the batch."""
        if self._gathering.get(common) is batch:
            del self._gathering[common]
        batch.go.set()
