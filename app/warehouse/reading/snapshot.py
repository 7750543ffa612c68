"""What readers see of the store at one moment."""

from collections.abc import Sequence
from datetime import date

import msgspec

from app.warehouse.reading.followed import DimensionNeed, Followed, NotFetchedError, PackagesNeed, RankingNeed
from app.warehouse.reading.results import Published, RankingRow
from app.warehouse.reading.tables import Tables
from app.windows import Window, requested_window


class NothingLoadedError(LookupError):
    """No day has been loaded yet."""


class Marks(msgspec.Struct):
    """What questions report to the service that updates the store: requested packages, outdated rankings."""

    asked: set[str] = msgspec.field(default_factory=set)
    outdated: set[RankingNeed] = msgspec.field(default_factory=set)


class Snapshot(msgspec.Struct, frozen=True):
    """What is published, the tables that it is read from, and the length of the default window in days.

    `followed` are the packages of a store that holds some; None if it holds all. `source` is what is asked for what the
    store lacks, in words; empty if nothing is. `marks` are for the service that updates the store. A response that is
    computed from a snapshot depends on nothing else.
    """

    published: Published
    tables: Tables
    window_days: int
    followed: Followed | None = None
    source: str = ""
    marks: Marks = msgspec.field(default_factory=Marks)

    @property
    def fetches(self) -> bool:
        """Whether a source is asked for what the store lacks."""
        return bool(self.source)

    @property
    def newest_day(self) -> date:
        """The newest day that is completely loaded. Raises NothingLoadedError."""
        if self.published.newest_day is None:
            raise NotFetchedError(PackagesNeed(())) if self.fetches else NothingLoadedError
        return self.published.newest_day

    def window(self, start: date | None = None, end: date | None = None) -> Window:
        """The window from `start` to `end`; without both, the default window. Raises NothingLoadedError."""
        return requested_window(self.newest_day, self.window_days, start, end)

    def is_loaded(self, window: Window) -> bool:
        """Whether every day of a window is loaded."""
        return set(self.published.days).issuperset(window.days)

    def is_followed(self, package: str) -> bool:
        """Whether the store holds a package's downloads."""
        return self.followed is None or package in self.followed.packages

    def require(self, packages: Sequence[str], dimension: str = "") -> None:
        """Raise NotFetchedError if the store lacks packages, or a dimension of them, that its source may have."""
        if self.followed is None or not self.fetches:
            return
        there = self.followed.packages | self.followed.unknown
        if missing := tuple(package for package in packages if package not in there):
            raise NotFetchedError(PackagesNeed(missing))
        self.marks.asked.update(packages)
        for package in packages:
            if dimension in self.followed.incomplete.get(package, ()):
                raise NotFetchedError(DimensionNeed(package, dimension))

    async def ranking(self, prefix: str = "") -> Sequence[RankingRow]:
        """The source's ranking of all packages, or of those with a prefix. Raises NotFetchedError.

        One that does not have the newest day is marked as outdated, to be fetched again.
        """
        need, newest = RankingNeed(prefix), self.newest_day
        found = await self.tables.ranking(need)
        if found is None:
            raise NotFetchedError(need)
        if found.day < newest:
            self.marks.outdated.add(need)
        return found.rows
