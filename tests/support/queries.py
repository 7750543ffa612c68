"""The queries that an app sends to its ClickHouse, by the app's own counters."""

from collections.abc import Iterator
from contextlib import contextmanager

from litestar import Litestar

from app.serving.counters import QueryCounters

POLLS = {"published", "schema", "tables"}
"""Queries that an app sends by itself every few seconds, or at its start."""


class SentQueries:
    """The names of the queries that were sent so far, without polls; it compares as their list, queries of a name
    together."""

    def __init__(self, counters: QueryCounters) -> None:
        self._counters = counters
        self._before = self._sent()
        self._names: list[str] | None = None

    def _sent(self) -> dict[str, int]:
        ended = self._counters.ended
        return {
            name: running + (ended[name].count if name in ended else 0)
            for name, running in self._counters.running.items()
            if name not in POLLS
        }

    def __iter__(self) -> Iterator[str]:
        if self._names is not None:
            yield from self._names
            return
        for name, sent in self._sent().items():
            yield from [name] * (sent - self._before.get(name, 0))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __eq__(self, other: object) -> bool:
        return list(self) == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))

    def end(self) -> None:
        """Count no more."""
        self._names = [*self]


@contextmanager
def counted(app: Litestar) -> Iterator[SentQueries]:
    """The queries that an app sends during the block."""
    queries = SentQueries(app.state.services.answers.warehouse.counters)
    yield queries
    queries.end()
