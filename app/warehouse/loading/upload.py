"""What a server is to store in `incoming`: it is sent the files of this machine, and reads URLs by itself.

Of a large file a piece at a time is held here, and it is sent as it is. Small files are sent together, decompressed: a
request for each would take longer than its rows, and leave a part of the table.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.binding import finalize_query
from clickhouse_connect.driver.client import Client

from app.warehouse.engines.errors import ConnectionLostError, InputError, QueryFailedError, translated
from app.warehouse.loading import parquet
from app.warehouse.loading.files import INPUT_SETTINGS, File, Received, Shape, raw_events, reason
from app.warehouse.loading.form import MAX_FILES, FormFile, post
from app.warehouse.loading.formats import NOT_COMPRESSED, compressed, opened
from app.warehouse.loading.load import Load
from app.warehouse.loading.running import run
from app.warehouse.loading.statements import require_complete, statement

CHUNK_BYTES = 1 << 20
SMALL_BYTES = 1 << 20
SMALL_ROWS = 100_000
"""Of a file that is sent with others. ClickHouse holds them, and in Parquet they may be much longer than the file."""
TOGETHER_BYTES = 1 << 23

Batch = list[tuple[Received, bytes]]


def send(
    client: Client,
    files: Sequence[tuple[Received, Shape]],
    settings: dict[str, Any],
    sending: Callable[[Received], None],
) -> None:
    """Send files, and call `sending` with the first of each request. Raises InputError for one that is refused."""
    alike: dict[Shape, list[Received]] = {}
    for file, shape in files:
        alike.setdefault(shape, []).append(file)
    for shape, received in alike.items():
        for batch in _batches(received):
            sending(batch[0][0])
            try:
                _send(client, batch, shape, settings)
            except QueryFailedError as error:
                raise _refusal(client, batch, shape, settings, error) or error from error


def fetch(client: Client, load: Load, file: File, shape: Shape, number: int, settings: dict[str, Any]) -> None:
    """Have ClickHouse read a URL. Raises InputError if it cannot, ConnectionLostError if the outcome is unknown."""
    events = raw_events([(file, shape)])
    sql = _receive(load.number, f"SELECT {number} AS file_number, * FROM ({events.sql})")  # noqa: S608 - as raw_events
    try:
        whole = run(client, load, sql, events.parameters, settings)
    except QueryFailedError as error:
        raise InputError(f"{file.name}: {reason(error)}") from error
    if not whole:
        raise ConnectionLostError("the connection to ClickHouse broke in a statement")


def _batches(files: Sequence[Received]) -> Iterator[Batch]:
    """The files of each request, with their content unless there is only one."""
    batch: Batch = []
    size = 0
    for file in files:
        content = _small_content(file)
        if content is None:
            yield [(file, b"")]
            continue
        if batch and (len(batch) == MAX_FILES or size + len(content) > TOGETHER_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((file, content))
        size += len(content)
    if batch:
        yield batch


def _small_content(file: Received) -> bytes | None:
    """The content of a file that can be sent with others, decompressed."""
    if file.format == "Avro":
        # Its blocks are compressed: their size as text is unknown.
        return None
    with opened(Path(file.name), file.compression) as content:
        text = content.read(SMALL_BYTES + 1)
    if len(text) > SMALL_BYTES:
        return None
    if file.format == "Parquet":
        rows = parquet.row_count(text[-parquet.footer_bytes(text[-parquet.TAIL_BYTES :]) :])
        return text if rows <= SMALL_ROWS else None
    return text


def _refusal(
    client: Client, batch: Batch, shape: Shape, settings: dict[str, Any], error: QueryFailedError
) -> InputError | None:
    """Which file of a request ClickHouse refuses. What it stores of the others meanwhile goes with the load."""
    for file, _ in batch:
        try:
            if len(batch) > 1:
                _send_alone(client, file, shape, settings)
                continue
        except QueryFailedError as own:
            error = own
        return InputError(f"{file.name}: {reason(error)}")
    return None


def _send(client: Client, batch: Batch, shape: Shape, settings: dict[str, Any]) -> None:
    if len(batch) == 1:
        _send_alone(client, batch[0][0], shape, settings)
        return
    tables = [FormFile(f"file_{file.number}", file.format, shape.structure, content) for file, content in batch]
    union = "\nUNION ALL\n".join(
        f"SELECT {file.number} AS file_number, * FROM {table.name}"  # noqa: S608 - numbers
        for (file, _), table in zip(batch, tables, strict=True)
    )
    sql = _receive(batch[0][0].load, f"SELECT file_number, {shape.columns}\nFROM (\n{union}\n)")
    with translated():
        answer = post(client, sql, {}, INPUT_SETTINGS | settings, tables)
    require_complete(client, answer.summary)


def _send_alone(client: Client, file: Received, shape: Shape, settings: dict[str, Any]) -> None:
    escaped = shape.structure.replace("\\", "\\\\").replace("'", "\\'")
    select = f"SELECT {file.number} AS file_number, {shape.columns}\nFROM input('{escaped}')"
    insert = f"{_receive(file.load, select)}\nFORMAT {file.format}\n"
    with translated():
        answer = client.raw_insert(
            # The statement comes in the body, before the data: proxies limit the request line to 8 KiB.
            "",
            insert_block=_body(insert, file),
            compression=None if file.compression == NOT_COMPRESSED else file.compression,
            settings=INPUT_SETTINGS | settings,
        )
    require_complete(client, answer.summary)


def _receive(load: int, select: str) -> str:
    return str(finalize_query(statement("receive", select), {"load": load}))


def _body(statement: str, file: Received) -> Generator[bytes, None, None]:
    """A statement and a file in one coding: several streams of gzip or zstd in a row are one."""
    yield compressed(statement.encode(), file.compression)
    with Path(file.name).open("rb") as content:
        while chunk := content.read(CHUNK_BYTES):
            yield chunk
