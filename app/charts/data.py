"""From the rows of a series to what a chart shows: a value for every date, in the categories that are drawn."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Literal

import msgspec
from packaging.version import InvalidVersion, Version

from app.charts.colors import Theme
from app.names import ALL_PACKAGES
from app.stats.dimensions import NULL_CATEGORY
from app.stats.questions import SeriesQuestion, SeriesRow
from app.windows import Granularity

ChartType = Literal["line", "bar"]
PictureFormat = Literal["png", "svg"]

MOST_DRAWN = 10
"""Categories that are drawn; more are one series together, `other`."""

OTHER = "other"

SUBJECTS = {
    "overall": "with and without mirrors",
    "python_major": "by Python major version",
    "python_minor": "by Python minor version",
    "system": "by operating system",
    "installer": "by installer",
    "version": "by version",
    "country": "by country",
    "file_type": "by file type",
}
"""What a chart of a dimension shows downloads by."""

BY_VERSION = {"python_major", "python_minor", "version"}
"""Dimensions whose categories are ordered as versions; in the others the largest comes first."""


class Dataset(msgspec.Struct, frozen=True):
    """One category's downloads, a value for each of the chart's dates."""

    label: str
    data: list[int]


class Chart(msgspec.Struct, frozen=True):
    """What is drawn. `type` is the dimension, `dates` are days or the first days of weeks or months, without a gap."""

    package: str
    type: str
    chart_type: ChartType
    granularity: Granularity
    dates: list[date]
    datasets: list[Dataset]

    @property
    def title(self) -> str:
        """The heading of the chart."""
        package = "all packages" if self.package == ALL_PACKAGES else self.package
        return f"{package}: downloads {SUBJECTS[self.type]}"

    @property
    def is_nested(self) -> bool:
        """Whether one category counts the downloads of the other too: a stack would count them twice."""
        return self.type == "overall"


class ChartStyle(msgspec.Struct, frozen=True):
    """How a chart is drawn. Width and height are pixels."""

    format: PictureFormat
    theme: Theme
    width: int
    height: int


def chart_of(question: SeriesQuestion, chart_type: ChartType, rows: Sequence[SeriesRow], dates: list[date]) -> Chart:
    """The chart of a series; `dates` are all those that its rows can have."""
    downloads: dict[str, dict[date, int]] = defaultdict(dict)
    for row in rows:
        downloads[row.category][row.date] = row.downloads
    series = {category: [of_date.get(day, 0) for day in dates] for category, of_date in downloads.items()}
    drawn = _largest(series)
    datasets = [Dataset(category, drawn[category]) for category in _ordered(question.dimension, drawn)]
    return Chart(question.package, question.dimension, chart_type, question.granularity, dates, datasets)


def _largest(series: dict[str, list[int]]) -> dict[str, list[int]]:
    """The largest categories, and the sum of the rest as `other`."""
    if len(series) <= MOST_DRAWN:
        return series
    # A category that is itself called so belongs to the rest: two series of one name could not be told apart.
    candidates = sorted(series.keys() - {OTHER}, key=lambda category: (-sum(series[category]), category))
    largest = candidates[:MOST_DRAWN]
    rest = [data for category, data in series.items() if category not in largest]
    return {category: series[category] for category in largest} | {
        OTHER: [sum(values) for values in zip(*rest, strict=True)]
    }


def _ordered(dimension: str, series: dict[str, list[int]]) -> list[str]:
    """Categories in the order of the legend; what has no name of its own comes last."""
    nameless = [category for category in (NULL_CATEGORY, OTHER) if category in series]
    named = [category for category in series if category not in nameless]
    if dimension in BY_VERSION:
        return sorted(named, key=_as_version) + nameless
    return sorted(named, key=lambda category: (-sum(series[category]), category)) + nameless


def _as_version(category: str) -> tuple[bool, Version, str]:
    """`3.9` is before `3.10`; what is no version comes after all that are."""
    try:
        return False, Version(category), category
    except InvalidVersion:
        return True, Version("0"), category
