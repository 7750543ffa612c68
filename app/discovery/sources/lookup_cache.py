"""A cache of look-ups at other services."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from app.discovery.sources.errors import DiscoveryError
from app.serving.flights import Flights

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class _Cached(NamedTuple, Generic[Value]):
    value: Value | None
    expires: datetime
    size: int


class LookupCache(Generic[Key, Value]):
    """Values by key, bounded in number and bytes; the least recently used one is evicted first.

    A value is fresh for `lifetime`; None, which stands for "does not exist", for `negative_lifetime`. An expired value
    stays: it is what `get` returns while the source fails, and what a conditional request validates. `async_lru`, which
    the warehouse uses, has one lifetime, a bound in number only, and drops expired values.
    """

    def __init__(
        self,
        *,
        lifetime: timedelta,
        negative_lifetime: timedelta,
        max_entries: int,
        max_bytes: int,
        size_of: Callable[[Value], int],
        now: Callable[[], datetime],
    ) -> None:
        self._lifetime = lifetime
        self._negative_lifetime = negative_lifetime
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._size_of = size_of
        self._now = now
        self._bytes = 0
        self._values: OrderedDict[Key, _Cached[Value]] = OrderedDict()
        self._flights: Flights[Key, Value | None] = Flights()

    def is_fresh(self, key: Key) -> bool:
        """Whether the key has a value that has not expired."""
        return key in self._values and self._values[key].expires > self._now()

    def peek(self, key: Key) -> Value | None:
        """The value of the key, fresh or expired; None if there is none."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key].value

    def put(self, key: Key, value: Value | None) -> None:
        """Store a value in place of the key's older one."""
        self._remove(key)
        lifetime, size = (self._negative_lifetime, 0) if value is None else (self._lifetime, self._size_of(value))
        self._values[key] = _Cached(value, self._now() + lifetime, size)
        self._bytes += size
        while len(self._values) > self._max_entries or self._bytes > self._max_bytes:
            self._remove(next(iter(self._values)))

    def _remove(self, key: Key) -> None:
        if key in self._values:
            self._bytes -= self._values.pop(key).size

    async def get(self, key: Key, look_up: Callable[[Key], Awaitable[Value | None]]) -> Value | None:
        """The fresh value; otherwise what `look_up` returns, called once for all that ask at the same time.

        A failed look-up is not cached: it gives the expired value, or raises its DiscoveryError if there is none.
        """
        if self.is_fresh(key):
            return self.peek(key)
        try:
            return await self._flights.join(key, lambda: self._look_up(key, look_up))
        except DiscoveryError:
            if key in self._values:
                return self.peek(key)
            raise

    async def _look_up(self, key: Key, look_up: Callable[[Key], Awaitable[Value | None]]) -> Value | None:
        value = await look_up(key)
        self.put(key, value)
        return value

    async def close(self) -> None:
        await self._flights.close()
