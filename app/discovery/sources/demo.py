"""What PyPI and GitHub would say of the demo's packages: made up like their downloads, so that all can be seen without
a network and a token. Every text says so, and the repositories' owner does not exist."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from msgspec import structs

from app.discovery.sources.github import Document, Repository
from app.discovery.sources.github_limits import Quota
from app.discovery.sources.pypi import Project, Release
from app.discovery.sources.repository_names import RepositoryName

OWNER = "example-demo"
TOPICS = ("web", "data", "testing", "cloud", "cli", "parsing", "async", "typing")
LICENSES = ("MIT", "Apache-2.0", "BSD-3-Clause")
RELEASES = 6
MADE_UP = "This text is synthetic: it belongs to the demo, and says nothing of the real package."


class DemoGitHub:
    """A repository for each of the names, in every topic."""

    quota: Quota | None = None

    def __init__(self, downloads: Mapping[str, int], now: datetime) -> None:
        self._repositories = {_repository_name(name): _repository(name, downloads[name], now) for name in downloads}

    async def search(self, topic: str, pages: int, per_page: int) -> list[Repository]:
        """All repositories, as far as the pages reach."""
        found = list(self._repositories.values())[: pages * per_page]
        return [structs.replace(repository, topics=(topic, *repository.topics)) for repository in found]

    async def repository(self, name: RepositoryName) -> Repository | None:
        return self._repositories.get(name)

    async def readme(self, name: RepositoryName) -> Document | None:
        install = f"## Install\n\n```console\n$ pip install {name.name}\n```\n"
        return self._document(name, "README.md", f"# {name.name}\n\n{MADE_UP}\n\n{install}")

    async def changelog(self, name: RepositoryName) -> Document | None:
        parts = "".join(f"\n## 1.{minor}.0\n\n- A change.\n" for minor in reversed(range(RELEASES)))
        return self._document(name, "CHANGELOG.md", f"# Changelog of {name.name}\n\n{MADE_UP}\n{parts}")

    async def folders(self, name: RepositoryName, path: str) -> list[str]:  # noqa: ARG002
        """None: no package is official."""
        return []

    def _document(self, name: RepositoryName, path: str, content: str) -> Document | None:
        repository = self._repositories.get(name)
        return Document(path, content, f"{repository.html_url}/blob/main/{path}") if repository else None


class DemoPyPI:
    """A project for each of the names."""

    def __init__(self, downloads: Mapping[str, int], now: datetime) -> None:
        self._projects = {name: _project(name, now) for name in downloads}

    async def project(self, name: str) -> Project | None:
        return self._projects.get(name)


def _chance(name: str, below: int) -> int:
    """A number from 0 on that is always the same for a name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") % below


def _repository_name(name: str) -> RepositoryName:
    return RepositoryName(OWNER, name)


def _topics(name: str) -> tuple[str, ...]:
    first = _chance(name, len(TOPICS))
    return ("demo", *dict.fromkeys((TOPICS[first], TOPICS[(first * 3 + len(name)) % len(TOPICS)])))


def _repository(name: str, downloads: int, now: datetime) -> Repository:
    stars = round(downloads**0.5 * (1 + _chance(name, 100) / 50))
    return Repository(
        full_name=str(_repository_name(name)),
        description=f"{name}, as the demo has it",
        stars=stars,
        forks=stars // 6,
        open_issues=stars // 40,
        license=LICENSES[_chance(name, len(LICENSES))],
        archived=_chance(name, 40) == 0,
        topics=_topics(name),
        created_at=now - timedelta(days=1000 + _chance(name, 3000)),
        pushed_at=now - timedelta(days=_chance(name, 60)),
        homepage=None,
        html_url=f"https://github.com/{_repository_name(name)}",
    )


def _project(name: str, now: datetime) -> Project:
    newest = datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(days=1 + _chance(name, 90))
    releases = [
        Release(f"1.{minor}.0", newest - timedelta(days=60 * (RELEASES - 1 - minor)), yanked=False)
        for minor in range(RELEASES)
    ]
    repository = _repository_name(name)
    return Project(
        name=name,
        display_name=name,
        version=releases[-1].version,
        summary=f"Synthetic metadata of the demo, not the real {name}",
        license=LICENSES[_chance(name, len(LICENSES))],
        requires_python=">=3.11",
        keywords=("demo",),
        links={"source": f"https://github.com/{repository}"},
        project_url=None,
        dependencies=(),
        releases=releases,
        created_at=releases[0].uploaded_at,
        updated_at=releases[-1].uploaded_at,
        repository=repository,
    )
