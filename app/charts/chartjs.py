"""A chart as Chart.js takes it: `new Chart(canvas, {type: answer.chartType, data: answer})` draws it unchanged.

What Chart.js would need options for, stacked bars above all, is said by properties of the datasets.
"""

from datetime import date
from typing import Any

import msgspec

from app.charts.colors import THEMES, Theme, colors_of
from app.charts.data import Chart


class Payload(msgspec.Struct, rename="camel"):
    """The answer. Labels are dates, `YYYY-MM-DD`."""

    package: str
    type: str
    chart_type: str
    title: str
    labels: list[date]
    datasets: list[dict[str, Any]]


def payload(chart: Chart, theme: Theme) -> Payload:
    """A chart with its colors."""
    colors = colors_of(chart.type, [dataset.label for dataset in chart.datasets], THEMES[theme])
    looks = [_look(chart, position, color) for position, color in enumerate(colors)]
    return Payload(
        package=chart.package,
        type=chart.type,
        chart_type=chart.chart_type,
        title=chart.title,
        labels=chart.dates,
        datasets=[
            {"label": dataset.label, "data": dataset.data, **look}
            for dataset, look in zip(chart.datasets, looks, strict=True)
        ],
    )


def _look(chart: Chart, position: int, color: str) -> dict[str, Any]:
    look: dict[str, Any] = {"backgroundColor": color, "borderColor": color}
    if chart.chart_type == "line":
        # A line of one point has no length: there the point has to be seen.
        return look | {"borderWidth": 2, "pointRadius": 0 if len(chart.dates) > 1 else 4, "fill": False}
    if chart.is_nested:
        return look | {"stack": chart.datasets[position].label, "grouped": False, "order": -position}
    return look | {"stack": "downloads"}
