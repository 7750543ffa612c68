"""The bytes of local files for a server, which cannot see them.

Nothing is held but a piece of a file at a time. A compressed file is sent as it is.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.binding import finalize_query
from clickhouse_connect.driver.client import Client

from app.warehouse.engines.errors import translated
from app.warehouse.loading.files import INPUT_SETTINGS, File, Shape
from app.warehouse.loading.formats import NOT_COMPRESSED
from app.warehouse.loading.statements import statement

CHUNK_BYTES = 1 << 20

INSERT = "INSERT INTO "


def send(client: Client, file: File, shape: Shape, values: dict[str, int], settings: dict[str, Any]) -> None:
    """Send a file; ClickHouse keeps its raw events in `incoming`."""
    escaped = shape.structure.replace("\\", "\\\\").replace("'", "\\'")
    sql = finalize_query(statement("receive", f"SELECT {shape.columns}\nFROM input('{escaped}')"), values)
    with translated():
        client.raw_insert(
            # The driver writes INSERT INTO before this and FORMAT after it.
            sql.split(INSERT, maxsplit=1)[1],
            insert_block=_chunks(Path(file.name)),
            fmt=file.format,
            compression=None if file.compression == NOT_COMPRESSED else file.compression,
            settings=INPUT_SETTINGS | settings,
        )


def _chunks(path: Path) -> Generator[bytes, None, None]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
