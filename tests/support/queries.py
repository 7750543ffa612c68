"""A look at which questions an app asks its ClickHouse, while ClickHouse answers them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from litestar import Litestar

LAYOUT = Path(__file__).parents[2] / "app" / "warehouse" / "layouts" / "rollup"


@contextmanager
def counted(app: Litestar) -> Iterator[list[str]]:
    """The names of the questions that reach the connection while the block runs, but for the look at what is published,
    which an app has every few seconds."""
    names = {path.read_text(encoding="utf-8"): path.stem for path in LAYOUT.glob("*.sql")}
    connection = app.state.answers.warehouse._connection
    asked: list[str] = []
    query = connection.query

    async def query_and_note(sql: str, parameters: Mapping[str, Any]) -> Any:
        if names[sql] != "published":
            asked.append(names[sql])
        return await query(sql, parameters)

    connection.query = query_and_note
    try:
        yield asked
    finally:
        del connection.query
