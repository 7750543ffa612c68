"""The cache of responses: finds the response to a request, or computes it, once for all concurrent requests."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime

from app.cache.compression import Coding
from app.cache.data_versions import DataVersion, DataVersions
from app.cache.entry import CacheEntry, Computation, RequestKey
from app.cache.policy import CachePolicy
from app.cache.response import CachedResponse, ResponseContent, Variant
from app.cache.store import CacheStore
from app.cache.timing import DEFAULT_TIMING, CacheTiming
from app.serving.flights import Flights
from app.settings import Settings
from app.warehouse.engines.errors import WarehouseBusyError, WarehouseUnavailableError
from app.warehouse.reading.followed import Need, NotFetchedError
from app.warehouse.reading.warehouse import Warehouse

ERRORS_SHARE = 8
"""One part in so many of the memory is for errors, so that requests for made-up names evict no answer."""

NEEDS = 8
"""What a store may have to fetch for one response, one thing after another."""

HASHED_IN_THREAD = 1 << 20
"""Bytes from which the ETag of a body is made outside the event loop."""

logger = logging.getLogger(__name__)


class AnswerCache:
    """All cached responses, and the computations that are under way."""

    def __init__(
        self,
        warehouse: Warehouse,
        settings: Settings,
        now: Callable[[], datetime],
        timing: CacheTiming = DEFAULT_TIMING,
    ) -> None:
        self.warehouse = warehouse
        self.versions = DataVersions(warehouse, timing, self._refresh_soon, self._give_up)
        self.policy = CachePolicy(self.versions, timing, now, settings.cache_ttl_seconds)
        error_bytes = settings.cache_max_bytes // ERRORS_SHARE
        self.answers = CacheStore(settings.cache_max_bytes - error_bytes, settings.cache_max_entries)
        self.errors = CacheStore(error_bytes, math.ceil(settings.cache_max_entries / ERRORS_SHARE))
        self.stale_responses = 0
        self.fetch: Callable[[Need], Awaitable[None]] | None = None
        """Fetches what the store lacks from its source, if it has one."""
        self._timing = timing
        self._flights: Flights[Hashable, CacheEntry] = Flights()
        self._refresh: asyncio.Task[None] | None = None

    def find(self, request_key: RequestKey) -> CacheEntry | None:
        """The entry of a request that has come before."""
        return self.answers.find(request_key) or self.errors.find(request_key)

    def remember(self, request_key: RequestKey, entry: CacheEntry) -> None:
        """Find the entry by this request from now on."""
        self._store(entry.response).remember(request_key, entry)

    async def get(self, computation: Computation, *, fresh: bool = False) -> CacheEntry:
        """The entry of a computation; `fresh` computes it in any case.

        While ClickHouse does not answer, it may be an entry that no longer holds. Raises WarehouseError, and what the
        computation raises.
        """
        entry = self.answers.get(computation.key) or self.errors.get(computation.key)
        if entry is not None and not fresh and self.policy.check(entry) is not None:
            return entry
        try:
            return await self._computed(computation)
        except WarehouseUnavailableError as error:
            if not isinstance(error, WarehouseBusyError):
                self.versions.poll_soon()
            if entry is None or entry.response.is_error:
                raise
            return entry

    async def _computed(self, computation: Computation) -> CacheEntry:
        version = await self.versions.newest()
        return await self._flights.join(computation.key, lambda: self._compute(computation, version))

    async def _compute(self, computation: Computation, version: DataVersion) -> CacheEntry:
        try:
            content, version = await self._content(computation, version)
            if len(content.body) < HASHED_IN_THREAD:
                response = CachedResponse(content, by_accept=computation.by_accept)
            else:
                response = await asyncio.to_thread(CachedResponse, content, by_accept=computation.by_accept)
        except asyncio.CancelledError:
            # By _give_up, while requests wait for it, or because none does.
            raise WarehouseUnavailableError("ClickHouse has stopped answering") from None
        return self._put(CacheEntry(computation.key, response, self._timing.clock(), version, computation))

    async def _content(self, computation: Computation, version: DataVersion) -> tuple[ResponseContent, DataVersion]:
        """The content, and the version of the downloads in it, after fetching what the store lacks."""
        for _ in range(NEEDS):
            try:
                content = await computation.compute(version.snapshot, computation.question, *computation.context)
            except NotFetchedError as error:
                if self.fetch is None:
                    raise
                await self.fetch(error.need)
                version = await self.versions.poll()
            except Exception as error:
                lasting = computation.error_content(error)
                if lasting is None:
                    raise
                return lasting, version
            else:
                return content, version
        raise WarehouseUnavailableError("the store does not have what was fetched for it")

    def put(self, key: Hashable, content: ResponseContent, version: DataVersion | None = None) -> CacheEntry:
        """The entry of content that is at hand."""
        return self._put(CacheEntry(key, CachedResponse(content), self._timing.clock(), version))

    def _put(self, entry: CacheEntry) -> CacheEntry:
        """Store an entry, unless its lifetime says otherwise, in place of the one with the same key."""
        if not entry.response.content.lifetime.stored:
            return entry
        other = self.answers if entry.response.is_error else self.errors
        other.drop(entry.key)
        return self._store(entry.response).put(entry)

    async def compress(self, entry: CacheEntry, coding: Coding) -> Variant:
        """A variant of a response that has not been made yet."""
        variant = await entry.response.make_variant(coding)
        self._store(entry.response).weigh(entry)
        return variant

    def _store(self, response: CachedResponse) -> CacheStore:
        return self.errors if response.is_error else self.answers

    def _refresh_soon(self, before: DataVersion, after: DataVersion) -> None:
        if before.snapshot.published.days[-1:] != after.snapshot.published.days[-1:]:
            self.answers.period += 1
        if self._refresh is not None:
            self._refresh.cancel()
        self._refresh = asyncio.create_task(self._refresh_all())

    async def _refresh_all(self) -> None:
        """Compute entries again after a new day, most recently used first, while the previous day is still sent.

        Those that were not used since the day before are not: a package that is not asked for any more is not read.
        """
        version, timing = self.versions.current, self._timing
        until = timing.clock() + timing.refresh
        outdated = iter([entry for entry in self.answers.recently_used() if entry.is_refreshed])

        async def refresh() -> None:
            for entry in outdated:
                if timing.clock() > until:
                    return
                if entry.version is not version and entry.computation is not None:
                    try:
                        await self._computed(entry.computation)
                    except Exception as error:
                        # The next request computes it again, and reports the error.
                        logger.debug("a cached response could not be refreshed: %s", type(error).__name__)
                    await asyncio.sleep(timing.refresh_pause)

        await asyncio.gather(*[refresh() for _ in range(timing.refresh_tasks)])

    def _give_up(self) -> None:
        """Cancel all computations: ClickHouse is away, and they would hold its connections when it is back."""
        self._flights.cancel()
        self.warehouse.stop_queries()

    async def close(self) -> None:
        if self._refresh:
            self._refresh.cancel()
            await asyncio.gather(self._refresh, return_exceptions=True)
        await self._flights.close()
        self.warehouse.stop_queries()
