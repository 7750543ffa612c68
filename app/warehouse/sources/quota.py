"""The budget of queries that a source allows an address in an interval."""

import threading
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from app.warehouse.sources.errors import SourceQuotaError

RESERVE = 3
"""One part in so many of the quota is kept for requests that wait: packages that are requested for the first time."""

IN_BACKGROUND: ContextVar[bool] = ContextVar("in_background", default=False)
"""Whether the queries of this context are background work, which no request waits for."""


class Quota:
    """Counts queries. What the server says of its quota counts more than what was counted here."""

    def __init__(self, title: str, now: Callable[[], datetime]) -> None:
        self._title = title
        self._now = now
        self._guard = threading.Lock()
        self._limit: int | None = None
        self._used = 0
        self._ends_at = datetime.min.replace(tzinfo=UTC)
        self.queries = 0
        """The queries that were sent."""

    def observe(self, used: int, limit: int, ends_at: datetime) -> None:
        """Take over what the server says of the interval that ends at a time."""
        with self._guard:
            self._used, self._limit, self._ends_at = used, limit, ends_at

    def exhaust(self, ends_at: datetime | None) -> SourceQuotaError:
        """Take over that the server has refused a query; the error to raise."""
        with self._guard:
            self._ends_at = ends_at or self._now() + timedelta(hours=1)
            self._limit = self._used = max(self._used, 1)
            return self._error()

    def spend(self) -> None:
        """Count a query that is about to be sent. Raises SourceQuotaError if none is left for it."""
        with self._guard:
            if self._now() >= self._ends_at:
                self._used = 0
            elif self._limit is not None:
                kept = self._limit // RESERVE if IN_BACKGROUND.get() else 0
                if self._used >= self._limit - kept:
                    raise self._error()
            self._used += 1
            self.queries += 1

    @property
    def left(self) -> int | None:
        """The queries that are left in this interval; None if no limit is known."""
        with self._guard:
            if self._limit is None:
                return None
            return self._limit if self._now() >= self._ends_at else max(0, self._limit - self._used)

    @property
    def exhausted_until(self) -> datetime | None:
        """When queries may be sent again, if none may be sent now."""
        return self._ends_at if self.left == 0 else None

    def _error(self) -> SourceQuotaError:
        until = self._ends_at.astimezone(UTC)
        return SourceQuotaError(f"{self._title}'s quota for this address is used up until {until:%H:%M} UTC", until)
