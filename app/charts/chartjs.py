"""A chart as data for Chart.js: `new Chart(canvas, {type: data.chartType, data})` draws it without options.

Stacking and order of the bars are set by properties of the datasets.
"""

from datetime import date
from typing import Any

import msgspec

from app.charts.colors import THEMES, Theme, category_colors
from app.charts.data import Chart


class Payload(msgspec.Struct, rename="camel"):
    """The `data` of a Chart.js chart, and facts about the chart. Labels are dates, `YYYY-MM-DD`."""

    package: str
    type: str
    chart_type: str
    title: str
    labels: list[date]
    datasets: list[dict[str, Any]]


def payload(chart: Chart, theme: Theme) -> Payload:
    """The chart in the colors of a theme."""
    colors = category_colors(chart.type, [dataset.label for dataset in chart.datasets], THEMES[theme])
    styles = [_dataset_style(chart, position, color) for position, color in enumerate(colors)]
    return Payload(
        package=chart.package,
        type=chart.type,
        chart_type=chart.chart_type,
        title=chart.title,
        labels=chart.dates,
        datasets=[
            {"label": dataset.label, "data": dataset.data, **style}
            for dataset, style in zip(chart.datasets, styles, strict=True)
        ],
    )


def _dataset_style(chart: Chart, position: int, color: str) -> dict[str, Any]:
    style: dict[str, Any] = {"backgroundColor": color, "borderColor": color}
    if chart.chart_type == "line":
        # A line through a single point has no length, so the point is drawn.
        return style | {"borderWidth": 2, "pointRadius": 0 if len(chart.dates) > 1 else 4, "fill": False}
    if chart.is_nested:
        return style | {"stack": chart.datasets[position].label, "grouped": False, "order": -position}
    return style | {"stack": "downloads"}
