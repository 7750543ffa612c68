"""Our own tables: the numbered files of schema/, made where they are missing."""

from functools import cache
from importlib.resources import files

from clickhouse_connect.driver.client import Client

from app.warehouse.errors import translated


def create_tables(client: Client) -> None:
    """Create the tables of the rollup layout. Does nothing where they are there already."""
    with translated():
        for statement in _statements():
            client.command(statement)


@cache
def _statements() -> tuple[str, ...]:
    folder = files("app.warehouse") / "schema"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple((folder / name).read_text(encoding="utf-8") for name in names)
