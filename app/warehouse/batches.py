"""Series of one package that are asked for at once, as a dashboard does, are read by one query.

Rows of a package lie side by side, and a query costs far more than the rows of one dimension. Questions gather for as
long as the event loop needs for all that have arrived; while one of a package runs, for a moment longer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any

GATHER_SECONDS = 0.002
"""How long questions gather while one of their package runs; a dashboard's come within a few milliseconds."""

Rows = Sequence[Any]
Read = Callable[[Sequence[str]], Awaitable[Mapping[str, Rows]]]
"""Reads the rows of some dimensions, by dimension."""


class Batches:
    """Questions by what they have in common but the dimension."""

    def __init__(self) -> None:
        self._running: dict[Hashable, int] = {}
        self._gathering: dict[Hashable, tuple[list[str], asyncio.Task[Mapping[str, Rows]]]] = {}

    async def rows(self, common: Hashable, dimension: str, read: Read) -> Rows:
        """The rows of one dimension; `read` reads those of several, for the first who asks for one of them."""
        if common not in self._gathering:
            dimensions: list[str] = []
            task = asyncio.create_task(self._gathered(common, dimensions, read))
            # Looked at, for perhaps nobody waits for it any more.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._gathering[common] = dimensions, task
        dimensions, task = self._gathering[common]
        dimensions.append(dimension)
        return (await asyncio.shield(task)).get(dimension, ())

    async def _gathered(self, common: Hashable, dimensions: Sequence[str], read: Read) -> Mapping[str, Rows]:
        await asyncio.sleep(GATHER_SECONDS if common in self._running else 0)
        del self._gathering[common]
        return await self._read(common, dimensions, read)

    async def _read(self, common: Hashable, dimensions: Sequence[str], read: Read) -> Mapping[str, Rows]:
        self._running[common] = self._running.get(common, 0) + 1
        try:
            return await read(dimensions)
        finally:
            self._running[common] -= 1
            if not self._running[common]:
                del self._running[common]
