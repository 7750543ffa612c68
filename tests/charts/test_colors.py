"""Colors are distinct from the background and from each other, in normal and in color-deficient vision."""

import itertools
import math

import pytest

from app.charts.colors import KNOWN_CATEGORIES, THEMES, Palette, Theme, category_colors
from app.charts.data import SUBJECTS

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

# Linear RGB as seen without one kind of cone: Machado, Oliveira, Fernandes 2009, severity 1.0.
VISION: dict[str, Matrix] = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
# Linear RGB to OKLab, by way of its cone responses (https://bottosson.github.io/posts/oklab/).
TO_CONES: Matrix = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
TO_OKLAB: Matrix = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
NOTICEABLE = 0.02
"""The just noticeable difference in OKLab, side by side."""


def linear(color: str) -> Vector:
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return _linear(red), _linear(green), _linear(blue)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def times(matrix: Matrix, vector: Vector) -> Vector:
    x, y, z = (sum(factor * value for factor, value in zip(row, vector, strict=True)) for row in matrix)
    return x, y, z


def oklab(color: str, vision: str) -> Vector:
    red, green, blue = (min(1.0, max(0.0, value)) for value in times(VISION[vision], linear(color)))
    long, middle, short = (math.cbrt(value) for value in times(TO_CONES, (red, green, blue)))
    return times(TO_OKLAB, (long, middle, short))


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it."""
    luminances = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(one), linear(other))]
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def series_colors(theme: Palette) -> list[str]:
    return [*theme.categories, theme.null, theme.other]


@pytest.mark.parametrize("theme", THEMES)
def test_contrast_with_the_background(theme: Theme) -> None:
    """WCAG asks for 3 for graphics and 4.5 for text."""
    palette = THEMES[theme]

    assert all(contrast(color, palette.background) >= 3 for color in series_colors(palette))
    assert contrast(palette.text, palette.background) >= 7
    assert contrast(palette.faint_text, palette.background) >= 4.5


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", THEMES)
def test_any_two_categories_differ(theme: Theme, vision: str) -> None:
    """By a multiple of the just noticeable difference: lines are thin, and not side by side."""
    colors = series_colors(THEMES[theme])
    least = 6 * NOTICEABLE if vision == "full" else 3 * NOTICEABLE

    for one, other in itertools.combinations(colors, 2):
        assert math.dist(oklab(one, vision), oklab(other, vision)) >= least, (one, other)


def test_every_dimension_has_fixed_colors() -> None:
    assert set(KNOWN_CATEGORIES) == set(SUBJECTS)
    for categories in KNOWN_CATEGORIES.values():
        assert len(set(categories)) == len(categories) <= len(THEMES["light"].categories)


@pytest.mark.parametrize("dimension", KNOWN_CATEGORIES)
def test_a_known_category_has_the_same_color_on_every_chart(dimension: str) -> None:
    known = list(KNOWN_CATEGORIES[dimension])
    unknown = [f"unknown-{number}" for number in range(10 - len(known))]
    categories = [*unknown, *known]
    together = dict(zip(categories, category_colors(dimension, categories, THEMES["dark"]), strict=True))

    for category in known:
        assert category_colors(dimension, [category], THEMES["dark"]) == [together[category]]
    assert len(set(together.values())) == 10


def test_the_color_of_an_unknown_category_follows_from_its_name() -> None:
    """The same in every process, and on every chart where no other category has it."""
    alone = [category_colors("version", [name], THEMES["light"])[0] for name in ("1.0", "2.0", "3.0.1")]

    assert alone == ["#c0180b", "#186f3c", "#1c78aa"]
    assert category_colors("version", ["3.0.1", "1.0"], THEMES["light"]) == [alone[2], alone[0]]


def test_the_themes_have_the_same_number_of_colors() -> None:
    assert len(THEMES["light"].categories) == len(THEMES["dark"].categories) == 10
