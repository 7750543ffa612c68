"""Work that several requests wait for: done once for all of them, and dropped when none waits any more."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

import msgspec

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class _Flight(msgspec.Struct, Generic[Value]):
    task: "asyncio.Task[Value]"
    waiting: int = 0


class Flights(Generic[Key, Value]):
    """The work under way, by key."""

    def __init__(self) -> None:
        self._joinable: dict[Key, _Flight[Value]] = {}
        self._tasks: set[asyncio.Task[Value]] = set()

    async def join(self, key: Key, start: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """The result of the work under way for the key, which `start` begins if there is none.

        Raises what the work raises. When the last caller that waits for it is cancelled, so is the work.
        """
        flight = self._joinable.get(key)
        if flight is None:
            flight = self._joinable[key] = self._started(key, start)
        flight.waiting += 1
        try:
            await asyncio.wait([flight.task])
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                # Before it has ended: the next caller would get the cancellation.
                self._close(key, flight)
                flight.task.cancel()
        return flight.task.result()

    def _started(self, key: Key, start: Callable[[], Coroutine[Any, Any, Value]]) -> _Flight[Value]:
        flight = _Flight(asyncio.create_task(start()))
        self._tasks.add(flight.task)
        flight.task.add_done_callback(lambda _: self._land(key, flight))
        return flight

    def _land(self, key: Key, flight: _Flight[Value]) -> None:
        self._tasks.discard(flight.task)
        self._close(key, flight)
        if not flight.task.cancelled():
            # Retrieved, since there may be no caller left that waits for it.
            flight.task.exception()

    def _close(self, key: Key, flight: _Flight[Value]) -> None:
        """Let no other caller join."""
        if self._joinable.get(key) is flight:
            del self._joinable[key]

    def cancel(self) -> None:
        """Cancel all work."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Cancel all work, and wait for its end."""
        self.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
