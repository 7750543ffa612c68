"""What the rest of the house needs of a ClickHouse, whichever it is."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import msgspec
from clickhouse_connect.driver.client import Client

Rows = Sequence[Sequence[Any]]
Columns = Sequence[Sequence[Any]]
"""What a query returns, a sequence for each of its columns, or none at all where it has no rows. Most are passed on as
they came, and a row would be an object."""


class ReaderLimits(msgspec.Struct, frozen=True):
    """What a reader's query may take.

    `query_seconds`: ClickHouse gives up then. `answer_seconds`: for a ClickHouse that cannot even say so. `max_rows`:
    every release of the largest packages, each day of a year; as JSON they are 70 MB.
    """

    query_seconds: int = 30
    answer_seconds: float = 35.0
    max_rows: int = 500_000


DEFAULT_READER_LIMITS = ReaderLimits()


QuerySettings = Mapping[str, int]
"""Of ClickHouse, by name, for one query."""

NO_SETTINGS: QuerySettings = MappingProxyType({})

BY_KEY: QuerySettings = {"max_threads": 1, "optimize_move_to_prewhere": 0}
"""For a query that reads a few thousand rows that lie side by side: planning how to read less of them, and a second
thread, take longer than to read them."""


class Connection(Protocol):
    async def query(self, sql: str, parameters: Mapping[str, Any], settings: QuerySettings = NO_SETTINGS) -> Columns:
        """What a query returns, with those of the settings that the user may change. Raises WarehouseError."""

    async def close(self) -> None:
        """Give everything back."""


class QueryRunner(Protocol):
    """What layouts need: every query has a name."""

    async def query(
        self, name: str, sql: str, parameters: Mapping[str, Any], settings: QuerySettings = NO_SETTINGS
    ) -> Columns:
        """What a query returns. Raises WarehouseError."""


class Engine(Protocol):
    """A ClickHouse that the settings name: synchronous clients for writers, one async interface for readers."""

    database: str

    @property
    def where(self) -> str:
        """Where it is: a few words that follow its name in messages, without secrets."""

    def client(self, database: str | None = "") -> Client:
        """A new client, for one thread, in the database of the settings or in none. The caller closes it."""

    def reader(self, limits: ReaderLimits = DEFAULT_READER_LIMITS) -> Connection:
        """The async interface."""

    def close(self) -> None:
        """Give everything back; clients and readers must be closed before."""
