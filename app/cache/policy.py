"""How long an answer holds: the one place that sets Cache-Control and Age."""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime

from app.cache.data_versions import DataVersion, DataVersions
from app.cache.store import CacheEntry
from app.serving.headers import Head, head
from app.warehouse.reading.layout import Published
from app.windows import next_day_due

REFRESH_SECONDS = 30.0
"""How long answers of the day before are still sent after a new one has been seen, while they are made anew."""

SHORT_SECONDS = 5
"""How long HTTP caches may keep what is about to change."""

FOREVER = 1 << 31

STALE_SECONDS = 86_400
"""How long they may go on with what they have while we cannot answer (RFC 5861)."""

ABOUT_TO_CHANGE = head([(b"cache-control", b"public, max-age=%d" % SHORT_SECONDS)])


class CachePolicy:
    """Says of an answer that is kept whether it may be sent, and with which headers."""

    def __init__(self, versions: DataVersions, now: Callable[[], datetime], overdue_seconds: int) -> None:
        self._versions = versions
        self._now = now
        self._overdue_seconds = overdue_seconds
        self._until_new_day: tuple[DataVersion | None, float, Head] = (None, 0.0, ABOUT_TO_CHANGE)

    def of(self, kept: CacheEntry) -> Head | None:
        """The headers of an answer that may be sent; None where it has to be made anew first."""
        now = time.monotonic()
        if not self._holds(kept, now):
            return None
        answer = kept.answer
        if answer.body.cache_control:
            return head([(b"cache-control", answer.body.cache_control.encode())])
        if answer.is_error:
            return head([(b"cache-control", b"public, max-age=%d" % self._overdue_seconds)])
        if kept.version is None:
            return head([(b"cache-control", b"public, max-age=%d" % math.ceil(kept.expires - now))])
        return self._of_downloads(kept, kept.version, now)

    def _holds(self, kept: CacheEntry, now: float) -> bool:
        if now >= kept.expires or (kept.still is not None and not kept.still()):
            return False
        superseded_at = kept.version.superseded_at if kept.version else None
        if superseded_at is None:
            return True
        # What was not there before may be there now.
        return not kept.answer.is_error and (self._versions.is_away or now < superseded_at + REFRESH_SECONDS)

    def _of_downloads(self, kept: CacheEntry, version: DataVersion, now: float) -> Head:
        if self._versions.is_away:
            return self._stale(version)
        if version.superseded_at is not None:
            return ABOUT_TO_CHANGE
        if kept.expires != math.inf:
            return self._between(0, version, math.ceil(kept.expires - now))
        if min_age := kept.answer.body.min_age:
            return self._between(min_age, version, FOREVER)
        return self._current(version, now)

    def now(self, kept: CacheEntry) -> Head:
        """The headers of an answer that is sent in any case: marked as stale where nothing better could be had."""
        headers = self.of(kept)
        if headers is None:
            headers = ABOUT_TO_CHANGE if kept.version is None else self._stale(kept.version)
        return headers

    def _stale(self, version: DataVersion) -> Head:
        """The headers of an answer that may have changed, which nobody can say now."""
        age = int(time.monotonic() - version.known_at)
        return head(
            [
                (b"age", b"%d" % age),
                (b"cache-control", b"public, max-age=%d, stale-if-error=%d" % (SHORT_SECONDS, STALE_SECONDS)),
            ]
        )

    def seconds_until_new_day(self, published: Published) -> int:
        """Until the next day is due; from then on it may come at any moment."""
        until_due = 0
        if published.newest_day is not None:
            until_due = math.ceil((next_day_due(published.newest_day) - self._now().astimezone(UTC)).total_seconds())
        return until_due if until_due > 0 else self._overdue_seconds

    def _current(self, version: DataVersion, now: float) -> Head:
        """Worked out once a second: it is the same for all answers about downloads."""
        of, until, headers = self._until_new_day
        if of is not version or now >= until:
            headers = self._between(0, version, FOREVER)
            self._until_new_day = version, now + 1, headers
        return headers

    def _between(self, least: int, version: DataVersion, most: int) -> Head:
        seconds = max(least, min(most, self.seconds_until_new_day(version.published)))
        return head([(b"cache-control", b"public, max-age=%d" % seconds)])
