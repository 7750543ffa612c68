"""Keeps the store of a running server up to date from its source: packages that are asked for, new days, rankings."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec

from app.warehouse.engines.errors import InputError, WarehouseError
from app.warehouse.loading.sync import Sync
from app.warehouse.loading.sync_all import AllPackagesSync
from app.warehouse.reading.followed import DimensionNeed, Need, PackagesNeed, RankingNeed
from app.warehouse.reading.warehouse import Warehouse
from app.warehouse.sources.bigquery import BigQuery
from app.warehouse.sources.clickpy import ClickPy
from app.warehouse.sources.errors import PendingError, SourceError, SourceQuotaError
from app.warehouse.sources.package_list import read_packages
from app.warehouse.sources.quota import IN_BACKGROUND
from app.windows import last_days

UNASKED_FOR = timedelta(days=90)
"""A package that was not asked for in so long is not followed any more."""
ASKED_AGAIN = timedelta(days=7)
"""How often it is kept that a package was asked for."""
SEARCHED_DAYS = 180
"""Packages are found that were downloaded in so many days."""

logger = logging.getLogger(__name__)


class SyncTiming(msgspec.Struct, frozen=True):
    """Times in seconds.

    `first_look`: after the start. `look`: between two looks for new days. `retry`: after a failure. `wait`: how long a
    request waits for what is fetched for it; fetching goes on after that.
    """

    first_look: float = 60.0
    look: float = 3600.0
    retry: float = 300.0
    wait: float = 25.0


DEFAULT_SYNC_TIMING = SyncTiming()


class SourceStatus(msgspec.Struct, frozen=True):
    """What is known of a source without asking it. Times are UTC."""

    name: str
    title: str
    packages: int
    queries: int
    queries_left: int | None
    used_up_until: datetime | None
    last_look_at: datetime | None
    last_error: str | None


class SyncService:
    """Fetches what questions need, once for all that wait for it, and what is new, in the background."""

    def __init__(
        self,
        sync: Sync,
        all_packages: AllPackagesSync | None,
        source: ClickPy | BigQuery,
        warehouse: Warehouse,
        now: Callable[[], datetime],
        *,
        max_packages: int,
        listed: str = "",
        timing: SyncTiming = DEFAULT_SYNC_TIMING,
        published: Callable[[], None] = lambda: None,
    ) -> None:
        self._sync = sync
        self._all_packages = all_packages
        self._source = source
        self._warehouse = warehouse
        self._now = now
        self._max_packages = max_packages
        self._listed = listed
        self._timing = timing
        self._published = published
        self._queue: dict[str, asyncio.Future[None]] = {}
        self._fetching: asyncio.Task[None] | None = None
        self._rankings: dict[str, asyncio.Task[None]] = {}
        self._look_now = asyncio.Event()
        self._asked: dict[str, datetime] = {}
        self._outdated: list[RankingNeed] = []
        self._last_look_at: datetime | None = None
        self._last_error: str | None = None

    def status(self) -> SourceStatus:
        """The state of the source."""
        quota = self._source.quota
        return SourceStatus(
            self._source.name,
            self._source.title,
            self._warehouse.packages,
            quota.queries,
            quota.left,
            quota.exhausted_until,
            self._last_look_at,
            self._last_error,
        )

    async def fetch(self, need: Need) -> None:
        """Bring what a question needs into the store. Raises SourceError, and WarehouseError for the store's."""
        match need:
            case PackagesNeed(packages):
                work = self._fetch_packages(packages)
            case RankingNeed():
                work = self._fetch_ranking(need)
            case DimensionNeed(package, dimension):
                self._look_now.set()
                raise PendingError(f"the {dimension} series of {package!r} has not been fetched yet")
        try:
            async with asyncio.timeout(self._timing.wait):
                await work
        except TimeoutError:
            raise PendingError("the downloads are being fetched") from None

    async def _fetch_packages(self, packages: tuple[str, ...]) -> None:
        """Wait until packages are followed, or known not to be there. What is queued is fetched together."""
        followed = self._warehouse.packages
        if followed + len(self._queue) + len(packages) > self._max_packages:
            raise SourceError(
                f"this server follows {followed:,} packages of the {self._max_packages:,} that it may "
                "(SYNC_MAX_PACKAGES)"
            )
        loop = asyncio.get_running_loop()
        waiting = [self._queue.setdefault(package, loop.create_future()) for package in packages]
        if not packages:
            waiting.append(self._queue.setdefault("", loop.create_future()))
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch_queued())
        for future in waiting:
            await asyncio.shield(future)

    async def _fetch_queued(self) -> None:
        while self._queue:
            batch, self._queue = self._queue, {}
            error: BaseException | None = None
            try:
                await asyncio.to_thread(self._sync.add, [package for package in batch if package])
            except Exception as failure:  # each of those who wait reports it
                error = failure
            self._changed()
            for future in batch.values():
                if error is not None:
                    future.set_exception(error)
                    future.exception()
                else:
                    future.set_result(None)

    async def _fetch_ranking(self, need: RankingNeed) -> None:
        task = self._rankings.get(need.kind)
        if task is None:
            task = self._rankings[need.kind] = asyncio.create_task(self._ranking(need))
            task.add_done_callback(lambda _: self._rankings.pop(need.kind))
        await asyncio.shield(task)

    async def _ranking(self, need: RankingNeed) -> None:
        # Typing a name sends a search for each letter: searches leave some of the quota for packages.
        IN_BACKGROUND.set(bool(need.prefix))
        newest = (await self._warehouse.snapshot()).newest_day
        if isinstance(self._source, ClickPy):
            await asyncio.to_thread(self._keep_ranking, self._source, need, newest)

    def _keep_ranking(self, source: ClickPy, need: RankingNeed, newest: date) -> None:
        searched = last_days(newest, SEARCHED_DAYS)
        ranking = source.search(need.prefix, searched) if need.prefix else source.top(newest)
        self._sync.store.keep_ranking(need.kind, ranking)

    def _changed(self) -> None:
        self._warehouse.forget_followed()
        self._published()

    async def run(self) -> None:
        """Look for new days until cancelled."""
        IN_BACKGROUND.set(True)
        pause = self._timing.first_look if await self._has_days() else 0.0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._look_now.wait()
            self._look_now.clear()
            pause = await self._look()

    async def _has_days(self) -> bool:
        """Whether the store has days, so that a new server is ready before the first request for a package."""
        try:
            return bool((await self._warehouse.snapshot()).published.days)
        except WarehouseError:
            return True

    async def _look(self) -> float:
        """Bring the store up to date; the seconds until the next look."""
        try:
            await self._follow_listed()
            await self._complete_dimensions()
            # After a failure the look is still this process's.
            is_ours = bool(self._last_error) or await asyncio.to_thread(
                self._sync.store.claim_look, self._now(), self._timing.look
            )
            if is_ours:
                await self._look_for_days()
            await self._rank_again()
        except SourceQuotaError as error:
            self._last_error = str(error)
            logger.warning("%s", error)
            return max(1.0, (error.until - self._now()).total_seconds() + 1)
        except (InputError, WarehouseError) as error:
            self._last_error = str(error)
            logger.warning("%s; the next look is in %g s", error, self._timing.retry)
            return self._timing.retry
        except Exception:
            self._last_error = "the look failed; see the server's log"
            logger.exception("new days could not be looked for")
            return self._timing.retry
        self._last_error = None
        return self._timing.look

    async def _follow_listed(self) -> None:
        """Follow what is listed, and keep what questions have left. Packages that are listed count as asked for."""
        listed = await asyncio.to_thread(read_packages, Path(self._listed)) if self._listed else []
        if listed and (await asyncio.to_thread(self._sync.add, listed)).packages:
            self._changed()
        now, marks = self._now(), self._warehouse.take_marks()
        self._outdated += sorted(marks.outdated.difference(self._outdated), key=lambda need: need.prefix)
        asked = marks.asked.union(listed)
        again = [package for package in asked if now - self._asked.get(package, now - ASKED_AGAIN) >= ASKED_AGAIN]
        if again:
            await asyncio.to_thread(self._sync.store.mark_asked, again)
            self._asked |= dict.fromkeys(again, now)

    async def _complete_dimensions(self) -> None:
        followed = (await self._warehouse.snapshot()).followed
        if followed and followed.incomplete:
            await asyncio.to_thread(self._sync.complete_dimensions)
            self._changed()

    async def _look_for_days(self) -> None:
        synced = await asyncio.to_thread(self._all_packages.run if self._all_packages else self._sync.update)
        self._last_look_at = self._now()
        if synced.days:
            logger.info("%s: %s is there", self._source.title, synced.days[-1])
        # From other sources, only listed packages are followed.
        is_on_demand = isinstance(self._source, ClickPy)
        if synced.days or (is_on_demand and await self._unfollow()):
            self._changed()

    async def _unfollow(self) -> list[str]:
        return await asyncio.to_thread(self._sync.unfollow, self._now() - UNASKED_FOR)

    async def _rank_again(self) -> None:
        """Fetch the rankings again that were asked for and do not have the newest day."""
        outdated = self._outdated
        while outdated and isinstance(self._source, ClickPy):
            newest = (await self._warehouse.snapshot()).newest_day
            await asyncio.to_thread(self._keep_ranking, self._source, outdated[0], newest)
            outdated.pop(0)

    async def close(self) -> None:
        """Give up what the source is asked for, and wait until what is being written has ended."""
        self._source.calls.give_up()
        tasks = [*self._rankings.values(), *([self._fetching] if self._fetching else [])]
        if tasks:
            await asyncio.wait(tasks)
