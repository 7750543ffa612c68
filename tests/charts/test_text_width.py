"""Widths of texts on badges: the table is the font's own, and texts are as wide as matplotlib sets them."""

import unicodedata
from collections import defaultdict
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font

from app.charts import text_width
from app.charts.text_width import width_of

FONT = findfont(FontProperties(family="DejaVu Sans"))
LAST = 0x22FF
"""Beyond it, DejaVu Sans has symbols, and forms of letters that no text is written with."""
WITHOUT_WIDTH = {"Mn", "Me", "Cf", "Cc"}


def font_table() -> str:
    """What the file should be: for each width in hundredths of the font size, the characters that have it."""
    with TTFont(FONT) as font:
        names, advances, units = font.getBestCmap(), font["hmtx"], font["head"].unitsPerEm
        widths = {
            code: round(advances[name][0] * 100 / units)
            for code, name in names.items()
            if code <= LAST and unicodedata.category(chr(code)) not in WITHOUT_WIDTH
        }
    runs: dict[int, list[list[int]]] = defaultdict(list)
    for code, width in sorted(widths.items()):
        if runs[width] and runs[width][-1][1] == code - 1:
            runs[width][-1][1] = code
        else:
            runs[width].append([code, code])
    return "".join(
        f"{width}: {' '.join(f'{first:x}-{last:x}' if first < last else f'{first:x}' for first, last in of_width)}\n"
        for width, of_width in sorted(runs.items())
    )


def test_the_table_is_the_font_s_own() -> None:
    file = Path(text_width.__file__).with_name("letter_widths.txt")

    assert file.read_text(encoding="ascii") == font_table()


@pytest.mark.parametrize(
    "text",
    ["downloads", "7/month", "WiMm", "téléchargements", "загрузки", "λήψεις", "הורדות", "Գործիք", "e\u0301", "€→"],
)
def test_a_text_is_as_wide_as_it_is_set(text: str) -> None:
    assert width_of(text) == pytest.approx(set_width(text), abs=4)


@pytest.mark.parametrize("text", ["تنزيلات", "التحميلات", "دانلودها", "ڈاؤن لوڈ"])
def test_joined_letters_are_narrower_than_single_ones(text: str) -> None:
    assert width_of(text) == pytest.approx(set_width(text), rel=0.15)


def set_width(text: str) -> float:
    """The width in hundredths of the font size as matplotlib sets the text, joined and with its marks."""
    font = FT2Font(FONT)
    font.set_size(100, 72)
    font.set_text(text)
    return font.get_width_height()[0] / 64


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("下载", 200),
        ("ダウンロード", 600),
        ("\N{SNAKE}", 125),
        # A family of three is one picture, as are a hand with its tone, a flag, and a heart in color.
        ("\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}", 125),
        ("\N{WAVING HAND SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}", 125),
        ("\U0001f1e9\U0001f1ea", 125),
        # Vowel signs above and below take no room, and a joiner in a word does not hide the next letter.
        ("कि", 92),
        ("क्\u200dष", 128),
        ("", 0),
    ],
)
def test_what_the_font_does_not_have(text: str, width: int) -> None:
    assert width_of(text) == width
