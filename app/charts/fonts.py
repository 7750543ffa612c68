"""Which installed fonts draw a text, and how a character is written that none of them has."""

import re
import unicodedata
from functools import lru_cache

from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font

DEFAULT_FONT = "DejaVu Sans"
"""matplotlib brings it along."""

DRAWN_BY_NONE = {"Cf", "Mn", "Me"}
"""Joiners and marks change what stands beside them; without a glyph of their own they are left out."""


def fonts_for(text: str) -> list[str]:
    """The default font, and further ones with the characters that it lacks, if there are any."""
    fonts, missing = [DEFAULT_FONT], set(text) - _characters(_path(DEFAULT_FONT))
    for entry in sorted(fontManager.ttflist, key=lambda entry: (entry.name, entry.fname)):
        # matplotlib draws no fonts in color, and brings along one that has a box for every character.
        if not missing or entry.style != "normal" or re.search("emoji|last resort", entry.name.lower()):
            continue
        if found := missing & _characters(entry.fname):
            fonts.append(entry.name)
            missing -= found
    return fonts


def without_boxes(text: str, fonts: list[str]) -> str:
    """The text with characters that none of the fonts has as `\\u4e0b`; a font would draw boxes."""
    known = frozenset().union(*(_characters(_path(font)) for font in fonts))
    return "".join(
        letter
        if letter in known or unicodedata.category(letter) in DRAWN_BY_NONE
        else letter.encode("ascii", "backslashreplace").decode()
        for letter in text
    )


def _path(font: str) -> str:
    return str(findfont(FontProperties(family=[font])))


@lru_cache(maxsize=32)
def _characters(path: str) -> frozenset[str]:
    """The characters of a font's file; none if it cannot be read."""
    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()
