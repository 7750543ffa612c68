"""Palettes of ten colors that color-blind readers can tell apart. A category has the same color on every chart.

tests/charts/test_colors.py checks contrast, and the distance between colors in normal and color-deficient vision.
"""

from collections.abc import Iterable, Sequence
from typing import Literal
from zlib import crc32

import msgspec

Theme = Literal["light", "dark"]


class Palette(msgspec.Struct, frozen=True):
    """The colors of a theme, as `#rrggbb`. All themes have the same number of `categories`."""

    background: str
    text: str
    faint_text: str
    grid: str
    categories: tuple[str, ...]
    null: str
    other: str


THEMES: dict[Theme, Palette] = {
    "light": Palette(
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
    "dark": Palette(
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

KNOWN_CATEGORIES = {
    "overall": ("without_mirrors", "with_mirrors"),
    "python_major": ("3", "2"),
    "python_minor": ("3.12", "3.11", "3.10", "3.9", "3.13", "3.8", "3.14", "3.7", "2.7", "3.15"),
    "system": ("Linux", "Windows", "Darwin"),
    "installer": ("pip", "uv", "bandersnatch", "poetry", "Browser", "requests", "Nexus", "pdm", "Artifactory", "conda"),
    "version": (),
    "country": ("US", "CN", "DE", "IN", "GB", "JP", "FR", "SG", "NL", "KR"),
    "file_type": ("bdist_wheel", "sdist", "bdist_egg", "bdist_wininst"),
    "origin": ("installer", "ci", "mirror", "browser"),
    "cpu": ("x86_64", "arm64", "i686"),
    "libc": (),
    "distro": (),
    "implementation": ("CPython", "PyPy"),
    "installer_version": (),
    "platform": ("any",),
    "abi": ("none", "abi3"),
}
"""The categories with a fixed color, by dimension, in the order of the palette."""


def category_colors(dimension: str, categories: Sequence[str], palette: Palette) -> list[str]:
    """A different color for each category. There may be no more than `palette.categories`, plus `null` and `other`."""
    fixed = {"null": palette.null, "other": palette.other}
    slots = _slots(dimension, [category for category in categories if category not in fixed], len(palette.categories))
    return [fixed.get(category) or palette.categories[slots[category]] for category in categories]


def _slots(dimension: str, categories: Iterable[str], count: int) -> dict[str, int]:
    """The index in the palette for each category: fixed, or by a hash of its name; if taken, the next free one."""
    fixed = {category: slot for slot, category in enumerate(KNOWN_CATEGORIES[dimension])}
    taken: dict[int, str] = {}
    for category in sorted(categories, key=lambda category: (category not in fixed, category)):
        preferred = fixed.get(category, crc32(category.encode()))
        slot = next(slot for step in range(count) if (slot := (preferred + step) % count) not in taken)
        taken[slot] = category
    return {category: slot for slot, category in taken.items()}


def contrast_ratio(one: str, other: str) -> float:
    """The contrast ratio of two colors as WCAG 2 defines it, 1 to 21."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 (sRGB)
