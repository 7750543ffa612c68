"""The SQL files of the warehouse: the one place that reads them."""

import re
import tomllib
from functools import cache
from importlib.resources import files

WAREHOUSE = files("app.warehouse")


@cache
def read_sql(path: str) -> str:
    """The text of a file, by its path below this package: `loading/sql/stop.sql`.

    Each `{{list:NAME}}` in it is the list of that name in clients.toml.
    """
    text = (WAREHOUSE / path).read_text(encoding="utf-8")
    return re.sub(r"{{list:([a-z_0-9]+)}}", lambda name: ", ".join(f"'{value}'" for value in lists()[name[1]]), text)


@cache
def lists() -> dict[str, list[str]]:
    """The lists of clients.toml by name: `installers`, `x86_64`, …"""
    tables = tomllib.loads((WAREHOUSE / "clients.toml").read_text(encoding="utf-8"))
    return {name: values for table in tables.values() for name, values in table.items()}


def sql_files(folder: str) -> list[str]:
    """The paths of a folder's SQL files, as `read_sql` takes them, in the order of their names."""
    names = sorted(entry.name for entry in (WAREHOUSE / folder).iterdir() if entry.name.endswith(".sql"))
    return [f"{folder}/{name}" for name in names]
