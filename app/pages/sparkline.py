"""A line small enough for a tile, as the points of an SVG polyline: no script draws it."""

from collections.abc import Sequence

WIDTH, HEIGHT = 240, 48
MARGIN = 2


def sparkline(counts: Sequence[int]) -> str:
    """Points from left to right, from 0 at the bottom to the largest count at the top."""
    step = WIDTH / max(1, len(counts) - 1)
    scale = (HEIGHT - 2 * MARGIN) / (max(counts, default=0) or 1)
    return " ".join(f"{number * step:.1f},{HEIGHT - MARGIN - count * scale:.1f}" for number, count in enumerate(counts))
