"""RATE_LIMIT: a limit on the requests of each client, off by default.

Each client has a bucket that holds one period's requests and refills evenly (GCRA, the generic cell rate algorithm of
ATM): one number per client, and no instant at which all limits reset. Responses state the limit in the two fields of
revision 11 (May 2026) of draft-ietf-httpapi-ratelimit-headers, and in the three of its first revisions, which today's
clients read.
"""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic_ns
from typing import NamedTuple, Self

from app.serving.client import network
from app.serving.headers import Headers
from app.serving.problems import problem_body, problem_headers

SECOND = 1_000_000_000
PERIODS = {"second": 1, "minute": 60, "hour": 3600}
MAX_CLIENTS = 50_000
"""Clients that are remembered, in about 10 MB. The least recently seen client is forgotten first, and is new when it
comes back."""


class RateLimitDecision(NamedTuple):
    """Whether a request is within the limit: the headers that state the limit, and the seconds to wait beyond it."""

    headers: Headers
    wait: int
    rate: str

    @property
    def is_accepted(self) -> bool:
        """Whether the request is within the limit."""
        return not self.wait

    def refusal(self) -> tuple[Headers, bytes]:
        """Headers, without those above, and body of the 429 for a request beyond the limit."""
        body = problem_body(429, f"the limit of a client is {self.rate}; try again in {self.wait} s")
        return problem_headers(body, retry_after=self.wait), body


class RateLimiter:
    """A limit on the requests of each client in a period; `rate` is written like `100/second`."""

    def __init__(self, rate: str, now: Callable[[], int] = monotonic_ns, max_clients: int = MAX_CLIENTS) -> None:
        number, _, name = rate.partition("/")
        limit, period = int(number), PERIODS[name]
        self._rate = rate
        # In whole nanoseconds: sums of fractions of a second are not exact.
        self._interval = period * SECOND // limit
        self._tolerance = self._interval * (limit - 1)
        self._now = now
        self._max_clients = max_clients
        # When the bucket of each client will be full again.
        self._full_at: OrderedDict[str, int] = OrderedDict()
        self._policy = (b"ratelimit-policy", b'"default";q=%d;w=%d' % (limit, period))
        self._limit_header = (b"ratelimit-limit", b"%d" % limit)

    @classmethod
    def of(cls, rate: str) -> Self | None:
        """The limiter for a value of `RATE_LIMIT`; None for `off`."""
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
        if len(self._full_at) > self._max_clients:
            self._full_at.popitem(last=False)

    def _headers(self, left: int, seconds: int) -> Headers:
        """`seconds` is the time until one more request is left."""
        return [
            self._policy,
            (b"ratelimit", b'"default";r=%d;t=%d' % (left, seconds)),
            self._limit_header,
            (b"ratelimit-remaining", b"%d" % left),
            (b"ratelimit-reset", b"%d" % seconds),
        ]


def _seconds(nanoseconds: int) -> int:
    """Whole seconds, rounded up: a client that waits for this time is accepted."""
    return -(-nanoseconds // SECOND)
