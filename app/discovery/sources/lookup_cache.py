"""What was looked up elsewhere, kept for a while: least recently used out first, one look-up at a time for a key.

async-lru keeps finished answers for app/api; here a look-up must outlive whoever asked, "no such thing" is kept for a
shorter time, and while a source is away the last good value is better than none.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from app.discovery.sources.errors import DiscoveryError

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LookupCache(Generic[Key, Value]):
    """Values by key, looked up where they are not there. A look-up that fails is never kept."""

    def __init__(
        self,
        look_up: Callable[[Key], Awaitable[Value | None]],
        *,
        max_entries: int,
        max_bytes: int,
        size_of: Callable[[Value], int],
        seconds: float,
        none_seconds: float,
    ) -> None:
        self._look_up = look_up
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._size_of = size_of
        self._bytes = 0
        self._seconds = seconds
        self._none_seconds = none_seconds
        self._values: OrderedDict[Key, tuple[Value | None, float, int]] = OrderedDict()
        self._flights: dict[Key, asyncio.Task[Value | None]] = {}

    def has(self, key: Key) -> bool:
        """Whether a value is there that is not too old."""
        return key in self._values and self._values[key][1] > time.monotonic()

    def peek(self, key: Key) -> Value | None:
        """The value that is there, however old."""
        return self._values[key][0] if key in self._values else None

    def put(self, key: Key, value: Value | None) -> None:
        """Keep a value that came by another way."""
        seconds = self._none_seconds if value is None else self._seconds
        self._forget(key)
        size = 0 if value is None else self._size_of(value)
        self._values[key] = (value, time.monotonic() + seconds, size)
        self._bytes += size
        while len(self._values) > self._max_entries or self._bytes > self._max_bytes:
            self._forget(next(iter(self._values)))

    def _forget(self, key: Key) -> None:
        if key in self._values:
            self._bytes -= self._values.pop(key)[2]

    async def get(self, key: Key) -> Value | None:
        """The value, looked up where need be; None where there is no such thing.

        Raises DiscoveryError where that cannot be said: the look-up fails, and nothing is there, however old.
        """
        if self.has(key):
            self._values.move_to_end(key)
            return self._values[key][0]
        try:
            # Shielded: others may wait for the same, and its result is wanted later in any case.
            return await asyncio.shield(self.flight(key))
        except DiscoveryError:
            if key in self._values:
                return self._values[key][0]
            raise

    def flight(self, key: Key) -> asyncio.Task[Value | None]:
        """The look-up of a key that is under way, begun if there is none."""
        if key not in self._flights:
            task = self._flights[key] = asyncio.create_task(self._fly(key))
            task.add_done_callback(lambda done: self._land(key, done))
        return self._flights[key]

    async def _fly(self, key: Key) -> Value | None:
        value = await self._look_up(key)
        self.put(key, value)
        return value

    def _land(self, key: Key, done: asyncio.Task[Value | None]) -> None:
        del self._flights[key]
        if not done.cancelled():
            done.exception()  # seen, so that asyncio does not complain where nobody waited

    async def close(self) -> None:
        """End the look-ups that are under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
