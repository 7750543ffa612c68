"""What a source of downloads is: something that has downloads which the store does not have yet."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from app.warehouse.engines.errors import WarehouseError
from app.windows import Window


class SourceError(WarehouseError):
    """A source does not give what it is asked for; the message names the source and says what to do."""


class Counts(NamedTuple):
    """Downloads by package, dimension, category and date: five columns of equal length."""

    packages: Sequence[str]
    dimensions: Sequence[str]
    categories: Sequence[str]
    dates: Sequence[date]
    downloads: Sequence[int]


class Source(Protocol):
    """Where downloads come from that are not in the store yet. Every method raises SourceError."""

    name: str

    def days(self) -> Sequence[date]:
        """The days that are complete, in order."""

    def counts(self, packages: Sequence[str] | None, window: Window) -> Iterator[Counts]:
        """The counts of packages (of all packages if None) on each day of a window, in batches of bounded size."""
