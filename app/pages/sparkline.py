"""A small line chart, drawn without scripts."""

from collections.abc import Sequence

WIDTH, HEIGHT = 240, 48
MARGIN = 2


def sparkline(counts: Sequence[int | None]) -> str:
    """An SVG path in a view box of WIDTH by HEIGHT, scaled from 0 to the largest count, and broken at each None."""
    step = WIDTH / max(1, len(counts) - 1)
    scale = (HEIGHT - 2 * MARGIN) / (max((count or 0 for count in counts), default=0) or 1)
    path: list[str] = []
    before: int | None = None
    for number, count in enumerate(counts):
        if count is not None:
            point = f"{number * step:.1f},{HEIGHT - MARGIN - count * scale:.1f}"
            # With round caps a line from a point to itself is a dot: a day between two that are not loaded.
            path.append(f"L{point}" if before is not None else f"M{point}L{point}")
        before = count
    return "".join(path)
