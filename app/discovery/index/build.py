"""A build of the index: which packages belong to the ecosystem, and their entries.

A repository in the search results belongs to the package of the same name if that package's own links point to the
repository, or if the package depends on a root package. The name alone is no proof: anyone may register it on PyPI.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from app.discovery.index.config import BuildConfig
from app.discovery.index.entries import copy_downloads, make_entry
from app.discovery.index.search import Index
from app.discovery.sources.errors import BadTokenError, DiscoveryError, RateLimitedError, SourceUnavailableError
from app.discovery.sources.github import Repository
from app.discovery.sources.interfaces import Repositories
from app.discovery.sources.lookups import Lookups
from app.discovery.sources.pypi import Project
from app.discovery.sources.repository_names import RepositoryName, repository_in_url
from app.discovery.sources.requirements import required_package
from app.names import ImpossibleNameError, normalise
from app.stats.questions import Popularity

ABORTING_ERRORS = (RateLimitedError, BadTokenError)
"""Errors after which requests for other packages fail as well."""

logger = logging.getLogger(__name__)


class Candidate(msgspec.Struct):
    """A name that may be a package of the ecosystem, and the repositories that may be its own."""

    name: str
    repositories: list[Repository]
    official: bool = False


class DiscoveredPackage(msgspec.Struct, frozen=True):
    """A package of the ecosystem."""

    name: str
    project: Project
    repository: Repository | None
    official: bool


class DiscoveryResult(msgspec.Struct, frozen=True):
    """The packages of the ecosystem, and the names of candidates whose look-up failed."""

    packages: Sequence[DiscoveredPackage]
    failed: Sequence[str]


async def discover_packages(config: BuildConfig, github: Repositories, lookups: Lookups) -> DiscoveryResult:
    """The packages of the ecosystem. Raises DiscoveryError if more than half of the look-ups fail."""
    candidates = await _candidates(config, github, lookups)
    results = await asyncio.gather(
        *(_verify(candidate, config, lookups) for candidate in candidates), return_exceptions=True
    )
    packages, failed = [], []
    for candidate, result in zip(candidates, results, strict=True):
        if isinstance(result, ABORTING_ERRORS) or (
            isinstance(result, BaseException) and not isinstance(result, Exception)
        ):
            raise result
        if isinstance(result, Exception):
            failed.append(candidate.name)
            if not isinstance(result, DiscoveryError):
                # What is wrong with one candidate keeps no other from the index.
                logger.error("%s could not be looked up", candidate.name, exc_info=result)
        elif result is not None:
            packages.append(result)
    if len(failed) * 2 > len(candidates):
        raise SourceUnavailableError(f"{len(failed)} of {len(candidates)} packages could not be looked up")
    return DiscoveryResult(packages, failed)


async def _candidates(config: BuildConfig, github: Repositories, lookups: Lookups) -> list[Candidate]:
    """The search results, and the folders of the official repository."""
    candidates: dict[str, Candidate] = {}
    for topic in config.topics:
        for repository in await github.search(topic, config.pages, config.per_page):
            lookups.add_repository(repository)
            name = _package_name(repository.name.name)
            if name is not None:
                candidate = candidates.setdefault(name, Candidate(name, []))
                if repository.full_name not in {r.full_name for r in candidate.repositories}:
                    candidate.repositories.append(repository)
    if config.official is not None:
        official = await lookups.repository(config.official)
        folders = await github.folders(config.official, config.official_path)
        if official is None or not folders:
            logger.warning("%s has no folders at %r: no package is official", config.official, config.official_path)
            return list(candidates.values())
        for name in filter(None, map(_package_name, folders)):
            candidate = candidates.setdefault(name, Candidate(name, []))
            candidate.official = True
            # First: it takes precedence if the package links to several of the repositories.
            candidate.repositories.insert(0, official)
    return list(candidates.values())


def _package_name(text: str) -> str | None:
    """The normalised package name of a repository or folder; None if no package can have it."""
    try:
        return normalise(text)
    except ImpossibleNameError:
        return None


async def _verify(candidate: Candidate, config: BuildConfig, lookups: Lookups) -> DiscoveredPackage | None:
    """The candidate as a package of the ecosystem; None if it does not belong to it."""
    project = await lookups.project(candidate.name)
    if project is None:
        return None
    linked = [name for name in map(repository_in_url, project.links.values()) if name is not None]
    official = config.official
    if candidate.official and official and official.owner.lower() in {name.owner.lower() for name in linked}:
        return DiscoveredPackage(candidate.name, project, candidate.repositories[0], official=True)
    repository = await _own_repository(candidate, project, linked, lookups)
    if repository in candidate.repositories or depends_on(project.dependencies, config.root_packages):
        return DiscoveredPackage(candidate.name, project, repository, official=False)
    return None


async def _own_repository(
    candidate: Candidate, project: Project, linked: Sequence[RepositoryName], lookups: Lookups
) -> Repository | None:
    """The candidate's repository that the project links to, or else the repository that the project names."""
    for repository in candidate.repositories:
        if repository.name in linked:
            return repository
    if project.repository is None:
        return None
    try:
        own = await lookups.repository(project.repository)
    except ABORTING_ERRORS:
        raise
    except DiscoveryError:
        return None
    # It may be one of the candidate's repositories under an old name, which links keep after a rename.
    return next((r for r in candidate.repositories if own and r.name == own.name), own)


def depends_on(requirements: Iterable[str], packages: frozenset[str]) -> bool:
    """Whether one of the requirements is for one of the packages, with any version, extra or marker."""
    return any(required_package(text) in packages for text in requirements)


def make_index(
    result: DiscoveryResult,
    downloads: Mapping[str, Popularity] | None,
    previous: Index | None,
    now: datetime,
    *,
    reuse_downloads: bool,
) -> Index:
    """The new index. Packages whose look-up failed keep their entries of the previous one.

    `downloads` is None if ClickHouse could not be asked: with `reuse_downloads`, those of the previous index stay.
    """
    source = previous if reuse_downloads and downloads is None else None
    entries = []
    for package in result.packages:
        popularity = downloads.get(package.name) if downloads is not None else None
        entry = make_entry(
            package.name, package.project, package.repository, popularity, official=package.official, now=now
        )
        old = source.get(package.name) if source else None
        entries.append(copy_downloads(old, entry) if old else entry)
    if previous is not None:
        entries += [entry for entry in map(previous.get, result.failed) if entry is not None]
    counted_at = now if downloads is not None else source.counted_at if source else None
    return Index(entries, built_at=now, counted_at=counted_at)
