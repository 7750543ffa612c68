"""What the index and the package endpoints say of a package, and the rules of its flags. Pure functions."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import UNSET, UnsetType

from app.discovery.sources.github import Repository
from app.discovery.sources.pypi import Project
from app.stats.questions import Popularity
from app.windows import TREND_WEEKS

NEW_FOR = timedelta(days=30)
ACTIVE_FOR = timedelta(days=180)
VERIFIED_DOWNLOADS = 100
VERIFIED_SUMMARY = 30
TREND_DOWNLOADS = 100


class GitHubMetadata(msgspec.Struct, frozen=True):
    """What GitHub knows of a package's repository."""

    repository: str
    stars: int
    forks: int
    open_issues: int
    archived: bool
    pushed_at: datetime | None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A package. None: there is none, or it could not be had; a package's `unavailable` tells which."""

    name: str
    display_name: str
    version: str | None = None
    summary: str | None = None
    license: str | None = None
    requires_python: str | None = None
    keywords: Sequence[str] = ()
    topics: Sequence[str] = ()
    links: Mapping[str, str] = {}
    github: GitHubMetadata | None = None
    downloads: int | None = None
    trend: float | UnsetType = UNSET
    created_at: datetime | None = None
    updated_at: datetime | None = None
    dependencies: Sequence[str] = ()
    official: bool = False
    new: bool = False
    verified: bool = False


def make_entry(
    name: str,
    project: Project | None,
    repository: Repository | None,
    popularity: Popularity | None,
    *,
    official: bool,
    now: datetime,
) -> Entry:
    """The entry of a package from what PyPI, GitHub and ClickHouse say of it, each of which may have nothing."""
    downloads = popularity.downloads if popularity else None
    trending = trend(popularity) if popularity else UNSET
    github, topics = _of_repository(repository)
    if project is None:
        return Entry(
            name=name, display_name=name, downloads=downloads, trend=trending, official=official, verified=official
        )
    licence = package_license(project, repository)
    return Entry(
        name=name,
        display_name=project.display_name,
        version=project.version,
        summary=project.summary,
        license=licence,
        requires_python=project.requires_python,
        keywords=project.keywords,
        topics=topics,
        links=project.links,
        github=github,
        downloads=downloads,
        trend=trending,
        created_at=project.created_at,
        updated_at=project.updated_at,
        dependencies=project.dependencies,
        official=official,
        new=is_new(project, now),
        verified=official or is_verified(project, repository, popularity, licence, now),
    )


def copy_downloads(older: Entry, entry: Entry) -> Entry:
    """An entry without downloads, with those that an older one of the same package has."""
    return msgspec.structs.replace(
        entry, downloads=older.downloads, trend=older.trend, verified=entry.verified or older.verified
    )


def package_license(project: Project, repository: Repository | None) -> str | None:
    """What PyPI says, or else what GitHub has made out."""
    return project.license or (repository.license if repository else None)


def is_new(project: Project, now: datetime) -> bool:
    """Whether the first upload is within the last 30 days."""
    return project.created_at is not None and now - project.created_at <= NEW_FOR


def is_verified(
    project: Project, repository: Repository | None, popularity: Popularity | None, licence: str | None, now: datetime
) -> bool:
    """Whether a package that is not official shows every sign of being a live one."""
    active = [project.updated_at, repository.pushed_at if repository else None]
    return (
        any(not release.yanked for release in project.releases)
        and popularity is not None
        and popularity.last_month > VERIFIED_DOWNLOADS
        and any(at is not None and now - at <= ACTIVE_FOR for at in active)
        and bool(licence)
        and len(project.summary or "") >= VERIFIED_SUMMARY
        and bool(project.keywords or (repository and repository.topics))
    )


def trend(popularity: Popularity) -> float | UnsetType:
    """Downloads of the last 7 days over the mean week of the 28 days before; 1.0 is steady.

    Absent where there are too few downloads to say, or none in those 28 days.
    """
    if popularity.downloads < TREND_DOWNLOADS or not popularity.before:
        return UNSET
    return round(popularity.last_week * TREND_WEEKS / popularity.before, 2)


def _of_repository(repository: Repository | None) -> tuple[GitHubMetadata | None, Sequence[str]]:
    if repository is None:
        return None, ()
    return (
        GitHubMetadata(
            repository=repository.full_name,
            stars=repository.stars,
            forks=repository.forks,
            open_issues=repository.open_issues,
            archived=repository.archived,
            pushed_at=repository.pushed_at,
        ),
        repository.topics,
    )
