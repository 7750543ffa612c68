"""What a maintainer would lose by dropping a wheel, a C library or a Python: the shares of the last month."""

from collections.abc import Mapping

import msgspec
from packaging.version import InvalidVersion, Version

from app.stats.dimensions import NULL_CATEGORY
from app.stats.profile import PackageShares, Part

SHOWN = 8
"""Rows of each table."""


class Target(msgspec.Struct, frozen=True):
    """Something to build for, and the shares of downloads (0 to 1) without mirrors that need it and, of a C library,
    that have an older one: they are lost if it is required."""

    category: str
    share: float
    older: float = 0.0


class BuildTargets(msgspec.Struct, frozen=True):
    """Platforms of wheels by share; versions of glibc and of Python, oldest first. Each is empty if it is not known."""

    platforms: list[Target]
    libcs: list[Target]
    pythons: list[Target]

    @property
    def is_known(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.platforms or self.libcs)


def build_targets(profile: PackageShares, pythons: Mapping[str, Part]) -> BuildTargets:
    """What to build for, by a profile and by the parts of `python_minor`."""
    platforms, libcs = (profile.shares[name] for name in ("platform", "libc"))
    found = [Target(name, part.share) for name, part in (platforms.categories if platforms else {}).items()]
    return BuildTargets(
        [target for target in found if target.category != NULL_CATEGORY][:SHOWN],
        _libcs(libcs.categories if libcs else {}),
        _pythons(pythons),
    )


def _libcs(parts: Mapping[str, Part]) -> list[Target]:
    """The versions of glibc with the largest shares, oldest first."""
    versions = {name: version for name in parts if (version := _version(name.removeprefix("glibc "), name))}
    targets, older = [], 0.0
    for name in sorted(versions, key=versions.__getitem__):
        targets.append(Target(name, parts[name].share, older))
        older += parts[name].share
    return _largest(targets)


def _pythons(parts: Mapping[str, Part]) -> list[Target]:
    versions = {name: version for name in parts if (version := _version(name))}
    return _largest([Target(name, parts[name].share) for name in sorted(versions, key=versions.__getitem__)])


def _largest(targets: list[Target]) -> list[Target]:
    """Those with the largest shares, in their order."""
    largest = sorted(targets, key=lambda target: -target.share)[:SHOWN]
    return [target for target in targets if target in largest]


def _version(text: str, unlike: str = "") -> Version | None:
    """A version; None for what is none, or is `unlike`."""
    try:
        return None if text == unlike else Version(text)
    except InvalidVersion:
        return None
