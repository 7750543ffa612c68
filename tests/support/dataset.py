"""A data set: a database, what fills it, and apps that answer from it."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from litestar import Litestar
from litestar.testing import TestClient

from app.main import create_app
from app.settings import Settings
from app.warehouse.engines.connection import Engine
from app.warehouse.loading.ingest import ingest
from app.warehouse.loading.journal import LoadedDay
from app.warehouse.loading.migrations import migrate
from tests.support.contract import validate_answer
from tests.support.events import write_jsonl

NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)
"""The clock of apps under test, unless a test sets another."""

APP_ARGUMENTS = {
    "lookup_timeouts",
    "query_limits",
    "reader_limits",
    "readmes",
    "renderer",
    "sync_timing",
    "timing",
    "wrap_connection",
}

_numbers = itertools.count()


class Dataset:
    """A database with our own tables."""

    facts: ClassVar = {"schema": "current", "dataset": "own"}
    """What /health says of it."""
    needed_table = "loads"
    """Without it, the published loads are unknown."""
    answering_tables: ClassVar = ("downloads_daily", "overall_daily")
    """Without them no question can be answered."""
    ranking_table = "overall_daily"
    """Without it nothing is known of the most downloaded."""

    def __init__(self, folder: Path, engine: Engine, settings: Settings) -> None:
        self.folder = folder
        self.engine = engine
        """With a user that may write. Apps have one that may not, where there are users."""
        self.settings = settings
        self.notes: list[str] = []
        """The notes of loads."""

    def make_tables(self) -> None:
        """Make the tables, empty. Apps do it themselves on an embedded engine."""
        with self.engine.client() as client:
            migrate(client)

    def load(self, events: Iterable[Mapping[str, Any]], **options: Any) -> list[LoadedDay]:
        """Load events by way of a JSON Lines file, as a user would; `options` are arguments of `ingest`."""
        return self.load_files(write_jsonl(self.folder / f"events-{next(_numbers)}.jsonl", events), **options)

    def load_files(self, *names: str | Path, **options: Any) -> list[LoadedDay]:
        """Load what is named: files, folders, patterns, URLs; `options` are arguments of `ingest`."""
        return ingest(self.engine.client, [str(name) for name in names], note=self.notes.append, **options)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Look straight into the database."""
        with self.engine.client() as client:
            return [tuple(row) for row in client.query(sql).result_rows]

    def app(self, *, now: datetime | Callable[[], datetime] = NOON, **changes: Any) -> Litestar:
        """An app on this database, not yet started; `changes` are arguments of `create_app`, or of its settings.

        `now` is a fixed time, or a clock.
        """
        clock = (lambda: now) if isinstance(now, datetime) else now
        arguments = {name: changes.pop(name) for name in APP_ARGUMENTS & changes.keys()}
        return create_app(msgspec.structs.replace(self.settings, **changes), now=clock, **arguments)

    @contextmanager
    def client(self, **options: Any) -> Iterator[TestClient[Any]]:
        """A client of an app on this database. Each of its answers is held against openapi.yaml."""
        with TestClient(self.app(**options), raise_server_exceptions=False) as client:
            client.event_hooks = {"response": [validate_answer]}
            yield client

    def close(self) -> None:
        """Let go of the engine. The database stays: to drop some hundreds takes longer than to fill them."""
        self.engine.close()
