"""Badges for READMEs: a label and a message, as an SVG document or as JSON for shields.io's endpoint badge."""

import re
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

import msgspec
from msgspec import UNSET, UnsetType

from app.charts.colors import contrast_ratio
from app.charts.css_colors import CSS_COLORS
from app.charts.text_width import width_of

BadgeStyle = Literal["flat", "flat-square", "plastic", "for-the-badge"]

NAMED_COLORS = {
    "brightgreen": "#44cc11",
    "green": "#97ca00",
    "yellowgreen": "#a4a61d",
    "yellow": "#dfb317",
    "orange": "#fe7d37",
    "red": "#e05d44",
    "blue": "#007ec6",
    "grey": "#555555",
    "gray": "#555555",
    "lightgrey": "#9f9f9f",
    "lightgray": "#9f9f9f",
    "success": "#44cc11",
    "important": "#fe7d37",
    "critical": "#e05d44",
    "informational": "#007ec6",
    "inactive": "#9f9f9f",
    "blueviolet": "#8a2be2",
}
"""Color names, as shields.io has them. It accepts those of CSS too."""

COLOR_PATTERN = "^([A-Za-z]+|#?[0-9A-Fa-f]{3}|#?[0-9A-Fa-f]{6})$"
COLOR_RULE = "a color name of shields.io or CSS, such as brightgreen, or 3 or 6 hexadecimal digits"


THOUSAND = 1000
LABEL_COLOR = "#555555"
PADDING = 6
FIRST_JOINED = "\u0530"
"""Before it, Unicode has Latin, Greek and Cyrillic."""
FONTS = "Verdana,Geneva,DejaVu Sans,sans-serif"


class Geometry(msgspec.Struct, frozen=True):
    """A style's lengths in pixels. `shine` is the opacity of white at the top and of black at the bottom."""

    height: int
    radius: int
    font_size: int
    baseline: int
    shine: tuple[float, float] | None = None
    letter_spacing: float = 0
    uppercase: bool = False


STYLES: dict[BadgeStyle, Geometry] = {
    "flat": Geometry(20, 3, 11, 14, shine=(0.1, 0.1)),
    "flat-square": Geometry(20, 0, 11, 14),
    "plastic": Geometry(18, 4, 11, 13, shine=(0.45, 0.3)),
    "for-the-badge": Geometry(28, 0, 10, 18, letter_spacing=1.25, uppercase=True),
}


class Badge(msgspec.Struct, frozen=True):
    """A badge. `color` is `#rrggbb`; a badge without a label is the message alone."""

    label: str
    message: str
    color: str
    style: BadgeStyle
    is_error: bool = False


def downloads_message(count: int, period: str) -> str:
    """The message for downloads in a period: `1.42M/month`, or `1.42M` for `total`."""
    return compact_number(count) if period == "total" else f"{compact_number(count)}/{period}"


def compact_number(count: int) -> str:
    """A number with three significant digits, rounded half up: `999`, `1.42M`; 999,999 is `1.00M`."""
    if count < THOUSAND:
        return str(count)
    for exponent, unit in enumerate("kMBT", start=1):
        size = THOUSAND**exponent
        for places in (2, 1, 0):
            digits = (2 * count * 10**places + size) // (2 * size)
            if digits < THOUSAND:
                return f"{digits / 10**places:.{places}f}{unit}"
    return f"{count // 10**12}T"


def hex_color(color: str) -> str | None:
    """A color that matches `COLOR_PATTERN`, as `#rrggbb`; None for a name that there is not."""
    color = color.lower()
    named = NAMED_COLORS.get(color) or CSS_COLORS.get(color)
    if named or not re.fullmatch("#?([0-9a-f]{3}|[0-9a-f]{6})", color):
        return named
    digits = color.removeprefix("#")
    return "#" + (digits if len(digits) == len("rrggbb") else "".join(digit * 2 for digit in digits))


