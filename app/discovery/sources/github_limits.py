"""GitHub's rate limits, as its responses state them.

Each resource has a quota (an hour for most, a minute for search). Secondary limits are refusals that may say how long
to wait: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from app.discovery.sources.http import SourceResponse

TOO_MANY_REQUESTS = 429
LIMITED_STATUSES = frozenset({403, TOO_MANY_REQUESTS})
SECONDARY_MESSAGES = (b"secondary rate limit", b"abuse detection")
MAX_WAIT = timedelta(hours=1)
"""The longest wait, whatever a header says: GitHub's own windows are not longer."""
DEFAULT_WAIT = timedelta(minutes=1)
"""The first wait where GitHub does not say how long, or gives a time in the past. Each further refusal doubles it."""


class Quota(msgspec.Struct, frozen=True):
    """Requests remaining of `limit`, until `reset_at` (UTC)."""

    remaining: int
    limit: int
    reset_at: datetime


class GitHubLimits:
    """The quotas by resource (`core`, `search`), and the end of a secondary limit."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.quotas: dict[str, Quota] = {}
        self._now = now
        self._refused_until: datetime | None = None
        self._refusals = 0

    def blocked_until(self, resource: str) -> datetime | None:
        """When requests for a resource are allowed again; None if they are allowed now."""
        now = self._now()
        quota = self.quotas.get(resource)
        ends = [self._refused_until, quota.reset_at if quota and quota.remaining == 0 else None]
        return max((end for end in ends if end and end > now), default=None)

    def update(self, resource: str, response: SourceResponse) -> bool:
        """Record what a response says about limits; whether it is a refusal because of one."""
        now = self._now()
        quota = _quota(response.headers, now)
        if quota:
            self.quotas[response.headers.get("X-RateLimit-Resource", resource)] = quota
        if response.status not in LIMITED_STATUSES:
            self._refusals = 0
            return False
        if response.headers.get("X-RateLimit-Remaining") == "0" and self.blocked_until(resource):
            return True
        wait = self._secondary_wait(response)
        if wait is None:
            return False
        self._refusals += 1
        self._refused_until = now + min(wait, MAX_WAIT)
        return True

    def _secondary_wait(self, response: SourceResponse) -> timedelta | None:
        """How long a refusal asks for no requests at all; None if it has another reason than a limit."""
        retry_after = _number(response.headers, "Retry-After")
        if retry_after is not None:
            return timedelta(seconds=min(max(1, retry_after), MAX_WAIT.total_seconds()))
        limited = response.status == TOO_MANY_REQUESTS or response.headers.get("X-RateLimit-Remaining") == "0"
        if limited or any(message in response.body.lower() for message in SECONDARY_MESSAGES):
            return DEFAULT_WAIT * (1 << min(self._refusals, 6))
        return None


def _quota(headers: Mapping[str, str], now: datetime) -> Quota | None:
    remaining, limit, reset = (_number(headers, f"X-RateLimit-{name}") for name in ("Remaining", "Limit", "Reset"))
    if remaining is None or limit is None or reset is None:
        return None
    latest = now + MAX_WAIT
    return Quota(remaining, limit, datetime.fromtimestamp(min(reset, latest.timestamp()), UTC))


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else None
