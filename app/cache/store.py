"""Cache entries, bounded by bytes and by number: the least recently used one is evicted first."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

import msgspec

from app.cache.entry import CacheEntry, RequestKey

ENTRY_BYTES = 2_000
"""Memory that an entry takes apart from its bodies, its key and its request keys."""

FRAGMENTATION = 16
"""One part in so many of the memory for bodies is lost between them."""

REQUEST_KEY_BYTES = 250
"""Memory that a request key takes apart from its characters."""

MAX_REQUEST_KEYS = 8
"""Request keys per entry: clients can write the same request in any number of ways."""

MAX_SHARE = 8
"""An entry takes at most one part in so many of the store's bytes."""


class CacheStore:
    """Entries by key, and by the request keys that have asked for them."""

    def __init__(self, max_bytes: int, max_entries: int) -> None:
        self.max_bytes = max_bytes
        self.max_entries = max_entries
        self.bytes = 0
        self.evictions = 0
        self.period = 0
        """Counts the new days since the start."""
        self._by_request: dict[RequestKey, CacheEntry] = {}
        self._by_key: dict[Hashable, CacheEntry] = {}
        self._by_use: OrderedDict[CacheEntry, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_key)

    def recently_used(self) -> list[CacheEntry]:
        """The entries that were used in this period or in the one before, the most recently used one first."""
        return [entry for entry in reversed(self._by_use) if entry.period >= self.period - 1]

    def get(self, key: Hashable) -> CacheEntry | None:
        """The entry of a key, which counts as used."""
        entry = self._by_key.get(key)
        if entry is not None:
            self._use(entry)
        return entry

    def find(self, request_key: RequestKey) -> CacheEntry | None:
        """The entry of a request, which counts as used."""
        entry = self._by_request.get(request_key)
        if entry is not None:
            self._use(entry)
        return entry

    def _use(self, entry: CacheEntry) -> None:
        entry.period = self.period
        self._by_use[entry] = None
        self._by_use.move_to_end(entry)

    def put(self, entry: CacheEntry) -> CacheEntry:
        """Store an entry. One with the same key is renewed; it keeps its request keys and its place in the order."""
        stored = self._by_key.setdefault(entry.key, entry)
        if stored is entry:
            self._use(entry)
        else:
            stored.renew(entry)
        self.weigh(stored)
        return stored

    def drop(self, key: Hashable) -> None:
        """Remove the entry of a key, if there is one."""
        if key in self._by_key:
            self._remove(self._by_key[key])

    def remember(self, request_key: RequestKey, entry: CacheEntry) -> None:
        """Find the entry by this request from now on, if it is stored."""
        if request_key in self._by_request or entry not in self._by_use:
            return
        if len(entry.request_keys) == MAX_REQUEST_KEYS:
            del self._by_request[entry.request_keys.pop(0)]
        entry.request_keys.append(request_key)
        self._by_request[request_key] = entry
        self.weigh(entry)

    def weigh(self, entry: CacheEntry) -> None:
        """Measure an entry, which may have grown, and evict entries beyond the bounds."""
        if entry not in self._by_use:
            return
        size = ENTRY_BYTES + deep_size(entry.key) + entry.response.size + entry.response.size // FRAGMENTATION
        size += sum(REQUEST_KEY_BYTES + sum(map(len, request_key)) for request_key in entry.request_keys)
        self.bytes += size - entry.bytes
        entry.bytes = size
        if size > self.max_bytes // MAX_SHARE:
            self._remove(entry)
        while self.bytes > self.max_bytes or len(self._by_key) > self.max_entries:
            self._remove(next(iter(self._by_use)))
            self.evictions += 1

    def _remove(self, entry: CacheEntry) -> None:
        del self._by_key[entry.key], self._by_use[entry]
        for request_key in entry.request_keys:
            del self._by_request[request_key]
        entry.request_keys.clear()
        self.bytes -= entry.bytes
        entry.bytes = 0


def deep_size(value: Any) -> int:
    """The approximate memory of a key in bytes: its strings, and the structs and tuples that hold them."""
    if isinstance(value, str):
        return len(value) + 60
    if isinstance(value, tuple):
        return 60 + 8 * len(value) + sum(map(deep_size, value))
    if isinstance(value, msgspec.Struct):
        return 60 + sum(deep_size(getattr(value, name)) for name in value.__struct_fields__)
    return 40
