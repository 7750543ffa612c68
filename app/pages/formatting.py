"""Numbers, dates and categories, formatted for readers."""

from datetime import date

from app.stats.dimensions import NULL_CATEGORY

STEADY = 0.0005
"""Smaller changes are shown as 0.0 % and have no direction."""


def grouped(number: int) -> str:
    """A number with all its digits: 1,420,123."""
    return f"{number:,}"


def percent(share: float) -> str:
    """A share in percent: 0.314 is 31.4 %."""
    return f"{share * 100:.1f}\N{NO-BREAK SPACE}%"


def signed_percent(change: float) -> str:
    """A relative change in percent: 0.032 is +3.2 %."""
    return _sign(change) + f"{abs(change) * 100:,.1f}\N{NO-BREAK SPACE}%"


def signed_points(change: float) -> str:
    """A change of a share in percentage points: 0.012 is +1.2."""
    return _sign(change) + f"{abs(change) * 100:.1f}"


def _sign(change: float) -> str:
    return {"up": "+", "down": "\N{MINUS SIGN}", "steady": "±"}[direction(change)]


def direction(change: float) -> str:
    """`up`, `down` or `steady`."""
    return "steady" if abs(change) < STEADY else "up" if change > 0 else "down"


def day(when: date) -> str:
    """A date: 20 Nov 2026."""
    return f"{when.day}\N{NO-BREAK SPACE}{when:%b}\N{NO-BREAK SPACE}{when.year}"


def category(name: str) -> str:
    """The label of a category; `null` is "unknown"."""
    return "unknown" if name == NULL_CATEGORY else name
