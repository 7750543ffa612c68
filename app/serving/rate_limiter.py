"""So many requests for each client: RATE_LIMIT, off by default.

A bucket that holds a whole period's requests and fills again evenly (GCRA, the generic cell rate algorithm of ATM): one
number a client, and no instant at which all may start anew. Said in the two fields of revision 11 (May 2026) of
draft-ietf-httpapi-ratelimit-headers, and in the three of its first revisions, which are those that clients read today.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from time import monotonic_ns
from typing import NamedTuple, Self

import msgspec

from app.cache.response import PROBLEM
from app.serving.headers import Headers

SECOND = 1_000_000_000
PERIODS = {"second": 1, "minute": 60, "hour": 3600}
MOST_CLIENTS = 50_000
"""Clients that are remembered, at most, in about 10 MB. Who has not asked for longest is forgotten first, and is then
taken for somebody new."""
IPV6_PREFIX = 64
"""Whoever has one IPv6 address has at least so large a network of them."""
LONGEST_ADDRESS = 45


class RateLimitDecision(NamedTuple):
    """What becomes of a request: the headers that say how far the limit is; and beyond it the seconds to wait."""

    headers: Headers
    wait: int
    rate: str

    @property
    def is_accepted(self) -> bool:
        """Whether it is within the limit."""
        return not self.wait

    def refusal(self) -> tuple[Headers, bytes]:
        """The answer to one that is not, without the headers above."""
        detail = f"the limit of a client is {self.rate}; try again in {self.wait} s"
        body = msgspec.json.encode({"status": 429, "title": HTTPStatus(429).phrase, "detail": detail})
        return [
            (b"content-type", PROBLEM.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"retry-after", b"%d" % self.wait),
        ], body


class RateLimiter:
    """At most so many requests in a period for each client; `rate` is such as `100/second`."""

    def __init__(self, rate: str, now: Callable[[], int] = monotonic_ns) -> None:
        number, _, name = rate.partition("/")
        limit, period = int(number), PERIODS[name]
        self._rate = rate
        # In nanoseconds, whole ones: fractions of seconds do not add up.
        self._interval = period * SECOND // limit
        self._tolerance = self._interval * (limit - 1)
        self._now = now
        # When each client's bucket is full again.
        self._full_at: OrderedDict[str, int] = OrderedDict()
        self._policy = (b"ratelimit-policy", b'"default";q=%d;w=%d' % (limit, period))
        self._limit_header = (b"ratelimit-limit", b"%d" % limit)

    @classmethod
    def of(cls, rate: str) -> Self | None:
        """The limiter of a `RATE_LIMIT`; None where that is `off`."""
        if rate == "off":
            return None
        return cls(rate)

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, address: str) -> RateLimitDecision:
        """Count a request from an address."""
        client, now = network(address), self._now()
        full_at = max(self._full_at.get(client, now), now)
        ahead = full_at - now
        if ahead > self._tolerance:
            return self._refused(ahead)
        self._remember(client, full_at + self._interval)
        left, more = divmod(self._tolerance - ahead, self._interval)
        return RateLimitDecision(self._headers(left, _seconds(self._interval - more)), 0, self._rate)

    def _refused(self, ahead: int) -> RateLimitDecision:
        wait = _seconds(ahead - self._tolerance)
        return RateLimitDecision(self._headers(0, wait), wait, self._rate)

    def _remember(self, client: str, full_at: int) -> None:
        self._full_at[client] = full_at
        self._full_at.move_to_end(client)
        if len(self._full_at) > MOST_CLIENTS:
            self._full_at.popitem(last=False)

    def _headers(self, left: int, seconds: int) -> Headers:
        """`seconds` until there is one more than is left now."""
        return [
            self._policy,
            (b"ratelimit", b'"default";r=%d;t=%d' % (left, seconds)),
            self._limit_header,
            (b"ratelimit-remaining", b"%d" % left),
            (b"ratelimit-reset", b"%d" % seconds),
        ]


def _seconds(nanoseconds: int) -> int:
    """Rounded up: nobody is to come too early."""
    return -(-nanoseconds // SECOND)


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """What counts as one client: an IPv4 address, or an IPv6 network. What is no address is one client, all of it."""
    try:
        parsed = ip_address(address[: LONGEST_ADDRESS + 1].partition("%")[0])
    except ValueError:
        return ""
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return f"{int(parsed) >> (128 - IPV6_PREFIX):x}/{IPV6_PREFIX}"
