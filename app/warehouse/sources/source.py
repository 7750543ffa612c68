"""What a source is: something that has downloads which the store does not have yet."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple, Protocol

from app.warehouse.engines.errors import WarehouseError
from app.windows import Window

DIMENSIONS = ("overall", "python_major", "python_minor", "system", "installer", "version", "country", "file_type")
"""The dimensions that the store holds of a package."""


class SourceError(WarehouseError):
    """A source cannot be asked; the message names it and what to do."""


class SourceQuotaError(SourceError):
    """The quota of a source is used up until a time."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class PendingError(SourceError):
    """Something is being fetched, and will be there a little later."""


class TooMuchError(SourceError):
    """A query asks for more than the source gives at a time."""


class Counts(NamedTuple):
    """Downloads by package, dimension, category and date: five columns of equal length."""

    packages: list[str]
    dimensions: list[str]
    categories: list[str]
    dates: list[date]
    downloads: list[int]


class Source(Protocol):
    """Where downloads come from that are not in the store yet. Every method raises SourceError.

    `title` names it for people.
    """

    name: str
    title: str

    def days(self) -> Sequence[date]:
        """The days that are complete, in order."""

    def counts(
        self, packages: Sequence[str] | None, window: Window, dimensions: Sequence[str] = DIMENSIONS
    ) -> Iterator[Counts]:
        """The counts of packages (of all packages if None) on each day of a window, in batches of bounded size.

        Raises TooMuchError if the source does not give so much at a time.
        """
