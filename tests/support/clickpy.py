"""The tables of ClickHouse's public data set, filled with events as its own loader fills them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from app.settings import Secret
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.sources.clickpy import TABLES
from tests.support.clickhouse_users import USERS
from tests.support.dataset import Dataset
from tests.support.facade import Facade
from tests.support.oracle import normalised, utc_day

STATEMENTS = Path(__file__).with_suffix(".sql")
COLUMNS = ("date", "country_code", "project", "type", "installer", "python_minor", "system", "version")


def create(client: Client) -> None:
    """The tables and their views, in the client's database."""
    for statement in STATEMENTS.read_text(encoding="utf-8").split(";\n\n"):
        if statement.strip():
            client.command(statement)


def insert(client: Client, events: Iterable[Mapping[str, Any]]) -> None:
    """Insert events in two parts, so that rows of equal keys are added up only when something reads or merges them."""
    rows = [raw(event) for event in events]
    for part in (rows[::2], rows[1::2]):
        if part:
            client.insert("pypi", part, column_names=COLUMNS)


def raw(event: Mapping[str, Any]) -> tuple[Any, ...]:
    """The row of an event. PyPI's log has names as they are normalised."""
    file, details = event["file"], event["details"]
    values = (
        event["country_code"],
        normalised(event["project"]),
        file["type"],
        details["installer"]["name"],
        ".".join((details["python"] or "").split(".")[:2]),
        details["system"]["name"],
        file["version"],
    )
    return (utc_day(event["timestamp"]), *("" if value is None else value for value in values))


class PublicServer:
    """A database with these tables on the tests' ClickHouse, and the settings of an app that has it as its source."""

    def __init__(self, facade: Facade, name: str) -> None:
        self.facade = facade
        self.engine = ServerEngine(server_address(facade.url), "ingest", Secret(USERS["ingest"].password), name)
        with self.engine.client(database=None) as client:
            client.command(f"CREATE DATABASE {name}")
        with self.engine.client() as client:
            create(client)

    def settings(self, store: Dataset) -> dict[str, Any]:
        """Of an app that has it as its source, as the public role, and keeps the downloads in a store."""
        return {
            "clickhouse_url": self.facade.url,
            "clickhouse_user": "demo",
            "clickhouse_password": Secret(""),
            "clickhouse_database": self.engine.database,
            "store_url": store.settings.clickhouse_url,
            "store_user": store.settings.clickhouse_user,
            "store_password": store.settings.clickhouse_password,
            "store_database": store.engine.database,
        }

    def merge(self) -> None:
        """Merge the parts of all tables, as ClickHouse does in its own time."""
        with self.engine.client() as client:
            for table in ("pypi", *TABLES):
                client.command(f"OPTIMIZE TABLE {table} FINAL")

    def fill(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Add events, as ClickPy's loader does. What was there stays."""
        with self.engine.client() as client:
            insert(client, events)

    def close(self) -> None:
        """Let go of the server. The database stays."""
        self.engine.close()
