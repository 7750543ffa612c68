"""How much GitHub lets us ask, as its answers say.

A quota an hour for each resource (search has one of its own, a minute long), and secondary limits, which are refusals
that say for how long, or do not: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from app.discovery.sources.http import SourceResponse

TOO_MANY_REQUESTS = 429
LIMITED_STATUSES = frozenset({403, TOO_MANY_REQUESTS})
SECONDARY_MESSAGES = (b"secondary rate limit", b"abuse detection")
LONGEST = timedelta(hours=1)
"""No wait is longer, whatever a header says: GitHub's own windows are not."""
UNTOLD = timedelta(minutes=1)
"""The first wait where GitHub does not say for how long, or says a time that is over by our clock. It doubles."""


class Quota(msgspec.Struct, frozen=True):
    """Requests left of so many, until `reset_at` (UTC)."""

    remaining: int
    limit: int
    reset_at: datetime


class GitHubLimits:
    """The quotas by resource (`core`, `search`), and until when nothing may be asked."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.quotas: dict[str, Quota] = {}
        self._now = now
        self._refused_until: datetime | None = None
        self._refusals = 0

    def blocked_until(self, resource: str) -> datetime | None:
        """Until when GitHub wants no requests for a resource; None: it may be asked."""
        now = self._now()
        quota = self.quotas.get(resource)
        reasons = [self._refused_until, quota.reset_at if quota and quota.remaining == 0 else None]
        return max((until for until in reasons if until and until > now), default=None)

    def note(self, resource: str, answer: SourceResponse) -> bool:
        """Learn from an answer. True: it is a refusal because of a limit, and `blocked_until` says until when."""
        now = self._now()
        quota = _quota(answer.headers, now)
        if quota:
            self.quotas[answer.headers.get("X-RateLimit-Resource", resource)] = quota
        if answer.status not in LIMITED_STATUSES:
            self._refusals = 0
            return False
        if answer.headers.get("X-RateLimit-Remaining") == "0" and self.blocked_until(resource):
            return True
        wait = self._secondary_wait(answer)
        if wait is None:
            return False
        self._refusals += 1
        self._refused_until = now + min(wait, LONGEST)
        return True

    def _secondary_wait(self, answer: SourceResponse) -> timedelta | None:
        """How long a refusal asks us to ask nothing at all; None: it is no matter of limits."""
        retry_after = _number(answer.headers, "Retry-After")
        if retry_after is not None:
            return timedelta(seconds=min(max(1, retry_after), LONGEST.total_seconds()))
        limited = answer.status == TOO_MANY_REQUESTS or answer.headers.get("X-RateLimit-Remaining") == "0"
        if limited or any(message in answer.body.lower() for message in SECONDARY_MESSAGES):
            return UNTOLD * (1 << min(self._refusals, 6))
        return None


def _quota(headers: Mapping[str, str], now: datetime) -> Quota | None:
    remaining, limit, reset = (_number(headers, f"X-RateLimit-{name}") for name in ("Remaining", "Limit", "Reset"))
    if remaining is None or limit is None or reset is None:
        return None
    latest = now + LONGEST
    return Quota(remaining, limit, datetime.fromtimestamp(min(reset, latest.timestamp()), UTC))


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else None