class ShieldsBadge(msgspec.Struct, rename="camel", kw_only=True):
    """What shields.io's endpoint badge reads (https://shields.io/badges/endpoint-badge)."""

    schema_version: Literal[1] = 1
    label: str
    message: str
    color: str
    style: BadgeStyle
    cache_seconds: int
    is_error: bool | UnsetType = UNSET


def shields_badge(badge: Badge, cache_seconds: int) -> ShieldsBadge:
    return ShieldsBadge(
        label=badge.label,
        message=badge.message,
        color=badge.color,
        style=badge.style,
        cache_seconds=cache_seconds,
        is_error=badge.is_error or UNSET,
    )


def badge_svg(badge: Badge) -> bytes:
    """The badge as an SVG document without external references."""
    geometry = STYLES[badge.style]
    label, message = _printable(badge.label), _printable(badge.message)
    name = f"{label}: {message}" if label else message
    if geometry.uppercase:
        label, message = label.upper(), message.upper()
    padding = 2 * PADDING + 6 * geometry.uppercase
    left, right = _width(label, geometry) + padding if label else 0, _width(message, geometry) + padding
    size = f'width="{left + right}" height="{geometry.height}"'
    # In a page with several inline badges, equal ids refer to equal definitions.
    edge, shine = f"edge-{left + right}-{geometry.height}-{geometry.radius}", f"shine-{badge.style}"
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label={quoteattr(name)}>',
            f"<title>{escape(name)}</title>",
            _shine(shine, geometry),
            f'<clipPath id="{edge}"><rect {size} rx="{geometry.radius}"/></clipPath><g clip-path="url(#{edge})">',
            f'<rect width="{left}" height="{geometry.height}" fill="{LABEL_COLOR}"/>' if label else "",
            f'<rect x="{left}" width="{right}" height="{geometry.height}" fill="{badge.color}"/>',
            f'<rect {size} fill="url(#{shine})"/>' if geometry.shine else "",
            f'</g><g font-family="{FONTS}" font-size="{geometry.font_size}" text-anchor="middle">',
            _text(label, left / 2, LABEL_COLOR, geometry) if label else "",
            _text(message, left + right / 2, badge.color, geometry),
            "</g></svg>",
        ]
    ).encode()


def _shine(name: str, geometry: Geometry) -> str:
    if geometry.shine is None:
        return ""
    top, bottom = geometry.shine
    return (
        f'<linearGradient id="{name}" x2="0" y2="100%">'
        f'<stop offset="0" stop-color="#fff" stop-opacity="{top}"/>'
        f'<stop offset="1" stop-color="#000" stop-opacity="{bottom}"/></linearGradient>'
    )


def _text(text: str, center: float, background: str, geometry: Geometry) -> str:
    """A text in white or near-black, whichever has more contrast."""
    color = max("#ffffff", "#1f2328", key=lambda color: contrast_ratio(color, background))
    weight = ' font-weight="bold"' if geometry.uppercase else ""
    # Letters that are written joined may be stretched, but not set apart.
    fit = "" if _is_spaced(text) else ' lengthAdjust="spacingAndGlyphs"'
    length = f'textLength="{_width(text, geometry)}"{fit}'
    return f'<text x="{center:g}" y="{geometry.baseline}" fill="{color}"{weight} {length}>{escape(text)}</text>'


def _width(text: str, geometry: Geometry) -> int:
    scale = geometry.font_size / 100 * (1.1 if geometry.uppercase else 1)
    spacing = geometry.letter_spacing * len(text) if _is_spaced(text) else 0
    return max(1, round(width_of(text) * scale + spacing))


def _is_spaced(text: str) -> bool:
    """Whether all letters stand alone: Latin, Greek and Cyrillic ones do."""
    return all(letter < FIRST_JOINED for letter in text)


def _printable(text: str) -> str:
    """The text with characters that XML does not allow, even escaped, replaced by U+FFFD."""
    return re.sub("[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
