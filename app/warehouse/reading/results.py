"""What queries of the store return, and what is published in it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import msgspec


class Published(msgspec.Struct, frozen=True):
    """Which rows count. Equal values give equal results.

    `state` is the newest version that replaces days; `dead` are the versions that do not count although they are not
    newer; `days` are the loaded days, in order; `demo` says that synthetic events are among them; `dead_loads` are the
    numbers of loads of which no version counts although they are not newer; `newest` is the newest version of all, with
    those of loads that have added packages; `some_days` are the days of each optional dimension that not all days have,
    and of CI, which stands for the origin `ci`.
    """

    state: int
    dead: tuple[int, ...]
    days: tuple[date, ...]
    demo: bool = False
    dead_loads: tuple[int, ...] = ()
    newest: int = 0
    some_days: Mapping[str, tuple[date, ...]] = {}

    def __hash__(self) -> int:
        """The hash of what identifies the value, without the days, of which there are thousands."""
        return hash((self.state, self.dead, self.dead_loads, self.newest))

    def answers_differ(self, other: "Published") -> bool:
        """Whether a result may differ between the two.

        Results do not differ after rows that do not count are swept, nor after packages are added: nothing was known of
        those before.
        """
        before = (self.state, self.days, self.demo, self.some_days)
        return before != (other.state, other.days, other.demo, other.some_days)

    def days_of(self, dimension: str) -> tuple[date, ...]:
        """The days on which a dimension is loaded, in order."""
        return self.some_days.get(dimension, self.days)

    @property
    def newest_day(self) -> date | None:
        """The newest day that is completely loaded."""
        return self.days[-1] if self.days else None


class Series(NamedTuple):
    """Downloads by category and date, as three columns of equal length; a date is the first of its week or month."""

    categories: Sequence[str]
    dates: Sequence[date]
    downloads: Sequence[int]


NO_SERIES = Series((), (), ())


class RecentRow(NamedTuple):
    """Downloads of a package in the last day, week and month."""

    package: str
    last_day: int
    last_week: int
    last_month: int


class PopularityRow(NamedTuple):
    """Downloads of a package in the four windows of `PopularityWindows`."""

    package: str
    whole: int
    month: int
    week: int
    before: int


class TotalRow(NamedTuple):
    """Downloads of a category over a window."""

    dimension: str
    category: str
    downloads: int


class RankedRow(NamedTuple):
    """Downloads of a package, without mirrors."""

    package: str
    downloads: int


class RankingRow(NamedTuple):
    """Downloads of a package without mirrors: on the last day, in the last week and month, and in the weeks before the
    last one that it is compared with."""

    package: str
    last_day: int
    last_week: int
    last_month: int
    before: int


class Ranking(NamedTuple):
    """Packages of a source, most downloaded in the last month first; `day` is the newest that is counted."""

    day: date
    rows: Sequence[RankingRow]
