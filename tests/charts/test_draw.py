"""The labels of the axes."""

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.charts.draw import tick_dates, tick_label


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (5, "5"), (999, "999"), (1000, "1k"), (2500, "2.5k"), (1.5e6, "1.5M"), (2e9, "2B"), (1.25e12, "1.25T")],
)
def test_tick_label(value: float, text: str) -> None:
    assert tick_label(value) == text


@pytest.mark.parametrize(
    ("first", "last", "most", "named"),
    [
        (date(2026, 3, 1), date(2026, 3, 30), 9, ["03-01", "03-08", "03-15", "03-22", "03-29"]),
        (date(2026, 5, 25), date(2026, 11, 20), 9, ["06-01", "07-01", "08-01", "09-01", "10-01", "11-01"]),
        (date(2026, 5, 1), date(2026, 11, 20), 3, ["07-01", "10-01"]),
    ],
)
def test_tick_dates(first: date, last: date, most: int, named: list[str]) -> None:
    assert [f"{day:%m-%d}" for day in tick_dates(first, last, most)] == named


@settings(derandomize=True, deadline=None)
@given(first=st.dates(date(1995, 1, 1), date(2100, 1, 1)), days=st.integers(10, 15_000), most=st.integers(3, 9))
def test_ticks_are_few_and_evenly_spaced(first: date, days: int, most: int) -> None:
    last = first + timedelta(days=days)

    named = tick_dates(first, last, most)

    assert 1 <= len(named) <= most
    assert first <= named[0] <= named[-1] <= last
    distances = [(late - early).days for early, late in itertools.pairwise(named)]
    assert not distances or max(distances) <= 1.15 * min(distances)
