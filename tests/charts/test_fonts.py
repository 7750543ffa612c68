"""Category names that the default font lacks are drawn with an installed one, or are escaped; never as boxes."""

from datetime import date
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from matplotlib.font_manager import FontProperties, findfont, fontManager

from app.charts.data import Chart, ChartStyle, Dataset
from app.charts.draw import draw
from app.charts.fonts import DEFAULT_FONT, fonts_for, without_boxes
from tests.support.pictures import texts

RARE = "\uf8f0"
"""A character for private use: no usual font has it."""
DAYS = [date(2026, 3, day) for day in (1, 2, 3)]


def chart(label: str) -> Chart:
    return Chart("numpy", "installer", "line", "day", DAYS, [], [], [Dataset(label, [1, 2, 3])])


def picture(label: str) -> bytes:
    return draw(chart(label), ChartStyle("png", "light", 640, 320))


@pytest.fixture
def rare_font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed font in which the rare character looks like an A."""
    path = tmp_path / "rare.ttf"
    with TTFont(findfont(FontProperties(family=[DEFAULT_FONT]))) as font:
        for table in font["cmap"].tables:
            table.cmap = {ord(RARE): "A"}
        for record in font["name"].names:
            if record.nameID in {1, 4, 16}:
                record.string = "Rare-Letters"
        font.save(path)
    monkeypatch.setattr(fontManager, "ttflist", list(fontManager.ttflist))
    fontManager.addfont(path)


@pytest.mark.usefixtures("rare_font")
def test_an_installed_font_draws_what_the_default_one_lacks() -> None:
    assert fonts_for(f"pip {RARE}") == [DEFAULT_FONT, "Rare-Letters"]
    assert without_boxes(RARE, fonts_for(RARE)) == RARE


def test_the_default_font_suffices_for_usual_names() -> None:
    assert fonts_for("pip null 3.10 Ünïcode загрузки") == [DEFAULT_FONT]


def test_a_character_of_no_font_is_escaped() -> None:
    fonts = fonts_for(f"a{RARE}\u200d\u0301")

    assert without_boxes(f"a{RARE}\u200d", fonts) == "a\\uf8f0\u200d"
    assert picture("\U00013000").startswith(b"\x89PNG")


def test_an_svg_has_the_name_itself() -> None:
    """The reader's fonts draw it."""
    assert "snake \u4e0b" in texts(draw(chart("snake \u4e0b"), ChartStyle("svg", "light", 640, 320)))
