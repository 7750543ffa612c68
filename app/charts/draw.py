"""A chart as a picture, by matplotlib. Only the processes of worker.py import it: it takes its time and its memory."""

import io
import re
from datetime import date, timedelta
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from app.charts.colors import THEMES, Colors, colors_of
from app.charts.data import Chart, ChartStyle

DPI = 100
LEFT, RIGHT, BOTTOM = 66, 28, 34
"""Pixels around the axes, the legend not counted."""

EDGE = 26
"""Pixels from the left edge to heading and legend."""

SMALL = 400
"""Pixels of height below which the heading is one line, and of width below which it is in small letters."""

LEGEND_ROW = 23
CHARACTER = 8.0
"""Pixels of a letter, on average."""

MARK = 42
"""Pixels of a label's mark, and between labels."""

LEGEND_PART = 0.4
"""Of the height that the legend takes at most."""

LONGEST_LABELS = (28, 12)
"""Letters of a label, and of one where there is little room."""

BAR_WIDTH = 0.82
"""Of the room that a bar has."""

MARKED_POINTS, THIN_POINTS = 45, 400
"""Values that a line has at most for each to be marked, and from which on it is thin."""

SETTINGS: Any = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    # A version may be called `$x$`: names are no formulas.
    "text.parse_math": False,
    # Text stays text: it can be read aloud and searched for.
    "svg.fonttype": "none",
    # The same chart is the same bytes, and so has the same ETag.
    "svg.hashsalt": "pypistats-server",
}
MOST_DATES, DATE_WIDTH = 9, 75
"""Dates that an axis names, and pixels that each needs."""

SHORT_SPAN = 62
LONG_SPAN = 4 * 366
"""Days of an axis up to which it names days, and beyond which it names years alone."""

UNITS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))


def draw(chart: Chart, look: ChartStyle) -> bytes:
    """A PNG or an SVG document."""
    mpl.rcdefaults()
    mpl.rcParams.update(SETTINGS)
    theme = THEMES[look.theme]
    colors = colors_of(chart.type, [dataset.label for dataset in chart.datasets], theme)
    figure = Figure(figsize=(look.width / DPI, look.height / DPI), dpi=DPI, facecolor=theme.background)
    above = _heading(figure, chart, look, theme)
    below = _legend(figure, chart, look, theme, colors)
    axes = figure.add_axes(
        (
            LEFT / look.width,
            (BOTTOM + below) / look.height,
            1 - (LEFT + RIGHT) / look.width,
            1 - (above + BOTTOM + below) / look.height,
        ),
        facecolor=theme.background,
    )
    if chart.datasets:
        _value_axis(axes, chart, look, theme)
        _date_axis(axes, chart, look, theme)
        _lines(axes, chart, colors) if chart.chart_type == "line" else _bars(axes, chart, colors)
    else:
        axes.axis("off")
        axes.text(0.5, 0.5, "no downloads in these days", color=theme.faint_text, fontsize=12, ha="center")
    return _png(figure, chart) if look.format == "png" else _svg(figure, chart, look)


def _heading(figure: Figure, chart: Chart, look: ChartStyle, theme: Colors) -> int:
    """Draw the heading; return its height in pixels."""
    is_small = look.height < SMALL
    size, above = (9.5 if look.width < SMALL else 11, 14) if is_small else (13, 20)
    room = int((look.width - 2 * EDGE) / (size * 0.95))
    at = EDGE / look.width
    title = _shortened(chart.title, room)
    figure.text(at, 1 - above / look.height, title, color=theme.text, size=size, weight="bold", va="top")
    if is_small:
        return 48
    figure.text(at, 1 - 45 / look.height, _period(chart), color=theme.faint_text, size=9.5, va="top")
    return 76


def _period(chart: Chart) -> str:
    """What a value is, and from when to when."""
    each = f"per {chart.granularity}"
    if not chart.dates:
        return each
    written = "%Y-%m" if chart.granularity == "month" else "%Y-%m-%d"
    first, last = (day.strftime(written) for day in (chart.dates[0], chart.dates[-1]))
    return f"{each}, {first}" if first == last else f"{each}, {first} to {last}"


def _legend(figure: Figure, chart: Chart, look: ChartStyle, theme: Colors, colors: list[str]) -> float:
    """Draw the legend at the foot; return its height in pixels."""
    if not chart.datasets:
        return 0
    labels, rows = _legend_labels(chart, look)
    marker = "s" if chart.chart_type == "bar" else "none"
    handles = [
        Line2D([], [], color=color, linewidth=3, linestyle="-" if marker == "none" else "none", marker=marker)
        for color in colors[: len(labels)]
    ]
    figure.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=((EDGE - 6) / look.width, 6 / look.height),
        ncols=-(-len(labels) // rows),
        frameon=False,
        labelcolor=theme.text,
        fontsize=9.5,
        handlelength=1.3,
        handletextpad=0.6,
        columnspacing=1.6,
        borderaxespad=0,
    )
    return rows * LEGEND_ROW + 14


def _legend_labels(chart: Chart, look: ChartStyle) -> tuple[list[str], int]:
    """The labels that have room, shortened where that helps, and their rows."""
    most = max(1, int(look.height * LEGEND_PART / LEGEND_ROW))
    room = look.width - 2 * EDGE
    for longest in LONGEST_LABELS:
        labels = [_shortened(dataset.label, longest) for dataset in chart.datasets]
        if (rows := _legend_rows(labels, room)) <= most:
            return labels, rows
    while (rows := _legend_rows(labels, room)) > most:
        labels.pop()
    return labels, rows


