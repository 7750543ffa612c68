"""The entry of a package in the index and in the package endpoints, and the rules of its flags. Pure functions."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from app.discovery.sources.github import Repository
from app.discovery.sources.pypi import Project
from app.stats.questions import Popularity
from app.windows import TREND_WEEKS

NEW_AGE = timedelta(days=30)
ACTIVE_AGE = timedelta(days=180)
VERIFIED_MIN_DOWNLOADS = 100
VERIFIED_MIN_SUMMARY = 30
TREND_MIN_DOWNLOADS = 100


UtcTime = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone: others cannot be compared with the clock."""


class GitHubMetadata(msgspec.Struct, frozen=True):
    """What GitHub reports about a package's repository."""

    repository: str
    stars: int
    forks: int
    open_issues: int
    archived: bool
    pushed_at: UtcTime | None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A package. None: no value, or its source was not available (see `Package.unavailable`)."""

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
    created_at: UtcTime | None = None
    updated_at: UtcTime | None = None
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
    """The entry of a package from PyPI, GitHub and ClickHouse. None: the source has nothing, or was not available."""
    downloads = popularity.downloads if popularity else None
    trending = trend(popularity) if popularity else UNSET
    if project is None:
        return Entry(
            name=name, display_name=name, downloads=downloads, trend=trending, official=official, verified=official
        )
    license_ = package_license(project, repository)
    return Entry(
        name=name,
        display_name=project.display_name,
        version=project.version,
        summary=project.summary,
        license=license_,
        requires_python=project.requires_python,
        keywords=project.keywords,
        topics=repository.topics if repository else (),
        links=project.links,
        github=_github_metadata(repository) if repository else None,
        downloads=downloads,
        trend=trending,
        created_at=project.created_at,
        updated_at=project.updated_at,
        dependencies=project.dependencies,
        official=official,
        new=is_new(project, now),
        verified=official or is_verified(project, repository, popularity, license_, now),
    )


def copy_downloads(previous: Entry, entry: Entry) -> Entry:
    """The entry with the downloads of the package's previous one, and what follows from them."""
    return msgspec.structs.replace(
        entry, downloads=previous.downloads, trend=previous.trend, verified=entry.verified or previous.verified
    )


def package_license(project: Project, repository: Repository | None) -> str | None:
    """The license that PyPI states, or else the one that GitHub detected."""
    return project.license or (repository.license if repository else None)


def is_new(project: Project, now: datetime) -> bool:
    """Whether the first upload is within the last 30 days."""
    return project.created_at is not None and now - project.created_at <= NEW_AGE


def is_verified(
    project: Project, repository: Repository | None, popularity: Popularity | None, license_: str | None, now: datetime
) -> bool:
    """Whether a package that is not official is maintained, described and used."""
    active = [project.updated_at, repository.pushed_at if repository else None]
    return (
        any(not release.yanked for release in project.releases)
        and popularity is not None
        and popularity.last_month > VERIFIED_MIN_DOWNLOADS
        and any(at is not None and now - at <= ACTIVE_AGE for at in active)
        and bool(license_)
        and len(project.summary or "") >= VERIFIED_MIN_SUMMARY
        and bool(project.keywords or (repository and repository.topics))
    )


def trend(popularity: Popularity) -> float | UnsetType:
    """Downloads of the last 7 days, divided by the weekly mean of the 28 days before; 1.0 is steady.

    UNSET if the package has too few downloads, or none in those 28 days.
    """
    if popularity.downloads < TREND_MIN_DOWNLOADS or not popularity.before:
        return UNSET
    return round(popularity.last_week * TREND_WEEKS / popularity.before, 2)


def _github_metadata(repository: Repository) -> GitHubMetadata:
    return GitHubMetadata(
        repository=repository.full_name,
        stars=repository.stars,
        forks=repository.forks,
        open_issues=repository.open_issues,
        archived=repository.archived,
        pushed_at=repository.pushed_at,
    )
