"""Draws a chart with matplotlib. Only worker processes import this module: the import takes time and memory."""

import io
import math
import warnings
from datetime import date, timedelta
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from app.charts.colors import THEMES, Palette, category_colors
from app.charts.data import Chart, ChartStyle, ChartType
from app.charts.fonts import fonts_for, without_boxes
from app.charts.svg import embeddable

DPI = 100
MARGIN_LEFT, MARGIN_RIGHT, MARGIN_BOTTOM = 66, 28, 34
"""Pixels around the axes, without the legend."""

PADDING = 26
"""Pixels between the left edge and the heading and legend."""

COMPACT_SIZE = 400
"""Below this height in pixels the heading is one line; below this width it is in a smaller font."""

LEGEND_ROW_HEIGHT = 23
CHARACTER_WIDTH = 8.0
"""Pixels, on average."""

MARKER_WIDTH = 42
"""Pixels of a label's marker and the space between labels."""

LEGEND_SHARE = 0.4
"""The legend's maximum share of the picture's height."""

LABEL_LENGTHS = (28, 12)
"""Maximum characters of a label in the legend; the second, if the labels do not fit with the first."""

BAR_SHARE = 0.82
"""The share of the space between two dates that a bar fills."""

MAX_MARKERS = 45
"""A line of up to so many points has a marker at each."""

THIN_LINE_POINTS = 400
"""A line of so many points or more is thinner."""

RC_PARAMS: Any = {
    "font.family": ["sans-serif"],
    # A version named `$x$` is not a formula.
    "text.parse_math": False,
    # Text is kept as text, for screen readers and search.
    "svg.fonttype": "none",
    # The same chart is the same bytes, so that its ETag is stable.
    "svg.hashsalt": "pypistats-server",
}
JOINERS = "\u200c\u200d"
MAX_TICKS, TICK_WIDTH = 9, 75
"""The maximum number of dates on the axis, and the pixels that each needs."""

SHORT_SPAN = 62
LONG_SPAN = 4 * 366
"""Up to SHORT_SPAN days the axis shows days, beyond LONG_SPAN only years, and months between."""

UNITS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))


def draw(chart: Chart, style: ChartStyle) -> bytes:
    """The chart as a PNG or SVG document."""
    mpl.rcdefaults()
    mpl.rcParams.update(RC_PARAMS)
    fonts = fonts_for("".join(_printable(dataset.label) for dataset in chart.datasets))
    mpl.rcParams["font.sans-serif"] = fonts
    if style.format == "png":
        # In an SVG the reader's fonts draw the text.
        labels = [without_boxes(_printable(dataset.label), fonts) for dataset in chart.datasets]
    else:
        labels = [_printable(dataset.label) for dataset in chart.datasets]
    palette = THEMES[style.theme]
    colors = category_colors(chart.type, [dataset.label for dataset in chart.datasets], palette)
    figure = Figure(figsize=(style.width / DPI, style.height / DPI), dpi=DPI, facecolor=palette.background)
    above = _draw_heading(figure, chart, style, palette)
    below = _draw_legend(figure, labels, chart.chart_type, style, palette, colors)
    axes = figure.add_axes(
        (
            MARGIN_LEFT / style.width,
            (MARGIN_BOTTOM + below) / style.height,
            1 - (MARGIN_LEFT + MARGIN_RIGHT) / style.width,
            1 - (above + MARGIN_BOTTOM + below) / style.height,
        ),
        facecolor=palette.background,
    )
    if chart.datasets:
        _draw_value_axis(axes, chart, style, palette)
        _draw_date_axis(axes, chart, style, palette)
        _draw_lines(axes, chart, colors) if chart.chart_type == "line" else _draw_bars(axes, chart, colors)
    else:
        axes.axis("off")
        axes.text(0.5, 0.5, chart.emptiness, color=palette.faint_text, fontsize=12, ha="center")
    return _png(figure, chart) if style.format == "png" else _svg(figure, chart, style)


