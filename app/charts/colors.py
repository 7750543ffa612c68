"""Colors: ten that a color-blind reader can tell apart, and the same one for a category on every chart.

tests/charts/test_colors.py holds both palettes to their contrast and to their distances, as full and as reduced color
vision sees them.
"""

from collections.abc import Iterable, Sequence
from typing import Literal
from zlib import crc32

import msgspec

Theme = Literal["light", "dark"]


class Colors(msgspec.Struct, frozen=True):
    """The colors of a theme. `categories` has the same hues in the same order in each."""

    background: str
    text: str
    faint_text: str
    grid: str
    categories: tuple[str, ...]
    null: str
    other: str


THEMES: dict[Theme, Colors] = {
    "light": Colors(
        background="#ffffff",
        text="#1f2328",
        faint_text="#59636e",
        grid="#e4e8ec",
        categories=(
            "#1c78aa",
            "#ed5570",
            "#90860f",
            "#6639b8",
            "#186f3c",
            "#c0180b",
            "#7c77fa",
            "#ab4783",
            "#012c91",
            "#7a001e",
        ),
        null="#454b54",
        other="#868e98",
    ),
    "dark": Colors(
        background="#11161d",
        text="#e6edf3",
        faint_text="#9aa4ae",
        grid="#2a313a",
        categories=(
            "#59bbff",
            "#f15340",
            "#e1bd26",
            "#844ea5",
            "#bffaa3",
            "#ff9a92",
            "#1863dc",
            "#cf7bc2",
            "#817fff",
            "#a84729",
        ),
        null="#c9d1d9",
        other="#767e89",
    ),
}

WELL_KNOWN = {
    "overall": ("without_mirrors", "with_mirrors"),
    "python_major": ("3", "2"),
    "python_minor": ("3.12", "3.11", "3.10", "3.9", "3.13", "3.8", "3.14", "3.7", "2.7", "3.15"),
    "system": ("Linux", "Windows", "Darwin"),
    "installer": ("pip", "uv", "bandersnatch", "poetry", "Browser", "requests", "Nexus", "pdm", "Artifactory", "conda"),
    "version": (),
    "country": ("US", "CN", "DE", "IN", "GB", "JP", "FR", "SG", "NL", "KR"),
    "file_type": ("bdist_wheel", "sdist", "bdist_egg", "bdist_wininst"),
}
"""The categories that have a color of their own, by dimension, in the palette's order."""


def colors_of(dimension: str, categories: Sequence[str], colors: Colors) -> list[str]:
    """The color of each category, at most as many (but for `null` and `other`) as the palette has."""
    own = {"null": colors.null, "other": colors.other}
    slots = _slots(dimension, [category for category in categories if category not in own], len(colors.categories))
    return [own.get(category) or colors.categories[slots[category]] for category in categories]


def _slots(dimension: str, categories: Iterable[str], count: int) -> dict[str, int]:
    """A place in the palette for each category: its own, or one by its name, or the next that is free."""
    known = {category: slot for slot, category in enumerate(WELL_KNOWN[dimension])}
    taken: dict[int, str] = {}
    for category in sorted(categories, key=lambda category: (category not in known, category)):
        wanted = known.get(category, crc32(category.encode()))
        slot = next(slot for step in range(count) if (slot := (wanted + step) % count) not in taken)
        taken[slot] = category
    return {category: slot for slot, category in taken.items()}


def contrast(one: str, other: str) -> float:
    """How well two colors stand out from each other, 1 to 21, as WCAG 2 has it."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 (sRGB's own)
