"""A chart as Chart.js takes it: `new Chart(canvas, {type: answer.chartType, data: answer})` draws it unchanged.

What Chart.js would need options for, stacked bars above all, is said by properties of the datasets.
"""

from datetime import date

import msgspec
from msgspec import UNSET, UnsetType

from app.charts.colours import THEMES, Theme, colours_of
from app.charts.data import Chart, ChartType, Dataset


class ChartDataset(msgspec.Struct, rename="camel"):
    """One category, with one value for each label."""

    label: str
    data: list[int]
    background_color: str
    border_color: str
    border_width: int | UnsetType = UNSET
    point_radius: int | UnsetType = UNSET
    fill: bool | UnsetType = UNSET
    stack: str | UnsetType = UNSET
    grouped: bool | UnsetType = UNSET
    order: int | UnsetType = UNSET


class ChartData(msgspec.Struct, rename="camel"):
    """The response. Labels are dates, `YYYY-MM-DD`."""

    package: str
    type: str
    chart_type: ChartType
    title: str
    labels: list[date]
    datasets: list[ChartDataset]


def chart_data(chart: Chart, theme: Theme) -> ChartData:
    """A chart with its colours."""
    colours = colours_of(chart.type, [dataset.label for dataset in chart.datasets], THEMES[theme])
    return ChartData(
        package=chart.package,
        type=chart.type,
        chart_type=chart.chart_type,
        title=chart.title,
        labels=chart.dates,
        datasets=[
            _dataset(chart, position, dataset, colour)
            for position, (dataset, colour) in enumerate(zip(chart.datasets, colours, strict=True))
        ],
    )


def _dataset(chart: Chart, position: int, dataset: Dataset, colour: str) -> ChartDataset:
    plain = ChartDataset(dataset.label, dataset.data, colour, colour)
    if chart.chart_type == "line":
        # A line of one point has no length: there the point has to be seen.
        radius = 0 if len(chart.dates) > 1 else 4
        return msgspec.structs.replace(plain, border_width=2, point_radius=radius, fill=False)
    if chart.is_nested:
        return msgspec.structs.replace(plain, stack=dataset.label, grouped=False, order=-position)
    return msgspec.structs.replace(plain, stack="downloads")
