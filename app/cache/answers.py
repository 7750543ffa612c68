"""Finds the answer to a question: among those that are kept, or by working it out, once for all who ask meanwhile."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime
from typing import Any, NamedTuple

from app.cache.compression import Coding
from app.cache.data_versions import DataVersion, DataVersions
from app.cache.policy import REFRESH_SECONDS, CachePolicy
from app.cache.response import CachedResponse, ResponseContent, Variant
from app.cache.store import CacheEntry, CacheStore, RequestKey
from app.settings import Settings
from app.warehouse.engines.errors import WarehouseBusyError, WarehouseUnavailableError
from app.warehouse.reading.layout import Published
from app.warehouse.reading.warehouse import Warehouse

ERRORS_SHARE = 8
"""One part in so many of the memory is for errors, so that names that somebody thinks up displace no answer."""

AsBody = Callable[[Exception], ResponseContent | None]
"""The body of an error that lasts, and so is an answer as good as any; None for another."""


def no_body(_: Exception) -> None:
    """No error is an answer."""


Make = Callable[[Warehouse, Published, Any], Awaitable[ResponseContent]]

logger = logging.getLogger(__name__)


class Job(NamedTuple):
    """Work on an answer, and how it is to be kept."""

    make: Make
    question: Any
    key: tuple[Make, Hashable]
    as_body: AsBody
    by_accept: bool
    seconds: float
    keep: bool


class AnswerCache:
    """All answers that are kept, and the work on those that are not."""

    def __init__(self, warehouse: Warehouse, settings: Settings, now: Callable[[], datetime]) -> None:
        self.warehouse = warehouse
        self.versions = DataVersions(warehouse, self._changed, self._give_up)
        self.lifetimes = CachePolicy(self.versions, now, settings.cache_ttl_seconds)
        errors = settings.cache_max_bytes // ERRORS_SHARE
        self.answers = CacheStore(settings.cache_max_bytes - errors, settings.cache_max_entries)
        self.errors = CacheStore(errors, math.ceil(settings.cache_max_entries / ERRORS_SHARE))
        self.stale = 0
        self._flights: dict[Hashable, asyncio.Task[CacheEntry]] = {}
        self._refresh: asyncio.Task[None] | None = None

    def by_line(self, line: RequestKey) -> CacheEntry | None:
        """The answer to a request that has come in these words before."""
        return self.answers.by_line(line) or self.errors.by_line(line)

    def name(self, line: RequestKey, kept: CacheEntry) -> None:
        """Remember that these words ask for this answer."""
        self._store(kept.answer).name(line, kept)

    async def find(
        self,
        make: Make,
        question: Hashable,
        *,
        as_body: AsBody = no_body,
        by_accept: bool = False,
        fresh: bool = False,
        key: Hashable = None,
        seconds: float = math.inf,
        keep: bool = True,
    ) -> CacheEntry:
        """The answer that `make` works out from the question and what is published, on which alone it depends.

        One that depends on more is kept under a `key`, for some seconds, or not at all. `fresh`: worked out in any
        case. It may be one of before where ClickHouse cannot say whether it still holds. Raises WarehouseError.
        """
        job = Job(make, question, (make, question if key is None else key), as_body, by_accept, seconds, keep)
        kept = self.answers.get(job.key) or self.errors.get(job.key)
        if kept is not None and not fresh and self.lifetimes.of(kept) is not None:
            return kept
        try:
            return await self._done(job)
        except WarehouseUnavailableError as error:
            if not isinstance(error, WarehouseBusyError):
                self.versions.look_soon()
            if kept is None or kept.answer.is_error:
                raise
            return kept

    async def _done(self, job: "Job") -> CacheEntry:
        version = await self.versions.newest()
        flight = self._flights.get(job.key)
        if flight is None:
            flight = self._flights[job.key] = asyncio.create_task(self._do(job, version))
            flight.add_done_callback(lambda done: self._land(job.key, done))
        return await asyncio.shield(flight)

    async def _do(self, job: "Job", version: DataVersion) -> CacheEntry:
        try:
            body = await job.make(self.warehouse, version.published, job.question)
        except asyncio.CancelledError:
            # Who waits is not cancelled by it: see _give_up.
            raise WarehouseUnavailableError("ClickHouse has stopped answering") from None
        except Exception as error:
            lasting = job.as_body(error)
            if lasting is None:
                raise
            body = lasting
        expires = time.monotonic() + job.seconds
        kept = CacheEntry(job.key, CachedResponse(body, by_accept=job.by_accept), version, expires)
        return self.keep(kept) if job.keep else kept

    def _land(self, key: Hashable, flight: asyncio.Task[CacheEntry]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            # Looked at, for perhaps nobody waits for it any more.
            flight.exception()

    def keep(self, kept: CacheEntry) -> CacheEntry:
        """Keep an answer in place of what was kept under its question."""
        other = self.answers if kept.answer.is_error else self.errors
        other.drop(kept.key)
        return self._store(kept.answer).put(kept)

    async def compressed(self, kept: CacheEntry, coding: Coding) -> Variant:
        """A variant of an answer that has not been asked for yet."""
        variant = await kept.answer.make_variant(coding)
        self._store(kept.answer).weigh(kept)
        return variant

    def _store(self, answer: CachedResponse) -> CacheStore:
        return self.errors if answer.is_error else self.answers

    def _changed(self) -> None:
        if self._refresh is not None:
            self._refresh.cancel()
        self._refresh = asyncio.create_task(self._make_anew())

    async def _make_anew(self) -> None:
        """Work out again what is kept, most recently used first, for as long as the old answers are still sent."""
        version = self.versions.current
        until = time.monotonic() + REFRESH_SECONDS
        old = iter([kept for kept in self.answers.latest_first() if kept.is_refreshed])

        async def refresh() -> None:
            for kept in old:
                if time.monotonic() > until:
                    return
                if kept.version is not version:
                    try:
                        make, question = kept.key
                        await self._done(Job(make, question, kept.key, no_body, kept.answer.by_accept, math.inf, True))
                    except Exception as error:
                        # The next who asks gets to see it.
                        logger.debug("an answer could not be made anew: %s", type(error).__name__)
                    await asyncio.sleep(self.warehouse.layout.refresh_pause)

        await asyncio.gather(*[refresh() for _ in range(self.warehouse.layout.refreshed_at_once)])

    def _give_up(self) -> None:
        """Nobody waits for a ClickHouse that is away, and its turns are free when it is back."""
        for flight in self._flights.values():
            flight.cancel()

    async def close(self) -> None:
        """End all work."""
        tasks = [*self._flights.values(), *([self._refresh] if self._refresh else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
