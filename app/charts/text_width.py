"""How wide a text on a badge is. Badges are written where no font is at hand, so the widths are in a file.

`letter_widths.txt` has the advance widths of DejaVu Sans, from which Verdana's differ little. For scripts that it
lacks, the widths are those that their usual fonts have on average; `textLength` makes every font keep to them.
"""

import unicodedata
from functools import cache
from pathlib import Path

WIDE = 100
"""Chinese, Japanese and Korean characters are squares."""
EMOJI = 125
LETTER, VOWEL_SIGN = 64, 28
"""Of scripts that are not in the table, such as Devanagari."""
JOINED_SHARES = 0.58, 1.0
"""Arabic letters are narrower in a word than alone, but not those that only join the letter before."""
JOIN_BACKWARD = frozenset("اأإآٱدذڈرزڑژوؤة")

JOINER = "\u200d"
FIRST_EMOJI = 0x1F000
REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)
"""Two of them are a flag."""
SKIN_TONES = range(0x1F3FB, 0x1F400)


def width_of(text: str) -> float:
    """The width of a text in hundredths of the font size."""
    return sum(_letter_width(letter, before) for before, letter in zip(" " + text, text, strict=False))


def _letter_width(letter: str, before: str) -> float:
    code, category = ord(letter), unicodedata.category(letter)
    if category in {"Mn", "Me", "Cf"} or code in SKIN_TONES:
        return 0
    if code >= FIRST_EMOJI:
        # What is joined to an emoji changes it, and adds none.
        return 0 if before == JOINER else EMOJI / 2 if code in REGIONAL_INDICATORS else EMOJI
    if unicodedata.east_asian_width(letter) in "WF":
        return WIDE
    width = _table().get(letter, VOWEL_SIGN if category == "Mc" else LETTER)
    return width * JOINED_SHARES[letter in JOIN_BACKWARD] if unicodedata.bidirectional(letter) == "AL" else width


@cache
def _table() -> dict[str, int]:
    """The width of each character that is in the file, whose lines are a width and ranges of characters."""
    widths = {}
    for line in Path(__file__).with_name("letter_widths.txt").read_text(encoding="ascii").splitlines():
        width, _, ranges = line.partition(":")
        for part in ranges.split():
            first, _, last = part.partition("-")
            widths.update(dict.fromkeys(map(chr, range(int(first, 16), int(last or first, 16) + 1)), int(width)))
    return widths
