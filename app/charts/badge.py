"""A badge for a README: two short texts side by side, as an SVG document or for shields.io to draw."""

import re
import unicodedata
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

import msgspec
from msgspec import UNSET, UnsetType

from app.charts.colours import contrast

Style = Literal["flat", "flat-square", "plastic", "for-the-badge"]

NAMED_COLOURS = {
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
}
"""The names that READMEs use for the colours of badges."""

COLOUR_PATTERN = f"^({'|'.join(NAMED_COLOURS)}|#?[0-9A-Fa-f]{{3}}|#?[0-9A-Fa-f]{{6}})$"
COLOUR_RULE = f"{', '.join(NAMED_COLOURS)}, or 3 or 6 hexadecimal digits"

THOUSAND = 1000
"""The first number of four digits."""

LABEL_COLOUR = "#555555"
PAD = 6
FONTS = "Verdana,Geneva,DejaVu Sans,sans-serif"

# Hundredths of the letter size, of the fonts above; the picture tells its reader's font to keep to them.
WIDTHS = {
    letter: width
    for width, letters in {
        28: "'ijlIJ",
        33: " ,.f-/:;\\|",
        40: "()[]t!r",
        48: '"*_`',
        53: "szc?",
        58: "LFkvxyP",
        62: "TYaoeESbdghnpqu",
        64: "$0123456789{}",
        69: "KAVBRXZC",
        76: "UHNDG&OQ",
        84: "w#+<=>^~M",
        97: "%mW@",
    }.items()
    for letter in letters
}
ANOTHER_LETTER, WIDE_LETTER = 68, 100


class Geometry(msgspec.Struct, frozen=True):
    """A style: lengths in pixels, and how bright the top and how dark the foot is made."""

    height: int
    radius: int
    letters: int
    baseline: int
    shine: tuple[float, float] | None = None
    spacing: float = 0
    is_loud: bool = False


STYLES: dict[Style, Geometry] = {
    "flat": Geometry(20, 3, 11, 14, shine=(0.1, 0.1)),
    "flat-square": Geometry(20, 0, 11, 14),
    "plastic": Geometry(18, 4, 11, 13, shine=(0.45, 0.3)),
    "for-the-badge": Geometry(28, 0, 10, 18, spacing=1.25, is_loud=True),
}


class Badge(msgspec.Struct, frozen=True):
    """What is on a badge. `colour` is as a request has it: a name, or hexadecimal digits."""

    label: str
    message: str
    colour: str
    style: Style
    is_error: bool = False


def downloads_in(count: int, period: str) -> str:
    """The message of a number of downloads in a period, or of all (`total`): `1.42M/month`."""
    return short(count) if period == "total" else f"{short(count)}/{period}"


def short(count: int) -> str:
    """A number with three significant digits: `999`, `1.42M`. It is rounded half up, and 999,999 becomes `1.00M`."""
    if count < THOUSAND:
        return str(count)
    for exponent, unit in enumerate("kMBT", start=1):
        size = THOUSAND**exponent
        for places in (2, 1, 0):
            digits = (2 * count * 10**places + size) // (2 * size)
            if digits < THOUSAND:
                return f"{digits / 10**places:.{places}f}{unit}"
    return f"{count // 10**12}T"


def hexadecimal(colour: str) -> str:
    """A colour as `#rrggbb`."""
    if colour in NAMED_COLOURS:
        return NAMED_COLOURS[colour]
    digits = colour.removeprefix("#").lower()
    return "#" + (digits if len(digits) == len("rrggbb") else "".join(digit * 2 for digit in digits))


class ShieldsBadge(msgspec.Struct, rename="camel", kw_only=True):
    """What shields.io's endpoint badge reads (https://shields.io/badges/endpoint-badge)."""

    schema_version: Literal[1] = 1
    label: str
    message: str
    color: str
    style: Style
    cache_seconds: int
    is_error: bool | UnsetType = UNSET


def shields(badge: Badge, cache_seconds: int) -> ShieldsBadge:
    """The badge for shields.io to draw."""
    return ShieldsBadge(
        label=badge.label,
        message=badge.message,
        color=hexadecimal(badge.colour),
        style=badge.style,
        cache_seconds=cache_seconds,
        is_error=badge.is_error or UNSET,
    )


def svg(badge: Badge) -> bytes:
    """The badge as a document that asks nobody for anything."""
    form = STYLES[badge.style]
    label, message = _printable(badge.label), _printable(badge.message)
    name = f"{label}: {message}"
    if form.is_loud:
        label, message = label.upper(), message.upper()
    colour = hexadecimal(badge.colour)
    left, right = (_width(text, form) + 2 * PAD + 6 * form.is_loud for text in (label, message))
    size = f'width="{left + right}" height="{form.height}"'
    # Where several badges stand in one page, what bears the same name is the same.
    edge, shine = f"edge-{left + right}-{form.height}-{form.radius}", f"shine-{badge.style}"
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label={quoteattr(name)}>',
            f"<title>{escape(name)}</title>",
            _shine(shine, form),
            f'<clipPath id="{edge}"><rect {size} rx="{form.radius}"/></clipPath><g clip-path="url(#{edge})">',
            f'<rect width="{left}" height="{form.height}" fill="{LABEL_COLOUR}"/>',
            f'<rect x="{left}" width="{right}" height="{form.height}" fill="{colour}"/>',
            f'<rect {size} fill="url(#{shine})"/>' if form.shine else "",
            f'</g><g font-family="{FONTS}" font-size="{form.letters}" text-anchor="middle">',
            _text(label, left / 2, LABEL_COLOUR, form),
            _text(message, left + right / 2, colour, form),
            "</g></svg>",
        ]
    ).encode()


def _shine(name: str, form: Geometry) -> str:
    if form.shine is None:
        return ""
    top, foot = form.shine
    return (
        f'<linearGradient id="{name}" x2="0" y2="100%">'
        f'<stop offset="0" stop-color="#fff" stop-opacity="{top}"/>'
        f'<stop offset="1" stop-color="#000" stop-opacity="{foot}"/></linearGradient>'
    )


def _text(text: str, centre: float, background: str, form: Geometry) -> str:
    """A text in whichever of white and near-black can be read better."""
    ink = max("#ffffff", "#1f2328", key=lambda colour: contrast(colour, background))
    weight = ' font-weight="bold"' if form.is_loud else ""
    return (
        f'<text x="{centre:g}" y="{form.baseline}" fill="{ink}"{weight} textLength="{_width(text, form)}">'
        f"{escape(text)}</text>"
    )


def _width(text: str, form: Geometry) -> int:
    """Pixels that a text is given."""
    hundredths = sum(map(_letter_width, text))
    return round(hundredths * form.letters / 100 * (1.1 if form.is_loud else 1) + form.spacing * len(text))


def _letter_width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    another = WIDE_LETTER if unicodedata.east_asian_width(letter) in "WF" else ANOTHER_LETTER
    return WIDTHS.get(letter, another)


def _printable(text: str) -> str:
    """A text without what XML does not allow at all, not even escaped."""
    return re.sub("[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
