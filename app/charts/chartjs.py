"""A chart as data for Chart.js: `new Chart(canvas, {type: data.chartType, data})` draws it without options.

Stacking and order of the bars are set by properties of the datasets.
"""

from datetime import date

import msgspec
from msgspec import UNSET, UnsetType

from app.charts.colors import THEMES, Theme, category_colors
from app.charts.data import Chart, ChartType, Dataset
from app.windows import Granularity


class ChartDataset(msgspec.Struct, rename="camel"):
    """One category, with one value for each label. Chart.js leaves a gap where it is null: the date is not loaded."""

    label: str
    data: list[int | None]
    background_color: str
    border_color: str
    border_width: int | UnsetType = UNSET
    point_radius: int | UnsetType = UNSET
    fill: bool | UnsetType = UNSET
    stack: str | UnsetType = UNSET
    grouped: bool | UnsetType = UNSET
    order: int | UnsetType = UNSET


class ChartData(msgspec.Struct, rename="camel"):
    """The `data` of a Chart.js chart, and facts about the chart. Labels are dates, `YYYY-MM-DD`. `missing_days` are the
    days between the first and the last that are not loaded, `left_out` the labels of weeks or months that are left out
    because they are only partly there."""

    package: str
    type: str
    chart_type: ChartType
    title: str
    granularity: Granularity
    labels: list[date]
    missing_days: list[date]
    left_out: list[date]
    datasets: list[ChartDataset]


def chart_data(chart: Chart, theme: Theme) -> ChartData:
    """The chart in the colors of a theme."""
    colors = category_colors(chart.type, [dataset.label for dataset in chart.datasets], THEMES[theme])
    return ChartData(
        package=chart.package,
        type=chart.type,
        chart_type=chart.chart_type,
        title=chart.title,
        granularity=chart.granularity,
        labels=chart.dates,
        missing_days=chart.missing_days,
        left_out=chart.left_out,
        datasets=[
            _dataset(chart, position, dataset, color)
            for position, (dataset, color) in enumerate(zip(chart.datasets, colors, strict=True))
        ],
    )


def _dataset(chart: Chart, position: int, dataset: Dataset, color: str) -> ChartDataset:
    plain = ChartDataset(dataset.label, dataset.data, color, color)
    if chart.chart_type == "line":
        radius = 4 if chart.has_lone_value else 0
        return msgspec.structs.replace(plain, border_width=2, point_radius=radius, fill=False)
    if chart.is_nested:
        return msgspec.structs.replace(plain, stack=dataset.label, grouped=False, order=-position)
    return msgspec.structs.replace(plain, stack="downloads")
