"""Numbers and categories as people read them."""

from datetime import date

from app.stats.dimensions import NULL_CATEGORY

STEADY = 0.0005
"""A change that is shown as 0.0 % has no direction."""


def grouped(number: int) -> str:
    """Every digit: 1,420,123."""
    return f"{number:,}"


def percent(part: float) -> str:
    """A share: 0.314 is 31.4 %."""
    return f"{part * 100:.1f}\N{NO-BREAK SPACE}%"


def signed_percent(part: float) -> str:
    """A change: 0.032 is +3.2 %."""
    return _signed(part, f"{abs(part) * 100:,.1f}\N{NO-BREAK SPACE}%")


def signed_points(part: float) -> str:
    """A shift of a share, in percentage points: 0.012 is +1.2."""
    return _signed(part, f"{abs(part) * 100:.1f}")


def _signed(part: float, text: str) -> str:
    sign = {"up": "+", "down": "\N{MINUS SIGN}", "steady": "±"}[direction(part)]
    return f"{sign}{text}"


def direction(part: float) -> str:
    """`up`, `down` or `steady`."""
    return "steady" if abs(part) < STEADY else "up" if part > 0 else "down"


def day(when: date) -> str:
    """A date in words: 20 Nov 2026."""
    return f"{when.day}\N{NO-BREAK SPACE}{when:%b}\N{NO-BREAK SPACE}{when.year}"


def category(name: str) -> str:
    """A category's name; the one for values that nobody knows in words."""
    return "unknown" if name == NULL_CATEGORY else name
