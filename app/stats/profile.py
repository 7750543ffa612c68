"""What the downloads of a package were in the last month: shares of the dimensions that inputs may lack."""

from collections import defaultdict
from collections.abc import Mapping

import msgspec
from packaging.version import InvalidVersion, Version

from app.stats.questions import require, require_known
from app.warehouse.dimensions import CI, COUNTED_WHERE_KNOWN
from app.warehouse.reading.snapshot import Snapshot
from app.windows import Window, last_period

PEOPLE = "installer"
"""The origin that is nearest to people: installations outside CI."""


class Part(msgspec.Struct, frozen=True):
    """Downloads, and their share (0 to 1) of all that the dimension counts."""

    downloads: int
    share: float


class Shares(msgspec.Struct, frozen=True):
    """The parts of a dimension by category, largest first; `days` are those of the window on which it is loaded."""

    days: int
    categories: dict[str, Part]


class ReleaseAdoption(msgspec.Struct, frozen=True):
    """The newest release that was downloaded, pre-releases aside, and its part of the downloads without mirrors."""

    version: str
    downloads: int
    share: float


class PackageShares(msgspec.Struct, frozen=True):
    """Shares over a window. What is not loaded on any day of it is None.

    `people` are installations outside CI, of all downloads; without `tells_ci`, CI is among them.
    """

    window: Window
    people: Part | None
    tells_ci: bool
    newest_release: ReleaseAdoption | None
    shares: dict[str, Shares | None]


async def profile(snapshot: Snapshot, package: str) -> PackageShares:
    """The profile over the last month. Raises UnknownPackageError."""
    require(snapshot, [package])
    window = last_period(snapshot.newest_day, "month")
    dimensions = [name for name in COUNTED_WHERE_KNOWN if _days(snapshot, name, window)]
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for row in await snapshot.tables.totals(snapshot.published, package, ["overall", "version", *dimensions], window):
        counts[row.dimension][row.category] = row.downloads
    if not counts["overall"]:
        await require_known(snapshot, package)
    shares: dict[str, Shares | None] = dict.fromkeys(COUNTED_WHERE_KNOWN)
    for name in dimensions:
        shares[name] = Shares(_days(snapshot, name, window), parts(counts[name]))
    origin = shares["origin"]
    return PackageShares(
        window,
        None if origin is None else origin.categories.get(PEOPLE, Part(0, 0.0)),
        bool(_days(snapshot, CI, window)),
        _newest_release(parts(counts["version"])),
        shares,
    )


def parts(counts: Mapping[str, int]) -> dict[str, Part]:
    """The parts of a dimension, largest first."""
    total = sum(counts.values())
    return {
        category: Part(downloads, downloads / total)
        for category, downloads in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    }


def _days(snapshot: Snapshot, dimension: str, window: Window) -> int:
    """The number of days of a window on which a dimension is loaded."""
    return sum(window.start <= day <= window.end for day in snapshot.published.days_of(dimension))


def _newest_release(releases: Mapping[str, Part]) -> ReleaseAdoption | None:
    versions = {}
    for text in releases:
        try:
            version = Version(text)
        except InvalidVersion:
            continue
        if not version.is_prerelease:
            versions[version] = text
    if not versions:
        return None
    newest = versions[max(versions)]
    return ReleaseAdoption(newest, releases[newest].downloads, releases[newest].share)