def _legend_rows(labels: list[str], room: int) -> int:
    """Rows that a legend needs for its columns, each as wide as its longest label, to have room."""
    for rows in range(1, len(labels)):
        columns = [labels[at : at + rows] for at in range(0, len(labels), rows)]
        if sum(max(map(len, column)) * CHARACTER + MARK for column in columns) <= room:
            return rows
    return len(labels)


def _value_axis(axes: Axes, chart: Chart, look: ChartStyle, theme: Colors) -> None:
    values = [dataset.data for dataset in chart.datasets]
    is_stacked = chart.chart_type == "bar" and not chart.is_nested
    highest = max(sum(column) if is_stacked else max(column) for column in zip(*values, strict=True))
    axes.set_ylim(0, highest * 1.05 or 1)
    axes.yaxis.set_major_locator(
        MaxNLocator(nbins=max(2, min(6, look.height // 90)), integer=True, steps=[1, 2, 2.5, 5, 10])
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: in_units(value)))
    axes.tick_params(axis="both", colors=theme.faint_text, labelsize=9.5, length=0, pad=7)
    axes.grid(axis="y", color=theme.grid, linewidth=1)
    axes.set_axisbelow(True)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(theme.faint_text)


def in_units(value: float) -> str:
    """A number of downloads on the axis: `1.5M`."""
    for size, unit in UNITS:
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _date_axis(axes: Axes, chart: Chart, look: ChartStyle, theme: Colors) -> None:
    first, last = chart.dates[0], chart.dates[-1]
    room = _room(chart)
    beside = room * 3 if first == last else room / 2 if chart.chart_type == "bar" else 0
    axes.set_xlim(date2num(first) - beside, date2num(last) + beside)
    most = min(MOST_DATES, (look.width - LEFT - RIGHT) // DATE_WIDTH)
    named = chart.dates if len(chart.dates) <= most else _named_dates(first, last, most)
    days = (last - first).days
    axes.set_xticks([date2num(day) for day in named], [_date_label(day, days) for day in named])
    axes.tick_params(axis="x", length=4, color=theme.faint_text)


def _named_dates(first: date, last: date, most: int) -> list[date]:
    """The dates that an axis names: every so many days, or the first of every so many months."""
    days = (last - first).days
    if days <= SHORT_SPAN:
        every = next(step for step in (2, 7, 14, 28, 56) if days / step < most)
        return [first + timedelta(days=at) for at in range(0, days + 1, every)]
    months = range(first.year * 12 + first.month - (first.day == 1), last.year * 12 + last.month)
    least = 12 if days > LONG_SPAN else 1
    every = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 600) if step >= least and len(months) / step <= most)
    return [date(month // 12, month % 12 + 1, 1) for month in months if month % every == 0]


def _date_label(day: date, days: int) -> str:
    """A date, as exactly as an axis of so many days needs it."""
    if days > LONG_SPAN:
        return f"{day:%Y}"
    return f"{day:%b %Y}" if days > SHORT_SPAN else f"{day.day} {day:%b}"


def _room(chart: Chart) -> float:
    """Days that a value stands for."""
    return {"day": 1, "week": 7, "month": 30}[chart.granularity]


def _lines(axes: Axes, chart: Chart, colors: list[str]) -> None:
    dates = [date2num(day) for day in chart.dates]
    marker = "o" if len(dates) <= MARKED_POINTS else ""
    for dataset, color in zip(chart.datasets, colors, strict=True):
        # Not cut at the frame: a line along zero would lose half its width.
        axes.plot(
            dates,
            dataset.data,
            color=color,
            linewidth=1.8 if len(dates) < THIN_POINTS else 1.1,
            marker=marker,
            markersize=4.5,
            solid_joinstyle="round",
            clip_on=False,
        )


def _bars(axes: Axes, chart: Chart, colors: list[str]) -> None:
    """One collection a category: a rectangle of its own for each value would take seconds."""
    half = _room(chart) * BAR_WIDTH / 2
    centres = [date2num(day) for day in chart.dates]
    floor = [0] * len(centres)
    for dataset, color in zip(chart.datasets, colors, strict=True):
        tops = [low + value for low, value in zip(floor, dataset.data, strict=True)]
        boxes = [
            ((x - half, low), (x - half, top), (x + half, top), (x + half, low))
            for x, low, top in zip(centres, floor, tops, strict=True)
            if top > low
        ]
        axes.add_collection(PolyCollection(boxes, facecolors=color, linewidths=0, zorder=2))
        floor = floor if chart.is_nested else tops


def _shortened(text: str, most: int) -> str:
    """A text in one line of at most so many letters."""
    printable = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    return printable if len(printable) <= most else f"{printable[: most - 1]}…"


def _png(figure: Figure, chart: Chart) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DPI, metadata={"Software": None, "Title": chart.title})
    return picture.getvalue()


def _svg(figure: Figure, chart: Chart, look: ChartStyle) -> bytes:
    picture = io.StringIO()
    figure.savefig(
        picture,
        format="svg",
        metadata={"Date": None, "Creator": None, "Format": None, "Type": None, "Title": chart.title},
    )
    # matplotlib measures in points; a web page wants pixels, a name for the picture, and no document type.
    document = picture.getvalue()
    document = document[document.index("<svg ") :]
    document = re.sub('width="[^"]*" height="[^"]*"', f'width="{look.width}" height="{look.height}"', document, count=1)
    return document.replace("<svg ", '<svg role="img" ', 1).encode()