def _draw_heading(figure: Figure, chart: Chart, style: ChartStyle, palette: Palette) -> int:
    """Draw the heading. Returns its height in pixels."""
    is_compact = style.height < COMPACT_SIZE
    size, above = (9.5 if style.width < COMPACT_SIZE else 11, 14) if is_compact else (13, 20)
    room = int((style.width - 2 * PADDING) / (size * 0.95))
    at = PADDING / style.width
    title = _truncated(chart.title, room)
    figure.text(at, 1 - above / style.height, title, color=palette.text, size=size, weight="bold", va="top")
    below, small = (32, 7.5) if is_compact else (45, 9.5)
    text = chart.notes if is_compact else _subtitle(chart)
    text = _truncated(text, int((style.width - 2 * PADDING) / (small * 0.75)))
    figure.text(at, 1 - below / style.height, text, color=palette.faint_text, size=small, va="top")
    return 48 if is_compact else 76


def _subtitle(chart: Chart) -> str:
    """The subtitle: granularity, dates, and what is not drawn."""
    each = f"per {chart.granularity}"
    if not chart.dates:
        return each
    written = "%Y-%m" if chart.granularity == "month" else "%Y-%m-%d"
    first, last = (day.strftime(written) for day in (chart.dates[0], chart.dates[-1]))
    span = f"{each}, {first}" if first == last else f"{each}, {first} to {last}"
    return f"{span}; {chart.notes}" if chart.notes else span


def _draw_legend(
    figure: Figure, names: list[str], chart_type: ChartType, style: ChartStyle, palette: Palette, colors: list[str]
) -> float:
    """Draw the legend at the bottom. Returns its height in pixels."""
    if not names:
        return 0
    labels, rows = _legend_labels(names, style)
    marker = "s" if chart_type == "bar" else "none"
    handles = [
        Line2D([], [], color=color, linewidth=3, linestyle="-" if marker == "none" else "none", marker=marker)
        for color in colors[: len(labels)]
    ]
    figure.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=((PADDING - 6) / style.width, 6 / style.height),
        ncols=-(-len(labels) // rows),
        frameon=False,
        labelcolor=palette.text,
        fontsize=9.5,
        handlelength=1.3,
        handletextpad=0.6,
        columnspacing=1.6,
        borderaxespad=0,
    )
    return rows * LEGEND_ROW_HEIGHT + 14


def _legend_labels(names: list[str], style: ChartStyle) -> tuple[list[str], int]:
    """The labels that fit, truncated if necessary, and the number of rows they take."""
    most = max(1, int(style.height * LEGEND_SHARE / LEGEND_ROW_HEIGHT))
    room = style.width - 2 * PADDING
    for longest in LABEL_LENGTHS:
        labels = [_truncated(name, longest) for name in names]
        if (rows := _legend_rows(labels, room)) <= most:
            return labels, rows
    while (rows := _legend_rows(labels, room)) > most:
        labels.pop()
    return labels, rows


def _legend_rows(labels: list[str], room: int) -> int:
    """The rows that a legend of this width needs. A column is as wide as its longest label."""
    for rows in range(1, len(labels)):
        columns = [labels[at : at + rows] for at in range(0, len(labels), rows)]
        if sum(max(map(len, column)) * CHARACTER_WIDTH + MARKER_WIDTH for column in columns) <= room:
            return rows
    return len(labels)


