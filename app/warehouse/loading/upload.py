"""Local files for a server, which cannot see them: their heads, to be looked at, and their bytes, to be received.

Nothing is held but a piece of a file at a time. A compressed file is sent as it is.
"""

import gzip
import os
import sys
import zlib
from collections.abc import Generator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, cast

from clickhouse_connect.driver.binding import finalize_query
from clickhouse_connect.driver.client import Client

from app.warehouse.engines.errors import InputError, translated
from app.warehouse.loading.parquet import TAIL_BYTES, footer_bytes, schema_alone
from app.warehouse.loading.statements import statement

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ENCODINGS = {".gz": "gzip", ".zst": "zstd"}
CHUNK_BYTES = 1 << 20
HEAD_BYTES = 1 << 20
FOOTER_BYTES = 1 << 27

INSERT = "INSERT INTO "


def head(name: str, format_: str) -> bytes:
    """What of a file says which columns it has: its first lines, or the schema of Parquet.

    Raises InputError for a file that is not whole, or not compressed as its name says.
    """
    try:
        with _opened(Path(name)) as file:
            return _schema(file) if format_ == "Parquet" else _first_lines(file)
    except (OSError, EOFError, zlib.error, zstd.ZstdError):
        raise InputError(f"{name}: cannot be read: it is not whole, or not compressed as its name says") from None


def _opened(path: Path) -> BinaryIO:
    if path.suffix.lower() == ".gz":
        return cast(BinaryIO, gzip.open(path))
    if path.suffix.lower() == ".zst":
        return cast(BinaryIO, zstd.open(path))
    return path.open("rb")


def _first_lines(file: BinaryIO) -> bytes:
    text = file.read(HEAD_BYTES)
    return text[: text.rfind(b"\n") + 1] or text if len(text) == HEAD_BYTES else text


def _schema(file: BinaryIO) -> bytes:
    """A Parquet file of the columns alone; the end of the file where that is no footer: ClickHouse says what it is."""
    end = _end(file, TAIL_BYTES)
    length = footer_bytes(end)
    if TAIL_BYTES < length <= FOOTER_BYTES and len(footer := _end(file, length)) == length:
        with suppress(ValueError):
            return schema_alone(footer)
    return end


def _end(file: BinaryIO, length: int) -> bytes:
    """The last bytes of a file, compressed or not."""
    if isinstance(file, BufferedReader):
        file.seek(-min(length, file.seek(0, os.SEEK_END)), os.SEEK_END)
        return file.read()
    # A compressed file is read from its beginning, once for each look at its end.
    file.seek(0)
    end = b""
    while chunk := file.read(CHUNK_BYTES):
        end = (end + chunk)[-length:]
    return end


def send(
    client: Client,
    name: str,
    format_: str,
    select: str,
    structure: str,
    values: dict[str, int],
    settings: dict[str, Any],
) -> None:
    """Send a file; ClickHouse keeps its raw events, as `select` makes them, in `incoming`."""
    escaped = structure.replace("\\", "\\\\").replace("'", "\\'")
    sql = finalize_query(statement("receive", f"{select}\nFROM input('{escaped}')"), values)
    with translated():
        client.raw_insert(
            # The driver writes INSERT INTO before this and FORMAT after it.
            sql.split(INSERT, maxsplit=1)[1],
            insert_block=_chunks(Path(name)),
            fmt=format_,
            compression=ENCODINGS.get(Path(name).suffix.lower()),
            settings=settings,
        )


def _chunks(path: Path) -> Generator[bytes, None, None]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
