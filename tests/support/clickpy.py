"""The tables of ClickHouse's public data set, filled with events as its own loader fills them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from app.warehouse.journal import LoadedDay
from tests.support.dataset import Dataset
from tests.support.oracle import MIRRORS, normalised, usable, utc_day

TABLES = Path(__file__).with_suffix(".sql")
COLUMNS = ("date", "country_code", "project", "type", "installer", "python_minor", "system", "version")


def create(client: Client) -> None:
    """The tables and their views, in the client's database."""
    for statement in TABLES.read_text(encoding="utf-8").split(";\n\n"):
        if statement.strip():
            client.command(statement)


def insert(client: Client, events: Iterable[Mapping[str, Any]]) -> None:
    """Insert events in two parts, so that rows of equal keys are added up only when something reads or merges them."""
    rows = [raw(event) for event in events]
    for part in (rows[::2], rows[1::2]):
        if part:
            client.insert("pypi", part, column_names=COLUMNS)


def raw(event: Mapping[str, Any]) -> tuple[Any, ...]:
    """The row of an event."""
    file, details = event["file"], event["details"]
    values = (
        event["country_code"],
        event["project"],
        file["type"],
        details["installer"]["name"],
        ".".join((details["python"] or "").split(".")[:2]),
        details["system"]["name"],
        file["version"],
    )
    return (utc_day(event["timestamp"]), *("" if value is None else value for value in values))


def parsed(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event with its project's normal name, and without the Python and the system that nobody knows of mirrors."""
    file, details = {**event["file"], "project": normalised(event["project"])}, event["details"]
    if details["installer"]["name"] in {None, *MIRRORS}:
        details = {**details, "python": None, "system": {"name": None}}
    return {**event, "project": file["project"], "file": file, "details": details}


class PublicDataset(Dataset):
    """A database with the public data set's tables, and apps that answer from it."""

    def make_tables(self) -> None:
        with self.engine.client() as client:
            create(client)

    def load(self, events: Iterable[Mapping[str, Any]], *, replace: bool = False) -> list[LoadedDay]:
        """Add those of the events that count to what is there, as PyPI's log parser would have them."""
        self.fill(parsed(event) for event in events if usable(event))
        return []

    def fill(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Add events, as the public data set's loader does. What was there stays."""
        with self.engine.client() as client:
            if not self.query("SHOW TABLES"):
                create(client)
            insert(client, events)

    def merge(self) -> None:
        """Merge the parts of all tables, as ClickHouse does in its own time."""
        with self.engine.client() as client:
            for (table,) in self.query(
                "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%Tree'"
            ):
                client.command(f"OPTIMIZE TABLE {table} FINAL")
