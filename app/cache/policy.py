"""When a cached response may be sent, and with which Cache-Control and Age: no other place sets these two for it."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from app.cache.data_versions import DataVersion, DataVersions
from app.cache.entry import CacheEntry
from app.cache.lifetime import SHORT_SECONDS
from app.cache.timing import CacheTiming
from app.serving.headers import Head, head
from app.warehouse.reading.results import Published
from app.windows import next_day_due_at

UNLIMITED_SECONDS = 1 << 31

STALE_SECONDS = 86_400
"""How long HTTP caches may send what they have while the server fails (RFC 5861, `stale-if-error`)."""


class Freshness(NamedTuple):
    """The headers of a cached response that depend on time. `is_stale`: it may be outdated, which cannot be checked."""

    head: Head
    is_stale: bool = False


class CachePolicy:
    """Decides for each cache entry whether it may be sent, and with which headers."""

    def __init__(
        self, versions: DataVersions, timing: CacheTiming, now: Callable[[], datetime], overdue_seconds: int
    ) -> None:
        self._versions = versions
        self._timing = timing
        self._now = now
        self._overdue_seconds = overdue_seconds
        self._until_next_day: tuple[DataVersion | None, float, Freshness] = (None, 0.0, _max_age(SHORT_SECONDS))

    def check(self, entry: CacheEntry) -> Freshness | None:
        """The headers of an entry that may be sent; None if it has to be computed again first."""
        now = self._timing.clock()
        if not self._holds(entry, now):
            return None
        response = entry.response
        if response.content.lifetime.cache_control:
            return Freshness(head([(b"cache-control", response.content.lifetime.cache_control.encode())]))
        if response.is_error:
            return _max_age(self._overdue_seconds)
        if entry.version is None:
            return _max_age(math.ceil(entry.expires - now))
        return _shared_or_private(entry, self._check_downloads(entry, entry.version, now))

    def check_or_stale(self, entry: CacheEntry) -> Freshness:
        """The headers of an entry that is sent in any case, marked as stale if it no longer holds."""
        freshness = self.check(entry)
        if freshness is None:
            freshness = _max_age(SHORT_SECONDS) if entry.version is None else self._stale(entry.version)
            freshness = _shared_or_private(entry, freshness)
        return freshness

    def _holds(self, entry: CacheEntry, now: float) -> bool:
        is_valid = entry.response.content.lifetime.is_valid
        if now >= entry.expires or (is_valid is not None and not is_valid()):
            return False
        superseded_at = entry.version.superseded_at if entry.version else None
        if superseded_at is None:
            return True
        # An unknown package may have been loaded with the new day.
        return not entry.response.is_error and (self._versions.is_away or now < superseded_at + self._timing.refresh)

    def _check_downloads(self, entry: CacheEntry, version: DataVersion, now: float) -> Freshness:
        if self._versions.is_away:
            return self._stale(version)
        if version.superseded_at is not None:
            return _max_age(SHORT_SECONDS)
        if entry.expires != math.inf:
            return self._between(0, version, math.ceil(entry.expires - now))
        if min_age := entry.response.content.lifetime.min_age:
            return self._between(min_age, version, UNLIMITED_SECONDS)
        return self._current(version, now)

    def _stale(self, version: DataVersion) -> Freshness:
        age = int(self._timing.clock() - version.known_at)
        cache_control = b"public, max-age=%d, stale-if-error=%d" % (SHORT_SECONDS, STALE_SECONDS)
        return Freshness(head([(b"age", b"%d" % age), (b"cache-control", cache_control)]), is_stale=True)

    def seconds_until_next_day(self, published: Published) -> int:
        """The seconds until the next day is due. Once it is due, it may be published at any moment."""
        until_due = 0
        if published.newest_day is not None:
            until_due = math.ceil((next_day_due_at(published.newest_day) - self._now().astimezone(UTC)).total_seconds())
        return until_due if until_due > 0 else self._overdue_seconds

    def _current(self, version: DataVersion, now: float) -> Freshness:
        """Computed once a second: it is the same for all responses about downloads."""
        of_version, until, freshness = self._until_next_day
        if of_version is not version or now >= until:
            freshness = self._between(0, version, UNLIMITED_SECONDS)
            self._until_next_day = version, now + 1, freshness
        return freshness

    def _between(self, least: int, version: DataVersion, most: int) -> Freshness:
        return _max_age(max(least, min(most, self.seconds_until_next_day(version.snapshot.published))))


def _max_age(seconds: int) -> Freshness:
    return Freshness(head([(b"cache-control", b"public, max-age=%d" % seconds)]))


def _shared_or_private(entry: CacheEntry, freshness: Freshness) -> Freshness:
    if not entry.response.content.lifetime.is_private:
        return freshness
    headers = [(name, value.replace(b"public", b"private")) for name, value in freshness.head.headers]
    return Freshness(head(headers), freshness.is_stale)
