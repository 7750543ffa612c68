"""Answers about one package, combined from the sources that are available."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from app.discovery.index.entries import Entry, copy_downloads, make_entry, package_license
from app.discovery.index.search import Index
from app.discovery.sources.lookups import PackageMetadata
from app.discovery.sources.pypi import Release
from app.stats.questions import Popularity, RecentCounts, RecentQuestion, popularity, recent
from app.warehouse.reading.snapshot import Snapshot

Unavailable = Literal["pypi", "github", "clickhouse"]


class PackageQuestion(msgspec.Struct, frozen=True):
    """What PyPI, GitHub and the index have of a package at `now`. Its downloads are asked from ClickHouse."""

    name: str
    metadata: PackageMetadata
    index: Index | None
    download_days: int
    now: datetime


class PackageDownloads(msgspec.Struct, frozen=True):
    """A package's downloads; None if none have been loaded."""

    recent: RecentCounts | None = None
    popularity: Popularity | None = None


class PackageDetails(Entry, frozen=True, kw_only=True):
    """An entry, with what only the answer about one package contains."""

    recent: RecentCounts | None
    versions: Sequence[Release] | None


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A package; `unavailable` names the sources that could not be asked and whose data are missing."""

    type: Literal["package"] = "package"
    package: str
    data: PackageDetails
    unavailable: Sequence[Unavailable]


async def package_downloads(snapshot: Snapshot, question: PackageQuestion) -> PackageDownloads:
    """A package's downloads. Raises WarehouseError and NothingLoadedError."""
    found = await recent(snapshot, RecentQuestion((question.name,)))
    if found.unknown:
        return PackageDownloads()
    counts = await popularity(snapshot, [question.name], question.download_days)
    return PackageDownloads(found.by_package[question.name], counts[question.name])


def make_package(question: PackageQuestion, downloads: PackageDownloads | None) -> Package | None:
    """The package; None if no available source knows it. `downloads` is None if ClickHouse could not be asked."""
    metadata, name = question.metadata, question.name
    indexed = question.index.get(name) if question.index else None
    if metadata.project is None and indexed is None and (downloads is None or downloads.recent is None):
        return None
    unavailable: list[Unavailable] = list(metadata.unavailable)
    counts = downloads.popularity if downloads else None
    official = indexed is not None and indexed.official
    entry = make_entry(name, metadata.project, metadata.repository, counts, official=official, now=question.now)
    if indexed is not None:
        if metadata.project is None and "pypi" in unavailable:
            entry = indexed
            unavailable = ["pypi"]
        elif metadata.repository is None and "github" in unavailable and indexed.github:
            entry = msgspec.structs.replace(entry, github=indexed.github, topics=indexed.topics)
            unavailable.remove("github")
        if downloads is None:
            entry = copy_downloads(indexed, entry)
    if downloads is None:
        unavailable.append("clickhouse")
    entry = PackageDetails(
        **msgspec.structs.asdict(entry),
        recent=downloads.recent if downloads else None,
        versions=None if "pypi" in unavailable else metadata.project.releases if metadata.project else (),
    )
    return Package(package=name, data=entry, unavailable=unavailable)


class SummaryMetadata(msgspec.Struct, frozen=True):
    """The metadata in a package's summary; `github_stars` is None without a repository or an answer from GitHub."""

    version: str | None
    summary: str | None
    license: str | None
    requires_python: str | None
    links: Mapping[str, str]
    github_stars: int | None


def summary_metadata(metadata: PackageMetadata) -> SummaryMetadata | None:
    """The metadata of a package; None if it is not on PyPI, or PyPI could not be asked."""
    project, repository = metadata.project, metadata.repository
    if project is None:
        return None
    return SummaryMetadata(
        version=project.version,
        summary=project.summary,
        license=package_license(project, repository),
        requires_python=project.requires_python,
        links=project.links,
        github_stars=repository.stars if repository else None,
    )
