"""Our own tables: the numbered files of schema/, made where they are missing."""

from functools import cache
from importlib.resources import files

from clickhouse_connect.driver.client import Client

from app.warehouse.clickpy import ClickPy
from app.warehouse.errors import translated

TABLES = ("downloads_daily", "overall_daily", "loads")


def create_tables(client: Client) -> None:
    """Create the tables of the rollup layout. Does nothing where they are there already."""
    with translated():
        for statement in _statements():
            client.command(statement)


def is_anothers(client: Client) -> bool:
    """Whether the database has the tables of the public data set: nothing of ours belongs there."""
    return ClickPy.tables[0] in _tables(client)


def missing_tables(client: Client) -> list[str]:
    """Those of our tables that are not there."""
    there = _tables(client)
    return [name for name in TABLES if name not in there]


def _tables(client: Client) -> set[str]:
    with translated():
        rows = client.query("SELECT name FROM system.tables WHERE database = currentDatabase()").result_rows
    return {name for (name,) in rows}


@cache
def _statements() -> tuple[str, ...]:
    folder = files("app.warehouse") / "schema"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple((folder / name).read_text(encoding="utf-8") for name in names)
