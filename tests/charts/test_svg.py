"""A chart's SVG changes nothing in a page that it is a part of."""

import re
from datetime import date

from app.charts.data import Chart, ChartStyle, Dataset
from app.charts.draw import draw
from tests.support.pictures import picture_size

DAYS = [date(2026, 3, day) for day in (1, 2, 3)]
SVG = draw(
    Chart("numpy", "system", "line", "day", DAYS, [], [], [Dataset("Linux", [1, 2, 3])]),
    ChartStyle("svg", "light", 640, 320),
)


def test_it_has_no_style_sheet() -> None:
    assert b"<style" not in SVG
    assert SVG.startswith(b'<svg role="img" stroke-linejoin="round" stroke-linecap="butt" ')
    assert picture_size(SVG) == (640, 320)


def test_it_has_only_ids_that_it_refers_to() -> None:
    text = SVG.decode()
    ids = set(re.findall(r' id="([^"]*)"', text))

    assert ids == set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    # Made of their content: two charts in one page have the same id for the same thing alone.
    assert all(re.fullmatch("[a-z][0-9a-f]{10}", name) for name in ids)
