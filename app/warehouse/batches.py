"""Series of one package that are asked for at once, as a dashboard does, are read by one query.

Rows of a package lie side by side, and a query costs far more than the rows of one dimension. Questions gather for as
long as the event loop needs for all that have arrived; while one of a package runs, for a moment longer.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from typing import Any

from app.warehouse.layout import NO_SERIES, Series

GATHER_SECONDS = 0.002
"""How long questions gather while one of their package runs; a dashboard's come within a few milliseconds."""

Read = Callable[[Sequence[str]], Awaitable[Mapping[str, Series]]]
"""Reads the series of some dimensions, by dimension; a dimension without rows may be missing."""


class _Batch:
    """Questions that are read together."""

    def __init__(self, work: Callable[["_Batch"], Coroutine[Any, Any, Mapping[str, Series]]]) -> None:
        self.dimensions: list[str] = []
        self._waiting = 0
        self._task = asyncio.create_task(work(self))
        # Looked at, for perhaps nobody waits for it any more.
        self._task.add_done_callback(lambda done: done.cancelled() or done.exception())

    @property
    def is_over(self) -> bool:
        """Whether nobody waited for it any more."""
        return self._task.cancelling() > 0

    async def series(self, dimension: str) -> Series:
        """The series of one dimension, once it is read. Who no longer waits ends it, if nobody else does."""
        self.dimensions.append(dimension)
        self._waiting += 1
        try:
            return (await asyncio.shield(self._task)).get(dimension, NO_SERIES)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._task.cancel()


class Batches:
    """Questions by what they have in common but the dimension."""

    def __init__(self) -> None:
        self._running: Counter[Hashable] = Counter()
        self._gathering: dict[Hashable, _Batch] = {}

    async def series(self, common: Hashable, dimension: str, read: Read) -> Series:
        """The series of one dimension; `read` reads those of several, for the first who asks for one of them."""
        batch = self._gathering.get(common)
        if batch is None or batch.is_over:
            batch = self._gathering[common] = _Batch(lambda batch: self._read(common, batch, read))
        return await batch.series(dimension)

    async def _read(self, common: Hashable, batch: _Batch, read: Read) -> Mapping[str, Series]:
        try:
            await asyncio.sleep(GATHER_SECONDS if self._running[common] else 0)
        finally:
            if self._gathering.get(common) is batch:
                del self._gathering[common]
        self._running[common] += 1
        try:
            return await read(batch.dimensions)
        finally:
            self._running[common] -= 1
            if not self._running[common]:
                del self._running[common]
