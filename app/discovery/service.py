"""Discovery as the rest of the house sees it: the index, kept up to date in the background, and single look-ups.

Nothing here stops the server from starting, and nothing that fails here leaves what was known before worse.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from app.discovery.cache import LookupCache
from app.discovery.index.build import Plan, find_members, make_index
from app.discovery.index.file import IndexFile, Scope
from app.discovery.index.search import Index
from app.discovery.lookups import Lookups
from app.discovery.repository_names import ImpossibleRepositoryError, RepositoryName
from app.discovery.sources.errors import DiscoveryError, QuotaSpentError
from app.discovery.sources.github import Document, GitHub
from app.discovery.sources.http import open_session
from app.discovery.sources.pypi import PyPI
from app.discovery.timed_lookups import LOOKUP_TIMEOUT_SECONDS, TimedLookups, with_timeout
from app.settings import SettingError, Settings
from app.stats.questions import Popularity, popularity
from app.warehouse.engines.errors import WarehouseError
from app.warehouse.reading.snapshot import NothingLoadedError
from app.warehouse.reading.warehouse import Warehouse

FIRST_RETRY_SECONDS = 60
"""After a build that failed or had no downloads; each further one doubles it, up to the usual interval."""

TOPIC = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
"""https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/classifying-your-repository-with-topics"""

WHY_OFF = "GITHUB_TOKEN is not set"

logger = logging.getLogger(__name__)


class IndexStatus(msgspec.Struct, frozen=True):
    """How the index is."""

    state: Literal["off", "building", "ready"]
    reason: str | None = None
    entries: int = 0
    built_at: datetime | None = None
    age_seconds: int | None = None
    next_build_at: datetime | None = None
    github_quota_left: int | None = None
    last_error: str | None = None


class Discovery:
    """What PyPI and GitHub know. `open` needs no network; `run` keeps the index up to date until it is cancelled."""

    def __init__(self, settings: Settings, warehouse: Warehouse, now: Callable[[], datetime]) -> None:
        self.settings = settings
        self.index: Index | None = None
        self._warehouse = warehouse
        self._now = now
        self._plan = make_plan(settings)
        self._store = IndexFile(Path(settings.local_index_cache_dir), _scope(settings, self._plan))
        self._failures = 0
        self._next_build_at: datetime | None = None
        self._last_error: str | None = None

    async def open(self) -> None:
        """Be ready to answer: with the index that is on disk, if there is one."""
        settings = self.settings
        self._session = open_session()
        self._github = self._make_github() if settings.github_token else None
        pypi = PyPI(self._session, settings.pypi_api_url, missing_seconds=settings.cache_ttl_seconds, now=self._now)
        self._lookups = Lookups(pypi, self._github, settings)
        self.patient = TimedLookups(self._lookups)
        if self._github is None:
            logger.info("%s: /api/packages is off; statistics and what PyPI knows are not", WHY_OFF)
            return
        self.index = await asyncio.to_thread(self._store.read)

    def _make_github(self) -> GitHub:
        settings = self.settings
        return GitHub(
            self._session,
            settings.github_api_url,
            settings.github_token,
            max_concurrent=settings.github_max_concurrent,
            missing_seconds=settings.cache_ttl_seconds,
            now=self._now,
        )

    async def close(self) -> None:
        """End all that is under way."""
        await self.patient.close()
        await self._lookups.close()
        await self._session.close()

    @property
    def is_off(self) -> bool:
        """Whether there will never be an index."""
        return self._github is None

    async def run(self) -> None:
        """Build the index now, unless it is fresh, and again and again."""
        if self._github is None:
            return
        await self._sleep(self._seconds_fresh())
        while True:
            await self._sleep(await self._try_to_build(self._github))

    async def _sleep(self, seconds: float) -> None:
        self._next_build_at = self._now() + timedelta(seconds=seconds)
        await asyncio.sleep(seconds)

    def _seconds_fresh(self) -> float:
        """For how long the index that was on disk needs no other."""
        if self.index is None:
            return 0
        left = self.settings.local_index_cache_ttl - (self._now() - self.index.built_at).total_seconds()
        return max(0, min(left, self.settings.index_reindex_interval))

    async def _try_to_build(self, github: GitHub) -> float:
        """Build the index, or leave the one that is there; how many seconds to wait until the next time."""
        try:
            complete = await self._build(github)
        except QuotaSpentError as error:
            self._last_error = str(error)
            logger.warning("the index was not built: %s", error)
            # Not to the very second: GitHub's clock is not ours.
            return max(0.0, (error.reset_at - self._now()).total_seconds()) + 1
        except DiscoveryError as error:
            self._last_error = str(error)
            logger.warning("the index was not built: %s", error)
        except Exception:
            self._last_error = "the build failed; the server's log says why"
            logger.exception("the index was not built")
        else:
            if complete:
                self._failures = 0
                self._last_error = None
                return self.settings.index_reindex_interval
        self._failures += 1
        # The exponent has a limit because numbers have one; the interval comes long before.
        pause = FIRST_RETRY_SECONDS * 2.0 ** min(self._failures - 1, 16)
        return min(pause, self.settings.index_reindex_interval)

    async def _build(self, github: GitHub) -> bool:
        """Swap in a new index. False: it lacks something that is worth another try soon; `last_error` says what."""
        found = await find_members(self._plan, github, self._lookups)
        downloads = await self._downloads([member.name for member in found.members])
        # In a thread: words and orders of thousands of packages take longer than a request may wait.
        self.index = await asyncio.to_thread(
            make_index, found, downloads, self.index, self._now(), self._counts_may_stay()
        )
        logger.info("the index has %d packages", len(self.index.entries))
        try:
            await asyncio.to_thread(self._store.write, self.index)
        except OSError as error:
            logger.warning("the index cannot be written to %s: %s", self.settings.local_index_cache_dir, error.strerror)
        if downloads is None:
            self._last_error = "ClickHouse could not say how much the packages are downloaded"
        elif found.unknown:
            self._last_error = f"{len(found.unknown)} packages could not be looked up"
        return downloads is not None and not found.unknown

    async def _downloads(self, names: Sequence[str]) -> dict[str, Popularity] | None:
        """How much each package is downloaded; None where that cannot be had now, which is not the same as 0."""
        try:
            return await popularity(await self._warehouse.snapshot(), names, self.settings.index_download_days)
        except (WarehouseError, NothingLoadedError) as error:
            logger.warning("the index has no new downloads: %s", str(error) or "no day has been loaded yet")
            return None

    def _counts_may_stay(self) -> bool:
        """Whether the downloads in the index are still young enough to stand in for those that cannot be had."""
        if self.index is None or self.index.counted_at is None:
            return False
        return self._now() - self.index.counted_at < timedelta(seconds=self.settings.cache_ttl_downloads)

    def status(self) -> IndexStatus:
        """How the index is now."""
        if self._github is None:
            return IndexStatus("off", reason=WHY_OFF)
        index, quota = self.index, self._github.quota
        return IndexStatus(
            "building" if index is None else "ready",
            entries=len(index.entries) if index else 0,
            built_at=index.built_at if index else None,
            age_seconds=int((self._now() - index.built_at).total_seconds()) if index else None,
            next_build_at=self._next_build_at,
            github_quota_left=quota.remaining if quota else None,
            last_error=self._last_error,
        )

    async def readme(self, package: str) -> Document | None:
        """The README of a package's repository; None where there is none. Raises DiscoveryError."""
        return await with_timeout(LOOKUP_TIMEOUT_SECONDS, self._document(self._lookups.readmes, package))

    async def changelog(self, package: str) -> Document | None:
        """The changelog of a package's repository; None where there is none. Raises DiscoveryError."""
        return await with_timeout(LOOKUP_TIMEOUT_SECONDS, self._document(self._lookups.changelogs, package))

    async def _document(self, documents: LookupCache[RepositoryName, Document], package: str) -> Document | None:
        entry = self.index.get(package) if self.index else None
        if entry is not None and entry.github is not None:
            return await documents.get(RepositoryName.parse(entry.github.repository))
        project = await self._lookups.projects.get(package)
        return await documents.get(project.repository) if project and project.repository else None


def make_plan(settings: Settings) -> Plan:
    """What the settings say is to be looked for. Raises SettingError."""
    topics = tuple(dict.fromkeys(filter(None, (t.strip().lower() for t in settings.discovery_topics.split(",")))))
    for topic in topics:
        if not TOPIC.fullmatch(topic):
            raise SettingError(f"DISCOVERY_TOPICS: {topic!r} cannot be a GitHub topic")
    official = settings.discovery_official_repo
    try:
        name = RepositoryName.parse(official) if official else None
    except ImpossibleRepositoryError as error:
        raise SettingError(f"DISCOVERY_OFFICIAL_REPO={official!r} is not accepted: {error}") from None
    return Plan(
        topics=topics,
        pages=settings.index_max_github_pages,
        per_page=settings.index_github_per_page,
        official=name,
        official_path=settings.discovery_official_path.strip("/"),
    )


def _scope(settings: Settings, plan: Plan) -> Scope:
    return Scope(
        topics=tuple(plan.topics),
        official_repo=str(plan.official or ""),
        official_path=plan.official_path,
        download_days=settings.index_download_days,
    )
