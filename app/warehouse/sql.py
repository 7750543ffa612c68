"""The SQL files of the warehouse: the one place that reads them."""

from functools import cache
from importlib.resources import files

WAREHOUSE = files("app.warehouse")


@cache
def read_sql(path: str) -> str:
    """The text of a file, by its path below this package: `loading/sql/stop.sql`."""
    return (WAREHOUSE / path).read_text(encoding="utf-8")


def sql_files(folder: str) -> list[str]:
    """The paths of a folder's SQL files, as `read_sql` takes them, in the order of their names."""
    names = sorted(entry.name for entry in (WAREHOUSE / folder).iterdir() if entry.name.endswith(".sql"))
    return [f"{folder}/{name}" for name in names]
