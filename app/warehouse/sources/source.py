"""What a source is: something that has downloads which the store does not have yet."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from app.warehouse.sources.calls import SourceCalls
from app.warehouse.sources.quota import Quota
from app.windows import Window


class Counts(NamedTuple):
    """Downloads by package, dimension, category and date: five columns of equal length."""

    packages: list[str]
    dimensions: list[str]
    categories: list[str]
    dates: list[date]
    downloads: list[int]


class Source(Protocol):
    """Where downloads come from that are not in the store yet. Every method raises SourceError.

    `title` names it in messages; `quota` counts the queries that it was sent; `calls` can give up those that are under
    way; `counts` sends one, or one for each day (`counts_by_day`). `dimensions` are what it counts, and CI if it
    distinguishes the origin `ci` from `installer`.
    """

    name: str
    title: str
    counts_by_day: bool
    quota: Quota
    calls: SourceCalls
    dimensions: Sequence[str]

    def days(self) -> Sequence[date]:
        """The days that are complete, in order."""

    def counts(
        self, packages: Sequence[str] | None, window: Window, dimensions: Sequence[str] = ()
    ) -> Iterator[Counts]:
        """The counts of packages (of all packages if None) on each day of a window, in batches of bounded size.

        All dimensions that it counts, if none are given.

        Raises TooMuchError if the source does not give so much at a time.
        """

    def close(self) -> None:
        """Close the connection; the next call connects again."""
