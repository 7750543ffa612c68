"""Look-ups for those who cannot wait: what is there in time is answered, the rest is looked up in the background."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from app.discovery.sources.errors import SourceUnavailableError
from app.discovery.sources.lookups import Lookups, PackageMetadata, Source

LOOKUP_TIMEOUT_SECONDS = 5.0
"""How long an answer about a package waits for its look-up."""

STATISTICS_TIMEOUT_SECONDS = 0.3
"""How long an answer about downloads does, counted from the look-up's beginning."""

PAUSE_SECONDS = 30.0
"""How long no such answer waits, once one has waited in vain; and asks, once a source has failed."""

MAX_FLIGHTS = 100
"""Look-ups for answers about downloads at once, at most; beyond, they go without."""

Value = TypeVar("Value")

logger = logging.getLogger(__name__)


async def with_timeout(seconds: float, look_up: Awaitable[Value]) -> Value:
    """What a look-up finds in time. Raises SourceUnavailableError where it takes longer; its own look-ups go on."""
    try:
        async with asyncio.timeout(seconds):
            return await look_up
    except TimeoutError:
        raise SourceUnavailableError(f"no answer within {seconds:g} seconds") from None


class TimedLookups:
    """What is known of a package within a given time."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._flights: dict[str, tuple[asyncio.Task[PackageMetadata], float]] = {}
        self._no_wait_until = -float("inf")
        self._no_ask_until: dict[Source, float] = {}

    async def about(self, name: str) -> PackageMetadata:
        """What is known of a package after at most PATIENCE_SECONDS. A source that took longer is `unavailable`."""
        about = self._lookups.about_now(name)
        if not about.unavailable:
            return about
        flight, _ = self._flight(name)
        await asyncio.wait([flight], timeout=LOOKUP_TIMEOUT_SECONDS)
        return self._result(flight) or self._lookups.about_now(name)

    async def about_for_statistics(self, name: str) -> PackageMetadata:
        """What is known of a package, at once if that is all or if waiting has lately been in vain."""
        about = self._lookups.about_now(name)
        if not self._worth_asking(about) or (name not in self._flights and len(self._flights) >= MAX_FLIGHTS):
            return about
        flight, begun = self._flight(name)
        now = time.monotonic()
        if now >= self._no_wait_until:
            await asyncio.wait([flight], timeout=max(0.0, begun + STATISTICS_TIMEOUT_SECONDS - now))
            if not flight.done():
                self._no_wait_until = time.monotonic() + PAUSE_SECONDS
        return self._lookups.about_now(name)

    def is_final(self, about: PackageMetadata) -> bool:
        """Whether asking again soon would bring no more."""
        return not any(self._is_asked(source) for source in about.unavailable)

    def _is_asked(self, source: Source) -> bool:
        return source != "github" or self._lookups.has_github

    def _worth_asking(self, about: PackageMetadata) -> bool:
        """Whether a source that has not just failed could tell more."""
        now = time.monotonic()
        return any(now >= self._no_ask_until.get(source, now) for source in about.unavailable if self._is_asked(source))

    def _flight(self, name: str) -> tuple[asyncio.Task[PackageMetadata], float]:
        """The look-up of a package that is under way, and when it began; begun now if there is none."""
        if name not in self._flights:
            task = asyncio.create_task(self._lookups.about(name))
            self._flights[name] = task, time.monotonic()
            task.add_done_callback(lambda done: self._land(name, done))
        return self._flights[name]

    def _land(self, name: str, done: asyncio.Task[PackageMetadata]) -> None:
        del self._flights[name]
        failed: Sequence[Source] = ("pypi",)
        if not done.cancelled() and (error := done.exception()):
            logger.error("%s could not be looked up", name, exc_info=error)
        if about := self._result(done):
            # Where PyPI fails, nobody has asked GitHub.
            failed = about.unavailable[:1]
        for source in failed:
            self._no_ask_until[source] = time.monotonic() + PAUSE_SECONDS

    @staticmethod
    def _result(flight: asyncio.Task[PackageMetadata]) -> PackageMetadata | None:
        return flight.result() if flight.done() and not flight.cancelled() and not flight.exception() else None

    async def close(self) -> None:
        """End the look-ups that are under way."""
        flights = [flight for flight, _ in self._flights.values()]
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
