"""What a store holds that is filled from a source package by package, and what readers need of the source."""

from collections.abc import Mapping

import msgspec

CUT_AT = 100
"""Packages that a search finds at most."""


class Followed(msgspec.Struct, frozen=True):
    """The packages of such a store.

    `incomplete` are dimensions of packages that have not been fetched yet; `unknown` are names that the source did not
    have when it was asked within the last day.
    """

    packages: frozenset[str]
    incomplete: Mapping[str, frozenset[str]]
    unknown: frozenset[str]


class PackagesNeed(msgspec.Struct, frozen=True):
    """Packages that are not followed yet."""

    packages: tuple[str, ...]


class DimensionNeed(msgspec.Struct, frozen=True):
    """A dimension of a followed package that has not been fetched yet."""

    package: str
    dimension: str


class RankingNeed(msgspec.Struct, frozen=True):
    """A ranking of all packages of the source; of those whose name starts with `prefix`, if it is not empty."""

    prefix: str = ""

    @property
    def kind(self) -> str:
        """The name of the ranking in the store."""
        return f"search {self.prefix}" if self.prefix else "top"

    @property
    def wider(self) -> list[str]:
        """The names of the rankings of shorter prefixes."""
        return [RankingNeed(self.prefix[:length]).kind for length in range(1, len(self.prefix))]


Need = PackagesNeed | DimensionNeed | RankingNeed


class NotFetchedError(LookupError):
    """A question needs what the store has not got from its source yet."""

    def __init__(self, need: Need) -> None:
        super().__init__("not fetched")
        self.need = need