def _draw_value_axis(axes: Axes, chart: Chart, style: ChartStyle, palette: Palette) -> None:
    values = [[value or 0 for value in dataset.data] for dataset in chart.datasets]
    is_stacked = chart.chart_type == "bar" and not chart.is_nested
    highest = max(sum(column) if is_stacked else max(column) for column in zip(*values, strict=True))
    axes.set_ylim(0, highest * 1.05 or 1)
    axes.yaxis.set_major_locator(
        MaxNLocator(nbins=max(2, min(6, style.height // 90)), integer=True, steps=[1, 2, 2.5, 5, 10])
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value)))
    axes.tick_params(axis="both", colors=palette.faint_text, labelsize=9.5, length=0, pad=7)
    axes.grid(axis="y", color=palette.grid, linewidth=1)
    axes.set_axisbelow(True)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(palette.faint_text)


def tick_label(value: float) -> str:
    """A value on the axis: `1.5M`."""
    for size, unit in UNITS:
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _draw_date_axis(axes: Axes, chart: Chart, style: ChartStyle, palette: Palette) -> None:
    first, last = chart.dates[0], chart.dates[-1]
    room = _days_of_value(chart)
    margin = room * 3 if first == last else room / 2 if chart.chart_type == "bar" else 0
    axes.set_xlim(date2num(first) - margin, date2num(last) + margin)
    most = min(MAX_TICKS, (style.width - MARGIN_LEFT - MARGIN_RIGHT) // TICK_WIDTH)
    ticks = chart.dates if len(chart.dates) <= most else tick_dates(first, last, most)
    days = (last - first).days
    axes.set_xticks([date2num(day) for day in ticks], [_date_text(day, days) for day in ticks])
    axes.tick_params(axis="x", length=4, color=palette.faint_text)


def tick_dates(first: date, last: date, most: int) -> list[date]:
    """At most `most` dates for the axis: every n-th day, or the first day of every n-th month."""
    days = (last - first).days
    if days <= SHORT_SPAN:
        every = next(step for step in (2, 7, 14, 28, 56) if days / step < most)
        return [first + timedelta(days=at) for at in range(0, days + 1, every)]
    months = range(first.year * 12 + first.month - (first.day == 1), last.year * 12 + last.month)
    least = 12 if days > LONG_SPAN else 1
    every = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 600) if step >= least and len(months) / step <= most)
    return [date(month // 12, month % 12 + 1, 1) for month in months if month % every == 0]


def _date_text(day: date, days: int) -> str:
    """A date on an axis that spans so many days."""
    if days > LONG_SPAN:
        return f"{day:%Y}"
    return f"{day:%b %Y}" if days > SHORT_SPAN else f"{day.day} {day:%b}"


def _days_of_value(chart: Chart) -> float:
    """The approximate number of days of one value."""
    return {"day": 1, "week": 7, "month": 30}[chart.granularity]


def _draw_lines(axes: Axes, chart: Chart, colors: list[str]) -> None:
    dates = [date2num(day) for day in chart.dates]
    marker = "o" if len(dates) <= MAX_MARKERS or chart.has_lone_value else ""
    for dataset, color in zip(chart.datasets, colors, strict=True):
        # Clipping would cut off half the width of a line along zero.
        axes.plot(
            dates,
            # The line is broken at a date that is not loaded.
            [math.nan if value is None else value for value in dataset.data],
            color=color,
            linewidth=1.8 if len(dates) < THIN_LINE_POINTS else 1.1,
            marker=marker,
            markersize=4.5,
            solid_joinstyle="round",
            clip_on=False,
        )


def _draw_bars(axes: Axes, chart: Chart, colors: list[str]) -> None:
    """One collection per category: with a patch for each value, drawing takes seconds."""
    half = _days_of_value(chart) * BAR_SHARE / 2
    centres = [date2num(day) for day in chart.dates]
    floor = [0] * len(centres)
    for dataset, color in zip(chart.datasets, colors, strict=True):
        tops = [low + (value or 0) for low, value in zip(floor, dataset.data, strict=True)]
        boxes = [
            ((x - half, low), (x - half, top), (x + half, top), (x + half, low))
            for x, low, top in zip(centres, floor, tops, strict=True)
            if top > low
        ]
        axes.add_collection(PolyCollection(boxes, facecolors=color, linewidths=0, zorder=2))
        floor = floor if chart.is_nested else tops


def _printable(text: str) -> str:
    """The text with U+FFFD for characters that cannot be printed; joiners are kept."""
    return "".join(letter if letter.isprintable() or letter in JOINERS else "\ufffd" for letter in text)


def _truncated(text: str, length: int) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _png(figure: Figure, chart: Chart) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DPI, metadata={"Software": None, "Title": chart.title})
    return picture.getvalue()


def _svg(figure: Figure, chart: Chart, style: ChartStyle) -> bytes:
    picture = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None, "Title": chart.title}
    with warnings.catch_warnings():
        # Of characters that no font here has: the reader's fonts draw them.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(picture, format="svg", metadata=metadata)
    return embeddable(picture.getvalue(), style).encode()
