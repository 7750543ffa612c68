"""Kept answers, bounded by bytes and by number: what has not been asked for longest goes first."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from math import inf
from typing import Any, Self

import msgspec

from app.cache.data_versions import DataVersion
from app.cache.response import CachedResponse

RequestKey = tuple[bytes, bytes, bytes]
"""A request as it came: path, query, Accept."""

ENTRY_BYTES = 2_000
"""What an entry takes in memory beside its bodies, its question and its lines."""

WASTE = 16
"""One part in so many of the memory for bodies lies idle between them."""

LINE_BYTES = 250
"""What a line takes beside its characters."""

MOST_LINES = 8
"""Ways of asking the same that are remembered for an entry; a stranger can think of any number."""

SHARE = 8
"""One answer takes at most one part in so many."""


NO_OPERATION = "none"
"""The operation of what no operation answers."""


class CacheEntry:
    """An answer, under which question it is kept, and for how long it holds.

    `version` is that of the downloads in it, where there are any; `expires` a time of the monotonic clock; `still`
    says whether what else it was made of is there unchanged.
    """

    __slots__ = ("answer", "bytes", "expires", "key", "lines", "operation", "still", "version")

    def __init__(
        self,
        key: Any,
        answer: CachedResponse,
        version: DataVersion | None,
        expires: float = inf,
        still: Callable[[], bool] | None = None,
    ) -> None:
        self.key = key
        self.answer = answer
        self.version = version
        self.expires = expires
        self.still = still
        self.lines: list[RequestKey] = []
        self.bytes = 0
        self.operation = NO_OPERATION

    @classmethod
    def until(
        cls,
        seconds: float,
        key: Hashable,
        answer: CachedResponse,
        version: DataVersion | None = None,
        still: Callable[[], bool] | None = None,
    ) -> Self:
        """An answer that expires by itself, in so many seconds."""
        return cls(key, answer, version, time.monotonic() + seconds, still)

    def renew(self, other: "CacheEntry") -> None:
        """Take over the answer of another to the same question."""
        self.answer, self.version, self.expires, self.still = other.answer, other.version, other.expires, other.still

    @property
    def is_refreshed(self) -> bool:
        """Whether it is made anew when a day is published; the others expire by themselves."""
        return self.version is not None and self.expires == inf


class CacheStore:
    """Entries by question, and by the lines by which they have been asked for."""

    def __init__(self, max_bytes: int, max_entries: int) -> None:
        self.max_bytes = max_bytes
        self.max_entries = max_entries
        self.bytes = 0
        self.evictions = 0
        self._by_line: dict[RequestKey, CacheEntry] = {}
        self._by_key: dict[Hashable, CacheEntry] = {}
        self._by_use: OrderedDict[CacheEntry, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_key)

    def latest_first(self) -> Iterator[CacheEntry]:
        """All entries, the one asked for last first."""
        return reversed(self._by_use)

    def get(self, key: Hashable) -> CacheEntry | None:
        """The entry of a question, which has been asked."""
        kept = self._by_key.get(key)
        if kept is not None:
            self._by_use.move_to_end(kept)
        return kept

    def by_line(self, line: RequestKey) -> CacheEntry | None:
        """The entry of a line, which has come in."""
        kept = self._by_line.get(line)
        if kept is not None:
            self._by_use.move_to_end(kept)
        return kept

    def put(self, kept: CacheEntry) -> CacheEntry:
        """Keep an entry; one that its question has is renewed, and keeps its lines and its place in the order."""
        there = self._by_key.setdefault(kept.key, kept)
        self._by_use.setdefault(there)
        if there is not kept:
            there.renew(kept)
        self.weigh(there)
        return there

    def drop(self, key: Hashable) -> None:
        """Let go of the entry of a question, if it has one."""
        if key in self._by_key:
            self._remove(self._by_key[key])

    def name(self, line: RequestKey, kept: CacheEntry) -> None:
        """Remember a line for an entry. Nothing happens where the entry is not kept."""
        if line in self._by_line or kept not in self._by_use:
            return
        if len(kept.lines) == MOST_LINES:
            del self._by_line[kept.lines.pop(0)]
        kept.lines.append(line)
        self._by_line[line] = kept
        self.weigh(kept)

    def weigh(self, kept: CacheEntry) -> None:
        """Count an entry anew, which may have grown, and let go of what is too much."""
        if kept not in self._by_use:
            return
        size = ENTRY_BYTES + deep_size(kept.key) + kept.answer.size + kept.answer.size // WASTE
        size += sum(LINE_BYTES + sum(map(len, line)) for line in kept.lines)
        self.bytes += size - kept.bytes
        kept.bytes = size
        if size > self.max_bytes // SHARE:
            self._remove(kept)
        while self.bytes > self.max_bytes or len(self._by_key) > self.max_entries:
            self._remove(next(iter(self._by_use)))
            self.evictions += 1

    def _remove(self, kept: CacheEntry) -> None:
        del self._by_key[kept.key], self._by_use[kept]
        for line in kept.lines:
            del self._by_line[line]
        kept.lines.clear()
        self.bytes -= kept.bytes
        kept.bytes = 0


def deep_size(value: Any) -> int:
    """About how many bytes a question takes in memory: its strings, and what holds them."""
    if isinstance(value, str):
        return len(value) + 60
    if isinstance(value, tuple):
        return 60 + 8 * len(value) + sum(map(deep_size, value))
    if isinstance(value, msgspec.Struct):
        return 60 + sum(deep_size(getattr(value, name)) for name in value.__struct_fields__)
    return 40
