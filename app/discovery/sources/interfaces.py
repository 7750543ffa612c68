"""What discovery asks of PyPI and of GitHub: their clients do it over HTTP, and the demo's make it up."""

from typing import Protocol

from app.discovery.sources.github import Document, Repository
from app.discovery.sources.github_limits import Quota
from app.discovery.sources.pypi import Project
from app.discovery.sources.repository_names import RepositoryName


class Projects(Protocol):
    """PyPI. Raises DiscoveryError."""

    async def project(self, name: str) -> Project | None: ...


class Repositories(Protocol):
    """GitHub. Raises DiscoveryError."""

    @property
    def quota(self) -> Quota | None: ...

    async def search(self, topic: str, pages: int, per_page: int) -> list[Repository]: ...

    async def repository(self, name: RepositoryName) -> Repository | None: ...

    async def readme(self, name: RepositoryName) -> Document | None: ...

    async def changelog(self, name: RepositoryName) -> Document | None: ...

    async def folders(self, name: RepositoryName, path: str) -> list[str]: ...
