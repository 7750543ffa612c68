"""All that is known of one package, put together from every source that could be asked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from app.discovery.index.entries import Entry, make_entry, with_counts_of
from app.discovery.index.search import Index
from app.discovery.lookups import About
from app.discovery.sources.pypi import Release
from app.stats.questions import Popularity, Recent, RecentQuestion, popularity, recent
from app.warehouse.reading.snapshot import Snapshot

Unavailable = Literal["pypi", "github", "clickhouse"]


class PackageQuestion(msgspec.Struct, frozen=True):
    """What is known of a package from PyPI, GitHub and the index, and when that is; its downloads are still to ask."""

    name: str
    about: About
    index: Index | None
    download_days: int
    now: datetime


class Downloads(msgspec.Struct, frozen=True):
    """What ClickHouse says of a package; `recent` None: it does not know it."""

    recent: Recent | None = None
    popularity: Popularity | None = None


class PackageEntry(Entry, frozen=True, kw_only=True):
    """An entry, with what only the answer about one package has."""

    recent: Recent | None
    versions: Sequence[Release] | None


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A package; `unavailable` names the sources that could not be asked, and so have nothing in it."""

    type: str = "package"
    package: str
    data: PackageEntry
    unavailable: Sequence[Unavailable]


async def downloads_of(snapshot: Snapshot, question: PackageQuestion) -> Downloads:
    """A package's downloads. Raises WarehouseError and NothingLoadedError."""
    found = await recent(snapshot, RecentQuestion((question.name,)))
    if found.unknown:
        return Downloads()
    counts = await popularity(snapshot, [question.name], question.download_days)
    return Downloads(found.by_package[question.name], counts[question.name])


def package_of(question: PackageQuestion, downloads: Downloads | None) -> Package | None:
    """The package; None where no source that could be asked knows it. `downloads` None: ClickHouse could not be."""
    about, name = question.about, question.name
    indexed = question.index.get(name) if question.index else None
    if about.project is None and indexed is None and (downloads is None or downloads.recent is None):
        return None
    missing: list[Unavailable] = list(about.unavailable)
    counts = downloads.popularity if downloads else None
    official = indexed is not None and indexed.official
    entry = make_entry(name, about.project, about.repository, counts, official=official, now=question.now)
    if indexed is not None:
        entry, missing = _completed(entry, indexed, about, missing)
        if downloads is None:
            entry = with_counts_of(indexed, entry)
    if downloads is None:
        missing.append("clickhouse")
    entry = PackageEntry(
        **msgspec.structs.asdict(entry),
        recent=downloads.recent if downloads else None,
        versions=None if "pypi" in missing else about.project.releases if about.project else (),
    )
    return Package(package=name, data=entry, unavailable=missing)


def _completed(
    entry: Entry, indexed: Entry, about: About, missing: Sequence[Unavailable]
) -> tuple[Entry, list[Unavailable]]:
    """The entry with what the index remembers of sources that could not be asked; and what is missing all the same."""
    if about.project is None and "pypi" in missing:
        return indexed, [source for source in missing if source != "github"]
    if about.repository is None and "github" in missing and indexed.github:
        remembered = msgspec.structs.replace(entry, github=indexed.github, topics=indexed.topics)
        return remembered, [source for source in missing if source != "github"]
    return entry, list(missing)
