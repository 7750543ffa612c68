"""The dimensions: what each splits downloads by, and how a filter value selects a category."""

from collections.abc import Callable

import msgspec

from app.warehouse.dimensions import COUNTED_WHERE_KNOWN

NULL_CATEGORY = "null"
"""The category of downloads whose value is not known."""

MIRRORS = {"true": "with_mirrors", "false": "without_mirrors"}


def _as_given(value: str) -> str:
    return value


def _country(value: str) -> str:
    return NULL_CATEGORY if value.lower() == NULL_CATEGORY else value.upper()


class Dimension(msgspec.Struct, frozen=True):
    """One way to split downloads.

    `parameter` is the query parameter that selects a category, `category` gives the category that a value selects.
    """

    name: str
    parameter: str
    category: Callable[[str], str] = _as_given

    @property
    def type(self) -> str:
        """What an answer calls itself."""
        return f"{self.name}_downloads"


DIMENSIONS = (
    Dimension("overall", "mirrors", MIRRORS.__getitem__),
    Dimension("python_major", "version"),
    Dimension("python_minor", "version"),
    Dimension("system", "os"),
    Dimension("installer", "installer"),
    Dimension("version", "version"),
    Dimension("country", "country", _country),
    Dimension("file_type", "type"),
    *(Dimension(name, name) for name in COUNTED_WHERE_KNOWN),
)
(ORIGIN,) = (dimension for dimension in DIMENSIONS if dimension.name == "origin")
