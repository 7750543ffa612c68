"""Cached look-ups of one package at PyPI and GitHub. A source that cannot be asked does not hide what the other has."""

import asyncio
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Literal, TypeVar

import msgspec

from app.discovery.sources.errors import DiscoveryError
from app.discovery.sources.github import Document, Repository
from app.discovery.sources.interfaces import Projects, Repositories
from app.discovery.sources.lookup_cache import LookupCache
from app.discovery.sources.pypi import Project
from app.discovery.sources.repository_names import RepositoryName
from app.names import ALL_PACKAGES

MAX_ENTRIES = 10_000
MAX_BYTES = 16 << 20
"""Limits of each cache, in values and in bytes of their JSON: clients choose the names, and a README may be long."""

Source = Literal["pypi", "github"]
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class PackageMetadata(msgspec.Struct, frozen=True, eq=False):
    """A package's project on PyPI and its repository. `unavailable` names the sources without a current value here.

    Equal if it holds the same objects, so that answers can be cached by it.
    """

    project: Project | None = None
    repository: Repository | None = None
    unavailable: tuple[Source, ...] = ()

    def _identity(self) -> tuple[int, int, tuple[Source, ...]]:
        return id(self.project), id(self.repository), self.unavailable

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PackageMetadata) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())


class GitHubOffError(DiscoveryError):
    """GitHub is not asked, because GITHUB_TOKEN is not set."""


class Lookups:
    """PyPI's projects, GitHub's repositories and their documents, each cached for `lifetime`.

    That something does not exist is cached for `negative_lifetime`. All look-ups raise DiscoveryError.
    """

    def __init__(
        self,
        pypi: Projects,
        github: Repositories | None,
        *,
        lifetime: timedelta,
        negative_lifetime: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        def cache() -> LookupCache[Key, Value]:
            return LookupCache(
                lifetime=lifetime,
                negative_lifetime=negative_lifetime,
                max_entries=MAX_ENTRIES,
                max_bytes=MAX_BYTES,
                size_of=lambda value: len(msgspec.json.encode(value)),
                now=now,
            )

        self.github = github
        self._pypi = pypi
        self._projects: LookupCache[str, Project] = cache()
        self._repositories: LookupCache[RepositoryName, Repository] = cache()
        self._readmes: LookupCache[RepositoryName, Document] = cache()
        self._changelogs: LookupCache[RepositoryName, Document] = cache()

    def _required_github(self) -> Repositories:
        if self.github is None:
            raise GitHubOffError("GitHub is not asked without GITHUB_TOKEN")
        return self.github

    async def project(self, name: str) -> Project | None:
        """The project of a normalised name; None if it does not exist."""
        return await self._projects.get(name, self._pypi.project)

    async def repository(self, name: RepositoryName) -> Repository | None:
        """A repository; None if it does not exist."""
        return await self._repositories.get(name, self._required_github().repository)

    def add_repository(self, repository: Repository) -> None:
        """Cache a repository that a search returned."""
        self._repositories.put(repository.name, repository)

    async def readme(self, name: RepositoryName) -> Document | None:
        """The README of a repository; None if there is none."""
        return await self._readmes.get(name, self._required_github().readme)

    async def changelog(self, name: RepositoryName) -> Document | None:
        """The changelog of a repository; None if there is none."""
        return await self._changelogs.get(name, self._required_github().changelog)

    async def metadata(self, name: str) -> PackageMetadata:
        """The metadata of a package, however long the look-ups take."""
        if name == ALL_PACKAGES:
            return PackageMetadata()
        try:
            project = await self.project(name)
        except DiscoveryError:
            return PackageMetadata(unavailable=("pypi", "github"))
        if project is None or project.repository is None:
            return PackageMetadata(project)
        try:
            return PackageMetadata(project, await self.repository(project.repository))
        except DiscoveryError:
            return PackageMetadata(project, unavailable=("github",))

    def cached_metadata(self, name: str) -> PackageMetadata:
        """The metadata in the cache, without a look-up. Sources whose value is missing or expired are `unavailable`."""
        if name == ALL_PACKAGES:
            return PackageMetadata()
        project = self._projects.peek(name)
        unavailable: tuple[Source, ...] = () if self._projects.is_fresh(name) else ("pypi",)
        if project is None or project.repository is None:
            return PackageMetadata(project, unavailable=unavailable)
        if not self._repositories.is_fresh(project.repository):
            unavailable = (*unavailable, "github")
        return PackageMetadata(project, self._repositories.peek(project.repository), unavailable)

    async def close(self) -> None:
        await asyncio.gather(
            self._projects.close(), self._repositories.close(), self._readmes.close(), self._changelogs.close()
        )
