"""What readers see of the data at one moment."""

from datetime import date

import msgspec

from app.warehouse.reading.layout import Layout, Published
from app.windows import Window, requested_window


class NothingLoadedError(LookupError):
    """No day has been loaded yet."""


class Snapshot(msgspec.Struct, frozen=True):
    """What is published, the tables that it is read from, and the length of the default window in days.

    A response that is computed from a snapshot depends on nothing else.
    """

    published: Published
    tables: Layout
    window_days: int

    @property
    def newest_day(self) -> date:
        """The newest day that is completely loaded. Raises NothingLoadedError."""
        if self.published.newest_day is None:
            raise NothingLoadedError
        return self.published.newest_day

    def window(self, start: date | None = None, end: date | None = None) -> Window:
        """The window from `start` to `end`; without both, the default window. Raises NothingLoadedError."""
        return requested_window(self.newest_day, self.window_days, start, end)

    def is_loaded(self, window: Window) -> bool:
        """Whether every day of a window is loaded."""
        return set(self.published.days).issuperset(window.days)
