"""Discovery as the rest of the app uses it: the index, rebuilt in the background, and look-ups of one package.

A failure here neither stops the server from starting nor replaces an index that is there.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from app.discovery.index.build import discover_packages, make_index
from app.discovery.index.config import make_build_config
from app.discovery.index.file import IndexFile
from app.discovery.index.search import Index
from app.discovery.sources.demo import DemoGitHub, DemoPyPI
from app.discovery.sources.errors import DiscoveryError, RateLimitedError
from app.discovery.sources.github import Document, GitHub
from app.discovery.sources.http import Sleep, open_session
from app.discovery.sources.interfaces import Projects, Repositories
from app.discovery.sources.lookups import GitHubOffError, Lookups
from app.discovery.sources.pypi import PyPI
from app.discovery.sources.repository_names import RepositoryName
from app.discovery.sources.timed_lookups import DEFAULT_TIMEOUTS, LookupTimeouts, TimedLookups
from app.settings import Settings
from app.stats.questions import Popularity, popularity
from app.warehouse.engines.errors import WarehouseError
from app.warehouse.loading.demo import demo_packages
from app.warehouse.reading.followed import NotFetchedError
from app.warehouse.reading.snapshot import NothingLoadedError
from app.warehouse.reading.warehouse import Warehouse

FIRST_RETRY_SECONDS = 60
"""The delay after a build that failed or was incomplete; it doubles with each further one, up to the interval."""

OFF_REASON = "GITHUB_TOKEN is not set"
SYNTHETIC_REASON = f"{OFF_REASON}: the demo's metadata are synthetic"

logger = logging.getLogger(__name__)


class IndexStatus(msgspec.Struct, frozen=True):
    """The state of the index. Times are UTC; `last_error` is that of the newest build."""

    state: Literal["off", "building", "ready"]
    reason: str | None = None
    entries: int = 0
    built_at: datetime | None = None
    age_seconds: int | None = None
    next_build_at: datetime | None = None
    github_quota_left: int | None = None
    last_error: str | None = None


class Discovery:
    """The index and the look-ups. `open` needs no network; `run` rebuilds the index until it is cancelled.

    `now` is the clock of all caches, limits and pauses; `sleep` waits between builds.
    """

    def __init__(
        self,
        settings: Settings,
        warehouse: Warehouse,
        now: Callable[[], datetime],
        *,
        sleep: Sleep = asyncio.sleep,
        timeouts: LookupTimeouts = DEFAULT_TIMEOUTS,
    ) -> None:
        self.settings = settings
        self.index: Index | None = None
        self._warehouse = warehouse
        self._now = now
        self._sleep = sleep
        self._timeouts = timeouts
        self._config = make_build_config(settings)
        self._file = IndexFile(Path(settings.local_index_cache_dir), self._config.scope)
        self._failures = 0
        self._next_build_at: datetime | None = None
        self._last_error: str | None = None

    async def open(self) -> None:
        """Open the session, and read the index on disk if there is one."""
        settings = self.settings
        self._session = open_session()
        self._is_synthetic = self._warehouse.is_demo and not settings.github_token
        pypi, self._github = self._sources()
        self._lookups = Lookups(
            pypi,
            self._github,
            lifetime=timedelta(seconds=settings.cache_ttl_discovery),
            negative_lifetime=timedelta(seconds=settings.cache_ttl_seconds),
            now=self._now,
        )
        self.lookups = TimedLookups(self._lookups, self._now, self._timeouts)
        if self._github is None:
            logger.info("%s: /api/packages is off; statistics and PyPI's metadata are not affected", OFF_REASON)
            return
        if not self._is_synthetic:
            self.index = await asyncio.to_thread(self._file.read)

    def _sources(self) -> tuple[Projects, Repositories | None]:
        """PyPI, and GitHub if there is a token; without one, the demo's packages have metadata that are made up."""
        settings = self.settings
        if self._is_synthetic:
            self._config = msgspec.structs.replace(self._config, official=None)
            downloads = {name: downloads for name, downloads, _ in demo_packages()}
            return DemoPyPI(downloads, self._now()), DemoGitHub(downloads, self._now())
        pypi = PyPI(self._session, settings.pypi_api_url)
        if not settings.github_token:
            return pypi, None
        return pypi, GitHub(
            self._session,
            settings.github_api_url,
            settings.github_token,
            max_concurrent=settings.github_max_concurrent,
            now=self._now,
        )

    async def close(self) -> None:
        """Cancel the look-ups in flight and close the session."""
        await self.lookups.close()
        await self._lookups.close()
        await self._session.close()

    @property
    def is_off(self) -> bool:
        """Whether no index is ever built, because there is no token."""
        return self._github is None

    async def run(self) -> None:
        """Build the index, at once unless the one on disk is fresh, and then at intervals."""
        if self._github is None:
            return
        await self._pause(self._seconds_fresh())
        while True:
            await self._pause(await self._try_to_build(self._github))

    async def _pause(self, seconds: float) -> None:
        self._next_build_at = self._now() + timedelta(seconds=seconds)
        await self._sleep(seconds)

    def _seconds_fresh(self) -> float:
        """For how long the index from disk needs no rebuild."""
        if self.index is None:
            return 0
        left = self.settings.local_index_cache_ttl - (self._now() - self.index.built_at).total_seconds()
        return max(0, min(left, self.settings.index_reindex_interval))

    async def _try_to_build(self, github: Repositories) -> float:
        """Replace the index if a build succeeds; the seconds until the next build."""
        try:
            complete = await self._build(github)
        except RateLimitedError as error:
            self._last_error = str(error)
            logger.warning("the index was not built: %s", error)
            # One second later than GitHub says: the clocks may differ.
            return max(0.0, (error.reset_at - self._now()).total_seconds()) + 1
        except DiscoveryError as error:
            self._last_error = str(error)
            logger.warning("the index was not built: %s", error)
        except Exception:
            self._last_error = "the build failed; see the server's log"
            logger.exception("the index was not built")
        else:
            if complete:
                self._failures = 0
                self._last_error = None
                return self.settings.index_reindex_interval
        self._failures += 1
        # The exponent is limited to avoid an overflow.
        delay = FIRST_RETRY_SECONDS * 2.0 ** min(self._failures - 1, 16)
        return min(delay, self.settings.index_reindex_interval)

    async def _build(self, github: Repositories) -> bool:
        """Replace the index; whether the new one is complete. If not, `last_error` says what is missing."""
        result = await discover_packages(self._config, github, self._lookups)
        downloads = await self._downloads([package.name for package in result.packages])
        # In a thread: to index thousands of packages takes longer than a request may wait.
        self.index = await asyncio.to_thread(
            make_index, result, downloads, self.index, self._now(), reuse_downloads=self._may_reuse_downloads()
        )
        logger.info("the index has %d packages", len(self.index.entries))
        if not self._is_synthetic:
            await self._write(self.index)
        if downloads is None:
            self._last_error = "ClickHouse could not be asked for downloads"
        elif result.failed:
            self._last_error = f"{len(result.failed)} packages could not be looked up"
        return downloads is not None and not result.failed

    async def _write(self, index: Index) -> None:
        try:
            await asyncio.to_thread(self._file.write, index)
        except OSError as error:
            logger.warning("the index cannot be written to %s: %s", self.settings.local_index_cache_dir, error.strerror)

    async def _downloads(self, names: Sequence[str]) -> dict[str, Popularity] | None:
        """The downloads of each package; None, which is not 0, if they are not available now."""
        try:
            return await popularity(await self._warehouse.snapshot(), names, self.settings.index_download_days)
        except (WarehouseError, NothingLoadedError, NotFetchedError) as error:
            logger.warning("the index has no new downloads: %s", str(error) or "no day has been loaded yet")
            return None

    def _may_reuse_downloads(self) -> bool:
        """Whether the downloads in the index are recent enough for a new index without newer ones."""
        if self.index is None or self.index.counted_at is None:
            return False
        return self._now() - self.index.counted_at < timedelta(seconds=self.settings.cache_ttl_downloads)

    def status(self) -> IndexStatus:
        if self._github is None:
            return IndexStatus("off", reason=OFF_REASON)
        index, quota = self.index, self._github.quota
        return IndexStatus(
            "building" if index is None else "ready",
            reason=SYNTHETIC_REASON if self._is_synthetic else None,
            entries=len(index.entries) if index else 0,
            built_at=index.built_at if index else None,
            age_seconds=int((self._now() - index.built_at).total_seconds()) if index else None,
            next_build_at=self._next_build_at,
            github_quota_left=quota.remaining if quota else None,
            last_error=self._last_error,
        )

    async def readme(self, package: str) -> Document | None:
        """The README of a package's repository; None if there is none. Raises DiscoveryError."""
        return await self._document("readme", self._lookups.readme, package)

    async def changelog(self, package: str) -> Document | None:
        """The changelog of a package's repository; None if there is none. Raises DiscoveryError."""
        return await self._document("changelog", self._lookups.changelog, package)

    async def _document(
        self, kind: str, look_up: Callable[[RepositoryName], Awaitable[Document | None]], package: str
    ) -> Document | None:
        if self.is_off:
            raise GitHubOffError("GitHub is not asked without GITHUB_TOKEN")

        async def found() -> Document | None:
            repository = await self._repository_of(package)
            return await look_up(repository) if repository else None

        return await self.lookups.document((kind, package), found)

    async def _repository_of(self, package: str) -> RepositoryName | None:
        entry = self.index.get(package) if self.index else None
        if entry is not None and entry.github is not None:
            return RepositoryName.parse(entry.github.repository)
        project = await self._lookups.project(package)
        return project.repository if project else None
