"""From the rows of a series to the data of a chart: a value for each date and each of the largest categories."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Literal

import msgspec
from packaging.version import InvalidVersion, Version

from app.charts.colors import Theme
from app.names import ALL_PACKAGES
from app.stats.dimensions import NULL_CATEGORY
from app.stats.questions import SeriesDates, SeriesQuestion, SeriesRow
from app.windows import Granularity, listed_days

ChartType = Literal["line", "bar"]
PictureFormat = Literal["png", "svg"]

MAX_CATEGORIES = 10
"""The largest categories are drawn; the rest are added up as `other`."""

OTHER = "other"

MAX_VERSION_LENGTH = 100
"""Characters of a version, which strangers choose: Python converts no number of more than 4,300 digits."""

SUBJECTS = {
    "overall": "with and without mirrors",
    "python_major": "by Python major version",
    "python_minor": "by Python minor version",
    "system": "by operating system",
    "installer": "by installer",
    "version": "by version",
    "country": "by country",
    "file_type": "by file type",
    "origin": "by people, CI, mirrors and others",
    "cpu": "by processor",
    "libc": "by C library",
    "distro": "by distribution",
    "implementation": "by Python implementation",
    "installer_version": "by installer version",
    "platform": "by platform of the wheel",
    "abi": "by ABI of the wheel",
}
"""The second half of a chart's title, by dimension."""

VERSION_DIMENSIONS = {"python_major", "python_minor", "version"}
"""Dimensions whose categories are sorted by version; the others are sorted by downloads."""


class Dataset(msgspec.Struct, frozen=True):
    """The downloads of a category, one value for each of the chart's dates: None for one of which no day is loaded."""

    label: str
    data: list[int | None]


class Chart(msgspec.Struct, frozen=True):
    """A chart's data. `type` is the dimension; `dates` are consecutive days, or first days of weeks or months;
    `missing_days` are the days between the first and the last that are not loaded, `left_out` the dates of weeks or
    months that are not drawn because they are only partly there."""

    package: str
    type: str
    chart_type: ChartType
    granularity: Granularity
    dates: list[date]
    missing_days: list[date]
    left_out: list[date]
    datasets: list[Dataset]

    @property
    def title(self) -> str:
        package = "all packages" if self.package == ALL_PACKAGES else self.package
        return f"{package}: downloads {SUBJECTS[self.type]}"

    @property
    def notes(self) -> str:
        """Which days are not loaded, and whether weeks or months are left out, in words; empty if neither."""
        notes = [f"not loaded: {listed_days(self.missing_days)}"] if self.missing_days else []
        if self.left_out and self.dates:
            notes.append(f"incomplete {self.granularity}s left out")
        return "; ".join(notes)

    @property
    def emptiness(self) -> str:
        """Why there is nothing to draw, in words."""
        if self.left_out and not self.dates:
            return f"no complete {self.granularity} in this period"
        return "no downloads in this period"

    @property
    def has_lone_value(self) -> bool:
        """Whether a date has a value and its neighbors have none: a line through a single point has no length."""
        known = [value is not None for value in self.datasets[0].data] if self.datasets else []
        return any(
            here and not before and not after
            for before, here, after in zip([False, *known], known, [*known[1:], False], strict=False)
        )

    @property
    def is_nested(self) -> bool:
        """Whether one category includes the other, so that stacked bars would count downloads twice."""
        return self.type == "overall"


class ChartStyle(msgspec.Struct, frozen=True):
    """How a chart is drawn. Width and height are pixels."""

    format: PictureFormat
    theme: Theme
    width: int
    height: int


def chart_of(question: SeriesQuestion, chart_type: ChartType, rows: Sequence[SeriesRow], axis: SeriesDates) -> Chart:
    """The chart of a series. `axis` is the x axis. A date without downloads is 0; one that is not loaded is None."""
    downloads: dict[str, dict[date, int]] = defaultdict(dict)
    for row in rows:
        downloads[row.category][row.date] = row.downloads
    series = {category: [of_date.get(day, 0) for day in axis.dates] for category, of_date in downloads.items()}
    drawn = _largest(series)
    datasets = [
        Dataset(
            category,
            [None if day in axis.unknown else value for day, value in zip(axis.dates, drawn[category], strict=True)],
        )
        for category in _ordered(question.dimension, drawn)
    ]
    return Chart(
        question.package,
        question.dimension,
        chart_type,
        question.granularity,
        axis.dates,
        axis.missing_days,
        axis.left_out,
        datasets,
    )


def _largest(series: dict[str, list[int]]) -> dict[str, list[int]]:
    """The largest categories, and the sum of the rest as `other`."""
    if len(series) <= MAX_CATEGORIES:
        return series
    # A category whose own name is `other` is part of the rest, since labels have to be unique.
    candidates = sorted(series.keys() - {OTHER}, key=lambda category: (-sum(series[category]), category))
    largest = candidates[:MAX_CATEGORIES]
    rest = [data for category, data in series.items() if category not in largest]
    return {category: series[category] for category in largest} | {
        OTHER: [sum(values) for values in zip(*rest, strict=True)]
    }


def _ordered(dimension: str, series: dict[str, list[int]]) -> list[str]:
    """Categories in the order of the legend, `null` and `other` last."""
    unnamed = [category for category in (NULL_CATEGORY, OTHER) if category in series]
    named = [category for category in series if category not in unnamed]
    if dimension in VERSION_DIMENSIONS:
        return sorted(named, key=_as_version) + unnamed
    return sorted(named, key=lambda category: (-sum(series[category]), category)) + unnamed


def _as_version(category: str) -> tuple[bool, Version, str]:
    """A sort key: `3.9` is before `3.10`, and versions are before other texts."""
    if len(category) <= MAX_VERSION_LENGTH:
        with suppress(InvalidVersion):
            return False, Version(category), category
    return True, Version("0"), category
