"""The border between the driver's errors and ours.

InputError                    what is to be loaded cannot be; its message is safe to show

WarehouseError                what the warehouse could not do; its message is safe to show
├── WarehouseUnavailableError      nothing answers, or not in time: try again later
│   ├── ConnectionLostError            no answer came; ClickHouse may have run the statement, or run it still
│   ├── NoSpaceError                   its disk is full, or cannot be written
│   ├── WarehouseBusyError             too many questions are being asked
│   └── NoTablesError                  the database does not have all of our tables
├── WarehouseInUseError            another process has the embedded engine's folder
├── TooManyRowsError               a question has more rows than are answered
└── QueryFailedError               ClickHouse refused a query: a bug of ours, or tables that are not ours
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver import exceptions as driver


class WarehouseError(Exception):
    """What the warehouse could not do. The message names no SQL and no secret."""


class InputError(Exception):
    """The input cannot be loaded; the message names the file, and the column where it is about one."""


class WarehouseUnavailableError(WarehouseError):
    """ClickHouse does not answer, or not in time."""


class ConnectionLostError(WarehouseUnavailableError):
    """The connection ended without an answer of ClickHouse, which may have run the statement, or run it still."""


class WarehouseBusyError(WarehouseUnavailableError):
    """Too many questions are being asked; this one was not."""


class NoTablesError(WarehouseUnavailableError):
    """The database does not have all of our tables."""

    def __init__(
        self, message: str = "the database does not have our tables; `pypistats-server migrate` makes them"
    ) -> None:
        super().__init__(message)


class NoSpaceError(WarehouseUnavailableError):
    """ClickHouse's disk is full, or cannot be written."""


class WarehouseInUseError(WarehouseError):
    """Another process holds the embedded engine's folder."""


class QueryFailedError(WarehouseError):
    """ClickHouse refused a query. `code` is its error code, see system.errors."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class TooManyRowsError(WarehouseError):
    """A question has more rows than a reader's query may have."""


# ClickHouse's codes for a query that might succeed a little later.
PASSING_CODES = {
    159: "TIMEOUT_EXCEEDED",
    160: "TOO_SLOW",
    201: "QUOTA_EXCEEDED",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    203: "NO_FREE_CONNECTION",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    236: "ABORTED",
    241: "MEMORY_LIMIT_EXCEEDED",
    279: "ALL_CONNECTION_TRIES_FAILED",
    242: "TABLE_IS_READ_ONLY",
    319: "UNKNOWN_STATUS_OF_INSERT",
    394: "QUERY_WAS_CANCELLED",
    425: "SYSTEM_ERROR",
    999: "KEEPER_EXCEPTION",
}

# Codes that have words, and errors, of their own. Where an operator can mend it, they say with which setting.
OWN_CODES: dict[int, tuple[type[WarehouseError], str]] = {
    75: (NoSpaceError, "ClickHouse cannot write to its disk"),
    81: (WarehouseUnavailableError, "ClickHouse has no such database: see CLICKHOUSE_DATABASE"),
    243: (NoSpaceError, "no space is left on ClickHouse's disk"),
    396: (TooManyRowsError, "a question has too many rows"),
    516: (
        WarehouseUnavailableError,
        "ClickHouse refuses the user or the password: see CLICKHOUSE_USER and CLICKHOUSE_PASSWORD",
    ),
}

# Causes of network failures, by the standard library's exceptions; the first that matches is used.
NETWORK_FAULTS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "ClickHouse does not answer: its certificate cannot be verified"),
    (ssl.SSLError, "ClickHouse does not answer: no TLS where https:// expects it"),
    (socket.gaierror, "ClickHouse does not answer: its host's name is unknown"),
    (ConnectionRefusedError, "ClickHouse does not answer: the connection is refused"),
    (TimeoutError, "ClickHouse did not answer in time"),
)

# Everything else that the driver raises is a refusal. A test holds both against the driver's own classes.
UNAVAILABLE = (driver.OperationalError, driver.InterfaceError, driver.InternalError)


def translate(error: driver.ClickHouseError) -> WarehouseError:
    """Our error for one of the driver's."""
    code = getattr(error, "code", None)
    if code in PASSING_CODES:
        return WarehouseUnavailableError(f"ClickHouse could not answer now: {PASSING_CODES[code]}")
    if code in OWN_CODES:
        kind, message = OWN_CODES[code]
        return kind(message)
    if isinstance(error, UNAVAILABLE):
        return ConnectionLostError(_network_fault(error))
    if type(error) is driver.DatabaseError and code is None and error.__cause__ is None:
        # ClickHouse names the code of whatever it refuses: this was something between it and us. (The embedded engine's
        # errors have none, but a cause, where their text quotes bytes that are no text.)
        return ConnectionLostError("ClickHouse does not answer: something else does at its address")
    name = getattr(error, "name", None) or type(error).__name__
    return QueryFailedError(f"ClickHouse refused a query: {name}", code)


def _network_fault(error: BaseException) -> str:
    """What the driver's error was raised from, in words for the server's operator."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    faults = (text for kind, text in NETWORK_FAULTS for cause in causes if isinstance(cause, kind))
    return next(faults, "ClickHouse does not answer")


@contextmanager
def translated() -> Iterator[None]:
    """Raise the driver's errors as ours; the driver's stays reachable as the cause, for the log."""
    try:
        yield
    except driver.ClickHouseError as error:
        raise translate(error) from error
