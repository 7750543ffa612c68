"""Numbers on badges are rounded to three significant digits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.charts.badge import compact_number

UNITS = {"k": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (7, "7"),
        (999, "999"),
        (1000, "1.00k"),
        (1004, "1.00k"),
        (1005, "1.01k"),
        (1234, "1.23k"),
        (9994, "9.99k"),
        (9995, "10.0k"),
        (12_345, "12.3k"),
        (99_949, "99.9k"),
        (99_950, "100k"),
        (123_456, "123k"),
        (999_499, "999k"),
        (999_500, "1.00M"),
        (999_999, "1.00M"),
        (1_420_000, "1.42M"),
        (999_999_999, "1.00B"),
        (1_565_499_249, "1.57B"),
        (10**12, "1.00T"),
        (10**15, "1000T"),
    ],
)
def test_three_significant_digits(count: int, text: str) -> None:
    assert compact_number(count) == text


@settings(derandomize=True, deadline=None)
@given(st.integers(1000, 10**15 - 10**12))
def test_the_rounding_error_is_at_most_half_a_digit(count: int) -> None:
    text = compact_number(count)

    assert sum(letter.isdigit() for letter in text) == 3
    assert float(text[:-1]) < 1000
    assert abs(float(text[:-1]) * UNITS[text[-1]] - count) <= count * 0.005 * 1.0001
