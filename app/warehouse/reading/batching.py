"""Questions about packages that are asked at once are read by one query.

A query costs the engine some milliseconds whatever it reads. A dashboard asks for several series of one package at
once; a crowd, or a refresh after a new day, for those of many packages. So a question goes at once while few queries
run; else it waits for a moment, and others join it.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

AT_ONCE = 2
"""So many queries run before questions about any packages gather: more of them would share the same cores."""

CROWD_SECONDS = 0.02
"""How long questions gather at most, where none of those queries ends before: a slow one does not hold up the rest."""

DASHBOARD_SECONDS = 0.002
"""How long they gather while one about their package runs: a dashboard's come within a few milliseconds."""

Key = TypeVar("Key", bound=tuple[str, ...])
"""What a question is about: a package, and perhaps more."""
Value = TypeVar("Value")
Read = Callable[[Sequence[Key]], Awaitable[Mapping[Key, Value]]]
"""Reads the answers to several questions. One without an answer is not in what it returns."""


class _Batch(Generic[Key, Value]):
    """Questions that are read together."""

    def __init__(self, work: "Callable[[_Batch[Key, Value]], Coroutine[Any, Any, Mapping[Key, Value]]]") -> None:
        self.keys: dict[Key, None] = {}
        self.go = asyncio.Event()
        self._waiting = 0
        self._task = asyncio.create_task(work(self))
        # Looked at, for perhaps nobody waits for it any more.
        self._task.add_done_callback(lambda done: done.cancelled() or done.exception())

    @property
    def is_over(self) -> bool:
        """Whether nobody waited for it any more."""
        return self._task.cancelling() > 0

    @property
    def packages(self) -> set[str]:
        """Those that it is about."""
        return {key[0] for key in self.keys}

    async def value(self, key: Key) -> Value | None:
        """The answer to one question, once it is read. Who no longer waits ends it, if nobody else does."""
        self._waiting += 1
        try:
            return (await asyncio.shield(self._task)).get(key)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._task.cancel()


class QueryBatcher(Generic[Key, Value]):
    """Questions of one kind."""

    def __init__(self) -> None:
        self._gathering: dict[Hashable, _Batch[Key, Value]] = {}
        self._queries = 0
        self._asked: Counter[str] = Counter()

    async def value(
        self, common: Hashable, key: Key, most: int, read: Read[Key, Value], in_crowd: Hashable = None
    ) -> Value | None:
        """The answer to one question, None where it has none.

        `common` is what it has to have in common with others to be read with them, up to `most` of them, by the `read`
        of the first. `in_crowd` is less, where there is such, and enough while queries run or are about to.
        """
        is_crowd = self._queries + len(self._gathering) >= AT_ONCE
        if in_crowd is not None and is_crowd and common not in self._gathering:
            common = in_crowd
        batch = self._gathering.get(common)
        if batch is None or batch.is_over:
            batch = self._gathering[common] = _Batch(lambda batch: self._read(common, batch, read))
        batch.keys[key] = None
        if len(batch.keys) >= most:
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
            self._asked += Counter()  # without those of which nothing is asked
            for waiting in self._gathering.values():
                waiting.go.set()

    async def _gather(self, batch: _Batch[Key, Value]) -> None:
        """Wait for those that come with it: until the event loop has seen all that have arrived, or longer."""
        await asyncio.sleep(0)
        if self._queries >= AT_ONCE:
            seconds = CROWD_SECONDS
        elif any(package in self._asked for package in batch.packages):
            seconds = DASHBOARD_SECONDS
        else:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await batch.go.wait()

    def _close(self, common: Hashable, batch: _Batch[Key, Value]) -> None:
        """Nobody joins it any more."""
        if self._gathering.get(common) is batch:
            del self._gathering[common]
        batch.go.set()
