"""What goes wrong with a source. Messages name the source and say what to do."""

from datetime import datetime

from app.warehouse.engines.errors import WarehouseError


class SourceError(WarehouseError):
    """A source cannot be asked; the message names it and what to do."""


class SourceQuotaError(SourceError):
    """The quota of a source is used up until a time."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class PendingError(SourceError):
    """Something is being fetched, and will be there a little later."""


class TooMuchError(SourceError):
    """A query asks for more than the source gives at a time."""
