"""A build of the index: which packages belong to the ecosystem, and what is known of each.

A repository that GitHub finds is the package of its name, if that project's own links point back to the repository or
it depends on the ecosystem's root package. A name alone proves nothing: anybody may take it on PyPI.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from app.discovery.index.entries import copy_downloads, make_entry
from app.discovery.index.search import Index
from app.discovery.sources.errors import BadTokenError, DiscoveryError, RateLimitedError, SourceUnavailableError
from app.discovery.sources.github import GitHub, Repository
from app.discovery.sources.lookups import Lookups
from app.discovery.sources.pypi import Project
from app.discovery.sources.repository_names import RepositoryName, repository_in_url
from app.names import ImpossibleNameError, normalise
from app.stats.questions import Popularity

NOTHING_MORE = (RateLimitedError, BadTokenError)
"""Errors after which asking for the next package is of no use."""

logger = logging.getLogger(__name__)


class BuildConfig(msgspec.Struct, frozen=True):
    """What to look for."""

    topics: Sequence[str]
    pages: int
    per_page: int
    official: RepositoryName | None
    official_path: str

    @property
    def roots(self) -> frozenset[str]:
        """The packages on which an ecosystem rests: a topic is called as its package is."""
        return frozenset(canonicalize_name(topic) for topic in self.topics)


class Candidate(msgspec.Struct):
    """A name that may be a package of the ecosystem, and the repositories that may be its."""

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
    """The packages of the ecosystem; and the names of which it could not be said."""

    members: Sequence[DiscoveredPackage]
    unknown: Sequence[str]


async def discover_packages(plan: BuildConfig, github: GitHub, lookups: Lookups) -> DiscoveryResult:
    """The packages of the ecosystem. Raises DiscoveryError where too little could be asked."""
    candidates = await _candidates(plan, github, lookups)
    results = await asyncio.gather(
        *(_member(candidate, plan, lookups) for candidate in candidates), return_exceptions=True
    )
    members, unknown = [], []
    for candidate, result in zip(candidates, results, strict=True):
        if isinstance(result, DiscoveryError) and not isinstance(result, NOTHING_MORE):
            unknown.append(candidate.name)
        elif isinstance(result, BaseException):
            raise result
        elif result is not None:
            members.append(result)
    if len(unknown) * 2 > len(candidates):
        raise SourceUnavailableError(f"{len(unknown)} of {len(candidates)} packages could not be looked up")
    return DiscoveryResult(members, unknown)


async def _candidates(plan: BuildConfig, github: GitHub, lookups: Lookups) -> list[Candidate]:
    """What the search finds, and the folders of the official repository."""
    found: dict[str, Candidate] = {}
    for topic in plan.topics:
        for repository in await github.search(topic, plan.pages, plan.per_page):
            lookups.repositories.put(RepositoryName.parse(repository.full_name), repository)
            name = _package_name(repository.full_name.partition("/")[2])
            if name is not None:
                candidate = found.setdefault(name, Candidate(name, []))
                if repository.full_name not in {r.full_name for r in candidate.repositories}:
                    candidate.repositories.append(repository)
    if plan.official is not None:
        official = await lookups.repositories.get(plan.official)
        folders = await github.folders(plan.official, plan.official_path)
        if official is None or not folders:
            logger.warning("%s has no folders at %r: no package is official", plan.official, plan.official_path)
            return list(found.values())
        for name in filter(None, map(_package_name, folders)):
            candidate = found.setdefault(name, Candidate(name, []))
            candidate.official = True
            # First: where links point to both, it is the official one.
            candidate.repositories.insert(0, official)
    return list(found.values())


def _package_name(text: str) -> str | None:
    """The package that a repository or folder may be; None where no package can have that name."""
    try:
        return normalise(text)
    except ImpossibleNameError:
        return None


async def _member(candidate: Candidate, plan: BuildConfig, lookups: Lookups) -> DiscoveredPackage | None:
    """The candidate as a package of the ecosystem; None if it is none."""
    project = await lookups.projects.get(candidate.name)
    if project is None:
        return None
    linked = _linked(project)
    if candidate.official and plan.official and plan.official.owner.lower() in {name.owner.lower() for name in linked}:
        return DiscoveredPackage(candidate.name, project, candidate.repositories[0], official=True)
    own = await _own_repository(candidate, project, linked, lookups)
    if own in candidate.repositories or depends_on(project.dependencies, plan.roots):
        return DiscoveredPackage(candidate.name, project, own, official=False)
    return None


def _linked(project: Project) -> list[RepositoryName]:
    """The repositories that a project's own links point to."""
    found = map(repository_in_url, project.links.values())
    return [name for name in found if name is not None]


async def _own_repository(
    candidate: Candidate, project: Project, linked: Iterable[RepositoryName], lookups: Lookups
) -> Repository | None:
    """The candidate's repository that the project points to; else the one that it says is its own."""
    names = {str(name).lower() for name in linked}
    for repository in candidate.repositories:
        if repository.full_name.lower() in names:
            return repository
    if project.repository is None:
        return None
    try:
        own = await lookups.repositories.get(project.repository)
    except NOTHING_MORE:
        raise
    except DiscoveryError:
        return None
    # It may be one of the candidate's by now: links keep the name from before a repository was renamed.
    same = (r for r in candidate.repositories if own and r.full_name.lower() == own.full_name.lower())
    return next(same, own)


def depends_on(requirements: Iterable[str], packages: frozenset[str]) -> bool:
    """Whether one of the requirements is one of the packages, whatever version, extra or marker it has."""
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) in packages:
            return True
    return False


def make_index(
    found: DiscoveryResult,
    downloads: Mapping[str, Popularity] | None,
    previous: Index | None,
    now: datetime,
    keep_counts: bool,
) -> Index:
    """The new index. What could not be asked this time is as in the previous one.

    `keep_counts` says whether the previous index's downloads may stand in where there are none.
    """
    entries = []
    for member in found.members:
        entry = make_entry(
            member.name,
            member.project,
            member.repository,
            downloads[member.name] if downloads is not None else None,
            official=member.official,
            now=now,
        )
        before = previous.get(member.name) if previous and keep_counts and downloads is None else None
        entries.append(copy_downloads(before, entry) if before else entry)
    if previous is not None:
        entries += [entry for entry in map(previous.get, found.unknown) if entry is not None]
    counted_at = now if downloads is not None else previous.counted_at if previous and keep_counts else None
    return Index(entries, built_at=now, counted_at=counted_at)
