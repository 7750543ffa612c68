"""Look-ups with a time limit: an answer has what is known in time, and the look-up goes on in the background."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

import msgspec

from app.discovery.sources.errors import SourceUnavailableError
from app.discovery.sources.lookups import Lookups, PackageMetadata, Source
from app.serving.client import current_client

MAX_FLIGHTS = 100
"""Look-ups in flight at most, of metadata and of documents; further answers do without."""
MAX_FLIGHTS_OF_CLIENT = 25
"""Of one client: requests for many made-up names leave room for others'."""

Value = TypeVar("Value")

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


class _Flight(msgspec.Struct):
    task: asyncio.Task[Any]
    started_at: datetime
    client: str
    waiting: int = 0


class TimedLookups:
    """The metadata of a package, within the timeouts."""

    def __init__(self, lookups: Lookups, now: Callable[[], datetime], timeouts: LookupTimeouts) -> None:
        self._lookups = lookups
        self._now = now
        self._timeouts = timeouts
        self._pause = timedelta(seconds=timeouts.pause)
        self._flights: dict[Hashable, _Flight] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._no_wait_until: datetime | None = None
        self._no_request_until: dict[Source, datetime] = {}

    async def metadata(self, name: str) -> PackageMetadata:
        """The metadata of a package. A source that takes longer than the timeout is `unavailable`, and one that cannot
        be asked because too many look-ups are in flight."""
        cached = self._lookups.cached_metadata(name)
        if not cached.unavailable or self._is_full_for(name):
            return cached
        flight = self._metadata_flight(name)
        await self._wait(name, flight, self._timeouts.package)
        return _result(flight.task) or self._lookups.cached_metadata(name)

    async def document(self, key: Hashable, look_up: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """What another look-up of a package returns, which `key` names.

        Raises its DiscoveryError, and SourceUnavailableError if it takes too long or too many are in flight.
        """
        if self._is_full_for(key):
            raise SourceUnavailableError("too many look-ups are in flight")
        flight = self._flights.get(key) or self._start(key, look_up())
        seconds = self._timeouts.package
        await self._wait(key, flight, seconds)
        if not flight.task.done():
            raise SourceUnavailableError(f"no answer within {seconds:g} seconds")
        return cast(Value, flight.task.result())

    async def metadata_for_statistics(self, name: str) -> PackageMetadata:
        """The metadata of a package after a short wait; without a wait if it is cached, or after a timeout."""
        cached = self._lookups.cached_metadata(name)
        if not self._is_worth_asking(cached) or self._is_full_for(name):
            return cached
        flight = self._metadata_flight(name)
        now = self._now()
        if self._no_wait_until is None or now >= self._no_wait_until:
            left = self._timeouts.statistics - (now - flight.started_at).total_seconds()
            # At most the timeout, even if the clock has been set back.
            await self._wait(name, flight, min(max(0.0, left), self._timeouts.statistics))
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

    def _is_full_for(self, key: Hashable) -> bool:
        """Whether a look-up cannot be started for this client."""
        client, flights = current_client.get(), self._flights
        return key not in flights and (
            len(flights) >= MAX_FLIGHTS
            or sum(flight.client == client for flight in flights.values()) >= MAX_FLIGHTS_OF_CLIENT
        )

    def _metadata_flight(self, name: str) -> _Flight:
        """The look-up of a package that is in flight; started now if there is none."""
        flight = self._flights.get(name)
        if flight is None:
            flight = self._start(name, self._lookups.metadata(name))
            flight.task.add_done_callback(lambda done: self._note_failures(name, done))
        return flight

    def _start(self, key: Hashable, look_up: Coroutine[Any, Any, Any]) -> _Flight:
        flight = self._flights[key] = _Flight(asyncio.create_task(look_up), self._now(), current_client.get())
        self._tasks.add(flight.task)
        flight.task.add_done_callback(lambda _: self._land(key, flight))
        return flight

    async def _wait(self, key: Hashable, flight: _Flight, seconds: float) -> None:
        """Wait for a look-up for a while; after that it goes on, for who asks next. If all who wait for it are
        cancelled, so is the look-up."""
        flight.waiting += 1
        try:
            await asyncio.wait([flight.task], timeout=seconds)
        except asyncio.CancelledError:
            if flight.waiting == 1:
                self._forget(key, flight)
                flight.task.cancel()
            raise
        finally:
            flight.waiting -= 1

    def _land(self, key: Hashable, flight: _Flight) -> None:
        self._tasks.discard(flight.task)
        self._forget(key, flight)
        if not flight.task.cancelled():
            # Retrieved, since there may be no caller left that waits for it.
            flight.task.exception()

    def _forget(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _note_failures(self, name: str, done: asyncio.Task[PackageMetadata]) -> None:
        if done.cancelled():
            return
        failed: Sequence[Source] = ("pypi",)
        if error := done.exception():
            logger.error("%s could not be looked up", name, exc_info=error)
        if metadata := _result(done):
            # Only the first: without PyPI's answer GitHub is not asked.
            failed = metadata.unavailable[:1]
        for source in failed:
            self._no_request_until[source] = self._now() + self._pause

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _result(task: asyncio.Task[PackageMetadata]) -> PackageMetadata | None:
    return task.result() if task.done() and not task.cancelled() and not task.exception() else None
