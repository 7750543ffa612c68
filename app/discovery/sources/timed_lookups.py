"""Look-ups with a time limit: an answer has what is known in time, and the look-up goes on in the background."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from app.discovery.sources.lookups import Lookups, PackageMetadata, Source
from app.serving.client import current_client

MAX_FLIGHTS = 100
"""Look-ups in flight at most; answers about further packages do without."""
MAX_FLIGHTS_OF_CLIENT = 25
"""Of one client: requests for many made-up names leave room for others'."""

logger = logging.getLogger(__name__)


class LookupTimeouts(msgspec.Struct, frozen=True):
    """Seconds that answers wait for look-ups."""

    package: float = 5.0
    """An answer about a package, for each of its look-ups."""
    statistics: float = 0.3
    """An answer about downloads, from the start of the look-up."""
    pause: float = 30.0
    """After a timeout, answers about downloads do not wait for so long; after a failure, they do not ask the source."""


DEFAULT_TIMEOUTS = LookupTimeouts()


class _Flight(NamedTuple):
    task: asyncio.Task[PackageMetadata]
    started_at: datetime
    client: str


class TimedLookups:
    """The metadata of a package, within the timeouts."""

    def __init__(self, lookups: Lookups, now: Callable[[], datetime], timeouts: LookupTimeouts) -> None:
        self._lookups = lookups
        self._now = now
        self._timeouts = timeouts
        self._pause = timedelta(seconds=timeouts.pause)
        self._flights: dict[str, _Flight] = {}
        self._no_wait_until: datetime | None = None
        self._no_request_until: dict[Source, datetime] = {}

    async def metadata(self, name: str) -> PackageMetadata:
        """The metadata of a package. A source that takes longer than the timeout is `unavailable`, and one that cannot
        be asked because too many look-ups are in flight."""
        cached = self._lookups.cached_metadata(name)
        if not cached.unavailable or self._is_full_for(name):
            return cached
        task = self._flight(name).task
        await asyncio.wait([task], timeout=self._timeouts.package)
        return _result(task) or self._lookups.cached_metadata(name)

    async def metadata_for_statistics(self, name: str) -> PackageMetadata:
        """The metadata of a package after a short wait; without a wait if it is cached, or after a timeout."""
        cached = self._lookups.cached_metadata(name)
        if not self._is_worth_asking(cached) or self._is_full_for(name):
            return cached
        flight = self._flight(name)
        now = self._now()
        if self._no_wait_until is None or now >= self._no_wait_until:
            left = self._timeouts.statistics - (now - flight.started_at).total_seconds()
            # At most the timeout, even if the clock has been set back.
            await asyncio.wait([flight.task], timeout=min(max(0.0, left), self._timeouts.statistics))
            if not flight.task.done():
                self._no_wait_until = self._now() + self._pause
        return self._lookups.cached_metadata(name)

    def is_complete(self, metadata: PackageMetadata) -> bool:
        """Whether every source that is configured has given a current value."""
        return not self._missing_sources(metadata)

    def _missing_sources(self, metadata: PackageMetadata) -> list[Source]:
        return [source for source in metadata.unavailable if source != "github" or self._lookups.github]

    def _is_worth_asking(self, metadata: PackageMetadata) -> bool:
        """Whether a value is missing whose source has not failed within the pause."""
        now = self._now()
        return any(now >= self._no_request_until.get(source, now) for source in self._missing_sources(metadata))

    def _is_full_for(self, name: str) -> bool:
        """Whether a look-up cannot be started for this client."""
        client, flights = current_client.get(), self._flights
        return name not in flights and (
            len(flights) >= MAX_FLIGHTS
            or sum(flight.client == client for flight in flights.values()) >= MAX_FLIGHTS_OF_CLIENT
        )

    def _flight(self, name: str) -> _Flight:
        """The look-up of a package that is in flight; started now if there is none."""
        if name not in self._flights:
            task = asyncio.create_task(self._lookups.metadata(name))
            self._flights[name] = _Flight(task, self._now(), current_client.get())
            task.add_done_callback(lambda done: self._end_flight(name, done))
        return self._flights[name]

    def _end_flight(self, name: str, done: asyncio.Task[PackageMetadata]) -> None:
        del self._flights[name]
        failed: Sequence[Source] = ("pypi",)
        if not done.cancelled() and (error := done.exception()):
            logger.error("%s could not be looked up", name, exc_info=error)
        if metadata := _result(done):
            # Only the first: without PyPI's answer GitHub is not asked.
            failed = metadata.unavailable[:1]
        for source in failed:
            self._no_request_until[source] = self._now() + self._pause

    async def close(self) -> None:
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _result(task: asyncio.Task[PackageMetadata]) -> PackageMetadata | None:
    return task.result() if task.done() and not task.cancelled() and not task.exception() else None
