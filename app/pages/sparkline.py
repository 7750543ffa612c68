"""A small line chart, drawn without scripts."""

from collections.abc import Sequence

WIDTH, HEIGHT = 240, 48
MARGIN = 2


def sparkline(counts: Sequence[int]) -> str:
    """The points of an SVG polyline in a view box of WIDTH by HEIGHT, scaled from 0 to the largest count."""
    step = WIDTH / max(1, len(counts) - 1)
    scale = (HEIGHT - 2 * MARGIN) / (max(counts, default=0) or 1)
    return " ".join(f"{number * step:.1f},{HEIGHT - MARGIN - count * scale:.1f}" for number, count in enumerate(counts))
