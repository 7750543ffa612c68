"""The metrics of a server process, for Prometheus.

Not by Litestar's plugin: most responses never reach Litestar, and the plugin shares its numbers among all apps of a
process. A label is an operation, a status or the name of a query, so that no client can add time series.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Thread
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from app.cache.answers import AnswerCache
from app.charts.render import Renderer
from app.discovery.service import Discovery
from app.serving.access_log import AccessLog
from app.serving.counters import BUCKET_SECONDS, Histogram
from app.serving.rate_limiter import RateLimiter
from app.settings import SettingError
from app.windows import days_behind

CONTENT_TYPE = CONTENT_TYPE_LATEST.removesuffix("; charset=utf-8")  # Litestar adds the charset to text.

MAX_PORTS = 64
"""Consecutive ports that are tried where several processes need one each."""


class ServerState(NamedTuple):
    """What the metrics are read from, at each scrape."""

    access_log: AccessLog
    limiter: RateLimiter | None
    answers: AnswerCache
    discovery: Discovery
    renderer: Renderer
    now: Callable[[], datetime]


class ServerCollector(Collector):
    """The metrics of one server process; docs/operations.md lists them."""

    def __init__(self, server: ServerState) -> None:
        self._server = server

    def collect(self) -> Iterator[Metric]:
        yield from self._requests()
        yield from self._cache()
        yield from self._queries()
        yield from self._state()

    def _requests(self) -> Iterator[Metric]:
        requests = self._server.access_log.counters
        answered = CounterMetricFamily(
            "pypistats_requests", "Requests answered.", labels=["operation", "status", "cached"]
        )
        durations: dict[tuple[str, str], Histogram] = {}
        for (operation, status, cached), histogram in list(requests.answered.items()):
            answered.add_metric([operation, str(status), cached], histogram.count)
            durations.setdefault((operation, cached), Histogram()).add(histogram)
        yield answered
        yield _histograms(
            "pypistats_request_duration_seconds", "Time until a response was sent.", ["operation", "cached"], durations
        )
        yield CounterMetricFamily("pypistats_requests_limited", "Requests beyond RATE_LIMIT.", value=requests.limited)
        limiter = self._server.limiter
        yield GaugeMetricFamily(
            "pypistats_clients", "Clients that the rate limiter remembers.", value=len(limiter) if limiter else 0
        )

    def _cache(self) -> Iterator[Metric]:
        answers = self._server.answers
        stores = {"answers": answers.answers, "errors": answers.errors}
        entries = GaugeMetricFamily("pypistats_cache_entries", "Responses in the cache.", labels=["store"])
        size = GaugeMetricFamily("pypistats_cache_bytes", "Size of the cache.", labels=["store"])
        most = GaugeMetricFamily("pypistats_cache_max_bytes", "Maximum size of the cache.", labels=["store"])
        evicted = CounterMetricFamily(
            "pypistats_cache_evictions", "Responses evicted to make room for others.", labels=["store"]
        )
        for name, store in stores.items():
            entries.add_metric([name], len(store))
            size.add_metric([name], store.bytes)
            most.add_metric([name], store.max_bytes)
            evicted.add_metric([name], store.evictions)
        yield from (entries, size, most, evicted)
        yield CounterMetricFamily(
            "pypistats_stale_answers",
            "Stale responses sent while ClickHouse was unavailable.",
            value=answers.stale_responses,
        )

    def _queries(self) -> Iterator[Metric]:
        queries = self._server.answers.warehouse.counters
        running = GaugeMetricFamily("pypistats_queries_running", "Queries that are running.", labels=["query"])
        for name, number in list(queries.running.items()):
            running.add_metric([name], number)
        failed = CounterMetricFamily("pypistats_query_failures", "Queries that failed.", labels=["query"])
        for name, number in list(queries.failed.items()):
            failed.add_metric([name], number)
        yield running
        yield failed
        ended = {(name,): histogram for name, histogram in list(queries.ended.items())}
        yield _histograms("pypistats_query_duration_seconds", "Duration of queries.", ["query"], ended)

    def _state(self) -> Iterator[Metric]:
        server = self._server
        versions, index = server.answers.versions, server.discovery.status()
        current = versions.current
        newest = current.snapshot.published.newest_day if current else None
        facts: list[tuple[str, str, float | None]] = [
            (
                "pypistats_clickhouse_up",
                "Whether ClickHouse answers.",
                int(current is not None and not versions.is_away),
            ),
            (
                "pypistats_days_behind",
                "Days that have ended and are not loaded.",
                days_behind(newest, server.now()) if newest else None,
            ),
            ("pypistats_index_entries", "Packages in the discovery index.", index.entries),
            ("pypistats_index_age_seconds", "Age of the discovery index.", index.age_seconds),
            ("pypistats_github_quota_remaining", "Requests left of GitHub's quota.", index.github_quota_left),
            (
                "pypistats_charts_in_progress",
                "Charts that are being drawn or are waiting to be.",
                server.renderer.pending,
            ),
        ]
        # An unknown value is left out: 0 would be a value.
        yield from (GaugeMetricFamily(name, what, value=value) for name, what, value in facts if value is not None)


def _histograms(name: str, what: str, labels: list[str], values: dict[Any, Histogram]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, what, labels=labels)
    for key, histogram in values.items():
        counts, so_far = [], 0
        for bound, number in zip([*map(str, BUCKET_SECONDS), "+Inf"], histogram.buckets, strict=True):
            so_far += number
            counts.append((bound, float(so_far)))
        family.add_metric(list(key), counts, histogram.total)
    return family


class Metrics:
    """All metrics of this process, including its memory, CPU time and open files."""

    def __init__(self, server: ServerState) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(ServerCollector(server))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self._registry)

    @contextmanager
    def served(self, address: str, *, is_one_of_several: bool) -> Iterator[str]:
        """Serve the metrics at `host:port` while the block runs, and return their URL. One of several processes takes
        the first free port from `port` on.

        A thread serves them, so that they are available while the event loop is blocked. Raises SettingError if no
        port can be listened on.
        """
        host, _, port = address.rpartition(":")
        ports = MAX_PORTS if is_one_of_several else 1
        server, thread = _listen(self._registry, host.strip("[]"), int(port), ports)
        try:
            yield f"http://{host}:{server.server_port}/metrics"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _listen(registry: CollectorRegistry, host: str, port: int, ports: int) -> tuple[WSGIServer, Thread]:
    reason: str | None = ""
    for number in range(port, port + ports):
        try:
            return start_http_server(number, host, registry)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
    raise SettingError(f"METRICS: nothing can listen at {host}:{port}: {reason}")
