"""The border between the driver's errors and ours.

WarehouseError                what the warehouse could not do; its message is safe to show
├── WarehouseUnavailableError      nothing answers, or not in time: try again later
│   └── NoTablesError                  the database has none of the layouts' tables, or not all of one's
├── WarehouseInUseError            another process has the embedded engine's folder
└── QueryFailedError               ClickHouse refused a query: a bug of ours, or tables that are not ours
"""

from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver import exceptions as driver


class WarehouseError(Exception):
    """What the warehouse could not do. The message names no SQL and no secret."""


class WarehouseUnavailableError(WarehouseError):
    """ClickHouse does not answer, or not in time."""


class NoTablesError(WarehouseUnavailableError):
    """The database has none of the layouts' tables, or not all of one's."""

    def __init__(self, message: str = "the database has neither our tables nor ClickPy's") -> None:
        super().__init__(message)


class WarehouseInUseError(WarehouseError):
    """Another process holds the embedded engine's folder."""


class QueryFailedError(WarehouseError):
    """ClickHouse refused a query. `code` is its error code, see system.errors."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


# ClickHouse's codes for a query that might succeed a little later.
PASSING_CODES = {
    159: "TIMEOUT_EXCEEDED",
    160: "TOO_SLOW",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    203: "NO_FREE_CONNECTION",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    236: "ABORTED",
    241: "MEMORY_LIMIT_EXCEEDED",
    279: "ALL_CONNECTION_TRIES_FAILED",
    319: "UNKNOWN_STATUS_OF_INSERT",
    394: "QUERY_WAS_CANCELLED",
    425: "SYSTEM_ERROR",
    999: "KEEPER_EXCEPTION",
}

# Everything else that the driver raises is a refusal. A test holds both against the driver's own classes.
UNAVAILABLE = (driver.OperationalError, driver.InterfaceError)


def translate(error: driver.ClickHouseError) -> WarehouseError:
    """Our error for one of the driver's."""
    code = getattr(error, "code", None)
    if code in PASSING_CODES:
        return WarehouseUnavailableError(f"ClickHouse could not answer now: {PASSING_CODES[code]}")
    if isinstance(error, UNAVAILABLE):
        return WarehouseUnavailableError("ClickHouse does not answer")
    name = getattr(error, "name", None) or type(error).__name__
    return QueryFailedError(f"ClickHouse refused a query: {name}", code)


@contextmanager
def translated() -> Iterator[None]:
    """Raise the driver's errors as ours; the driver's stays reachable as the cause, for the log."""
    try:
        yield
    except driver.ClickHouseError as error:
        raise translate(error) from error
