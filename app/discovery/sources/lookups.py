"""What PyPI and GitHub say of one package, looked up once in a while.

What one source has is answered while the other is away; what could not be had is named.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Literal, TypeVar

import msgspec

from app.discovery.sources.errors import DiscoveryError
from app.discovery.sources.github import Document, GitHub, Repository
from app.discovery.sources.lookup_cache import LookupCache
from app.discovery.sources.pypi import Project, PyPI
from app.discovery.sources.repository_names import RepositoryName
from app.names import ALL_PACKAGES
from app.settings import Settings

MOST_KEPT = 10_000
MOST_BYTES = 16 << 20
"""Finds of each kind at most, and what they may take as JSON: strangers think up names, and a README may be long."""

Source = Literal["pypi", "github"]
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class PackageMetadata(msgspec.Struct, frozen=True, eq=False):
    """What is known of a package. A source that could not be asked is in `unavailable`, and has nothing here.

    Equal where it is made of the very same finds, so that answers can be kept by it.
    """

    project: Project | None = None
    repository: Repository | None = None
    unavailable: tuple[Source, ...] = ()

    def _parts(self) -> tuple[int, int, tuple[Source, ...]]:
        return id(self.project), id(self.repository), self.unavailable

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PackageMetadata) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())


class GitHubOffError(DiscoveryError):
    """GitHub is not asked, because GITHUB_TOKEN is not set."""


class Lookups:
    """PyPI's projects by normalised name; GitHub's repositories and their documents by theirs."""

    def __init__(self, pypi: PyPI, github: GitHub | None, settings: Settings) -> None:
        def kept(look_up: Callable[[Key], Awaitable[Value | None]]) -> LookupCache[Key, Value]:
            return LookupCache(
                look_up,
                max_entries=MOST_KEPT,
                max_bytes=MOST_BYTES,
                size_of=lambda value: len(msgspec.json.encode(value)),
                seconds=settings.cache_ttl_discovery,
                none_seconds=settings.cache_ttl_seconds,
            )

        def of_github(
            look_up: Callable[[GitHub, RepositoryName], Awaitable[Value | None]],
        ) -> LookupCache[RepositoryName, Value]:
            async def ask(name: RepositoryName) -> Value | None:
                if github is None:
                    raise GitHubOffError("GitHub is not asked without GITHUB_TOKEN")
                return await look_up(github, name)

            return kept(ask)

        self.has_github = github is not None
        self.projects: LookupCache[str, Project] = kept(pypi.project)
        self.repositories: LookupCache[RepositoryName, Repository] = of_github(GitHub.repository)
        self.readmes: LookupCache[RepositoryName, Document] = of_github(GitHub.readme)
        self.changelogs: LookupCache[RepositoryName, Document] = of_github(GitHub.changelog)

    async def about(self, name: str) -> PackageMetadata:
        """All that can be had of a package, however long it takes."""
        if name == ALL_PACKAGES:
            return PackageMetadata()
        try:
            project = await self.projects.get(name)
        except DiscoveryError:
            return PackageMetadata(unavailable=("pypi", "github"))
        if project is None or project.repository is None:
            return PackageMetadata(project)
        try:
            return PackageMetadata(project, await self.repositories.get(project.repository))
        except DiscoveryError:
            return PackageMetadata(project, unavailable=("github",))

    def about_now(self, name: str) -> PackageMetadata:
        """What is there of a package without asking anybody. What is missing or old is in `unavailable`."""
        if name == ALL_PACKAGES:
            return PackageMetadata()
        project = self.projects.peek(name)
        missing: tuple[Source, ...] = () if self.projects.has(name) else ("pypi",)
        if project is None or project.repository is None:
            return PackageMetadata(project, unavailable=missing)
        if not self.repositories.has(project.repository):
            missing = (*missing, "github")
        return PackageMetadata(project, self.repositories.peek(project.repository), missing)

    async def close(self) -> None:
        """End the look-ups that are under way."""
        await asyncio.gather(
            self.projects.close(), self.repositories.close(), self.readmes.close(), self.changelogs.close()
        )
