"""Counters and histograms of a running server: plain numbers, so that counting costs a request almost nothing.

app/metrics.py exports them to Prometheus.
"""

from bisect import bisect_left
from typing import Literal

BUCKET_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histograms' buckets. A response from memory takes less than the first, and a query at most the
last."""

Cached = Literal["hit", "miss"]


class Histogram:
    """Durations in seconds: counts per bucket, the last of which has no upper bound, and their sum."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BUCKET_SECONDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.buckets[bisect_left(BUCKET_SECONDS, seconds)] += 1
        self.total += seconds

    def add(self, other: "Histogram") -> None:
        self.buckets = [ours + theirs for ours, theirs in zip(self.buckets, other.buckets, strict=True)]
        self.total += other.total

    @property
    def count(self) -> int:
        return sum(self.buckets)


class RequestCounters:
    """Requests by operation, status, and whether the response was in the cache; and requests beyond RATE_LIMIT.

    An operation is an `operationId` of openapi.yaml or `none`, so that no client can add keys.
    """

    def __init__(self) -> None:
        self.answered: dict[tuple[str, int, Cached], Histogram] = {}
        self.limited = 0

    def count(self, operation: str, status: int, cached: Cached, seconds: float) -> None:
        """Count a response that has been sent, and the time it took."""
        key = (operation, status, cached)
        histogram = self.answered.get(key)
        if histogram is None:
            histogram = self.answered[key] = Histogram()
        histogram.observe(seconds)


class QueryCounters:
    """Queries to ClickHouse by name: the number running, the durations of those that ended, the number failed."""

    def __init__(self) -> None:
        self.running: dict[str, int] = {}
        self.ended: dict[str, Histogram] = {}
        self.failed: dict[str, int] = {}

    def begin(self, name: str) -> None:
        self.running[name] = self.running.get(name, 0) + 1

    def end(self, name: str, seconds: float, *, failed: bool) -> None:
        """Count a query that has ended, successfully or not."""
        self.running[name] -= 1
        self.ended.setdefault(name, Histogram()).observe(seconds)
        if failed:
            self.failed[name] = self.failed.get(name, 0) + 1
