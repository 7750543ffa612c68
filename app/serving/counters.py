"""What is counted while the server runs: plain numbers, so that counting costs a request next to nothing.

app/metrics.py shows them to Prometheus; nothing here knows of it.
"""

from bisect import bisect_left
from typing import Literal

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histograms' buckets: an answer from memory takes less than the first, no query more than the
last."""

Cached = Literal["hit", "miss"]


class Histogram:
    """How often something took how long, in seconds."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(SECONDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one more."""
        self.buckets[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds

    def add(self, other: "Histogram") -> None:
        """Count what another has counted."""
        self.buckets = [ours + theirs for ours, theirs in zip(self.buckets, other.buckets, strict=True)]
        self.total += other.total

    @property
    def count(self) -> int:
        """How often, whatever it took."""
        return sum(self.buckets)


class RequestCounters:
    """Requests by the operation that answered, its status, and whether the answer was there already.

    An operation is one of openapi.yaml's, or `none`: there are so many, whatever strangers ask for.
    """

    def __init__(self) -> None:
        self.answered: dict[tuple[str, int, Cached], Histogram] = {}
        self.limited = 0

    def count(self, operation: str, status: int, cached: Cached, seconds: float) -> None:
        """Count an answer that has been sent."""
        key = (operation, status, cached)
        histogram = self.answered.get(key)
        if histogram is None:
            histogram = self.answered[key] = Histogram()
        histogram.observe(seconds)


class QueryCounters:
    """Questions to ClickHouse by their name: how many run, how long those took that have ended, how many failed."""

    def __init__(self) -> None:
        self.running: dict[str, int] = {}
        self.ended: dict[str, Histogram] = {}
        self.failed: dict[str, int] = {}

    def begin(self, name: str) -> None:
        """One more runs."""
        self.running[name] = self.running.get(name, 0) + 1

    def end(self, name: str, seconds: float, *, failed: bool) -> None:
        """It has ended, after so many seconds."""
        self.running[name] -= 1
        self.ended.setdefault(name, Histogram()).observe(seconds)
        if failed:
            self.failed[name] = self.failed.get(name, 0) + 1
