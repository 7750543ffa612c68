"""The tables of ClickHouse's public data set, filled with events as its own loader fills them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from app.warehouse.clickpy import ClickPy
from app.warehouse.journal import LoadedDay
from tests.support.fixtures import Dataset
from tests.support.oracle import categories, normalised, usable, utc_day

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


def parsed(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event as PyPI's log parser tells it: of mirrors and unknown installers neither a Python nor a system."""
    details = event["details"]
    if ("overall", "without_mirrors") in categories(event):
        return event
    return {**event, "details": {**details, "python": None, "system": {"name": None}}}


class PublicDataset(Dataset):
    """A database with the public data set's tables, and apps that answer from it."""

    def fill(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Add events, as the public data set's loader does. What was there stays."""
        with self.engine.client() as client:
            if not self.query("SHOW TABLES"):
                create(client)
            insert(client, events)

    def load(self, events: Iterable[Mapping[str, Any]], *, replace: bool = False) -> list[LoadedDay]:
        """Add events, as far as the data set can tell them, and make their days complete, however few they are.

        That is by a package that is most downloaded, on these days, in the tables that are looked at for that alone.
        """
        events = list(events)
        self.fill(parsed(event) for event in events if usable(event))
        days = sorted({utc_day(event["timestamp"]) for event in events})
        with self.engine.client() as client:
            client.insert("pypi_downloads", [("~", 1_000_000)])
            client.insert("pypi_downloads_per_day", [(day, "~", 1_000_000) for day in days])
        return []

    def merge(self) -> None:
        """Merge the parts of all tables, as ClickHouse does in its own time."""
        with self.engine.client() as client:
            for table in ("pypi", *ClickPy.tables):
                client.command(f"OPTIMIZE TABLE {table} FINAL")
