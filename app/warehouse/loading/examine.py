"""What is wrong with the input of a load: looked for before it, and again where ClickHouse has refused it."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec
from clickhouse_connect.driver.client import Client

from app.warehouse.engines.connection import Rows
from app.warehouse.engines.errors import InputError, QueryFailedError, translated
from app.warehouse.loading.describe import pass_over
from app.warehouse.loading.files import File, RawEvents, Received, Shape, raw_events, reason
from app.warehouse.loading.finding import Note
from app.warehouse.loading.journal import versions
from app.warehouse.loading.load import Load
from app.warehouse.loading.running import keep_alive
from app.warehouse.loading.shapes import ACCEPTED_TIMES, FIELDS
from app.warehouse.loading.statements import ask, statement

OLDEST_DAY = date(2000, 1, 1)
"""A day before this one is a sign of a broken timestamp: PyPI is younger."""

SMALL_BYTES = 1 << 20
"""Files up to this size are searched together, whole: a query for each would take longer than reading it."""

Files = Sequence[tuple[File, Shape]]


class DayLoadedError(InputError):
    """A day of the input is published already, and replacing was not asked for."""


class InputSize(msgspec.Struct, frozen=True):
    """How many rows and downloads the input has; 0 where only reading it would say so."""

    rows: int
    downloads: int


UNKNOWN_SIZE = InputSize(0, 0)


def require_usable(client: Client, files: Files, note: Note) -> list[tuple[File, Shape]]:
    """The files that have rows. Raises InputError for one whose rows count nowhere, or that cannot be read at all."""
    empty: list[str] = []
    found: list[tuple[File, Shape]] = []
    for batch in _batches(files):
        usable = _usable_sources(client, batch)
        for file, shape in batch:
            if _source(file) in usable:
                found.append((file, shape))
            elif _ask(client, "row_count", [(file, shape)])[0][0]:
                raise InputError(
                    f"{file.name}: no usable row: each is empty, has no possible package name in column project, "
                    "or a malformed version in column details.python"
                )
            else:
                empty.append(file.name)
    pass_over(empty, found, note)
    return found


def _batches(files: Files) -> Iterator[Files]:
    """Files that are searched by one query: those received, those that are small, and each other by itself."""
    together: dict[str, list[tuple[File, Shape]]] = {}
    for file, shape in files:
        if isinstance(file, Received):
            together.setdefault("received", []).append((file, shape))
        elif file.is_local and Path(file.name).stat().st_size <= SMALL_BYTES:
            together.setdefault("small", []).append((file, shape))
        else:
            yield [(file, shape)]
    yield from together.values()


def _usable_sources(client: Client, files: Files) -> set[str]:
    try:
        return set(_ask(client, "usable", files, wanted=len(files))[0][0])
    except QueryFailedError as error:
        raise _unreadable(client, files, error) from None


def _source(file: File) -> str:
    """What the raw events of a file say of where they come from."""
    return str(file.number) if isinstance(file, Received) else file.name


def _ask(client: Client, question: str, files: Files, **parameters: object) -> Rows:
    events = raw_events(files)
    with translated():
        return client.query(
            statement(question, events.sql),
            parameters={**events.parameters, **parameters},
            settings=keep_alive(client),
        ).result_rows


def input_size(client: Client, files: Files, rows: int) -> InputSize:
    """The size of the input, where it costs little to know: what was received is counted, and heads may say it."""
    received = [file for file, _ in files if isinstance(file, Received)]
    if len(received) == len(files):
        return InputSize(*ask(client, "received_rows", {"load": received[0].load})[0])
    if rows and any(shape.is_weighted for _, shape in files):
        try:
            return InputSize(rows, _ask(client, "event_count", files)[0][0])
        except QueryFailedError:
            # A number that is none: what writes finds it as well, and explains it.
            return UNKNOWN_SIZE
    return InputSize(rows, rows)


def cut_categories(client: Client, load: Load) -> list[str]:
    """What a load has cut, a text for each dimension."""
    return [
        f"{count:,} {'category' if count == 1 else 'categories'} of {dimension}, with {downloads:,} downloads"
        for dimension, count, downloads in ask(client, "cut_categories", versions(load.number))
    ]


def unseen_columns(client: Client, load: Load, events: RawEvents) -> list[str]:
    """The columns in which no row of the input says anything. They are looked for where no row that counts does."""
    names = {name for (name,) in ask(client, "null_dimensions", versions(load.number))}
    fields = [field for field in FIELDS if not names.isdisjoint(field.dimensions)]
    if not fields:
        return []
    seen = ", ".join(f"max(isNotNull({field.raw}))" for field in fields)
    with translated():
        sql = f"SELECT {seen} FROM ({events.sql})"  # noqa: S608 - names of ours, and what raw_events has put together
        settings = {"log_comment": load.comment} | keep_alive(client, load.timing)
        (answer,) = client.query(sql, parameters=events.parameters, settings=settings).result_rows
    return [field.bigquery for field, is_seen in zip(fields, answer, strict=True) if not is_seen]


def explain_refusal(client: Client, files: Files, replace: bool, today: date, error: QueryFailedError) -> InputError:
    """What it was in the input that stopped a load, and in which file."""
    return find_refusal(client, files, replace, today) or InputError(reason(error))


def find_refusal(client: Client, files: Files, replace: bool, today: date) -> InputError | None:
    """What in the input stops a load, and in which file; None if nothing does. All of it is read."""
    parameters = {"oldest": OLDEST_DAY, "replace": replace, "today": today}
    try:
        rows = {source: row for source, *row in _ask(client, "bad_days", files, **parameters)}
    except QueryFailedError as read_error:
        return _unreadable(client, files, read_error)
    for file, shape in files:
        if found := rows.get(_source(file)):
            unreadable, last, loaded = found
            if unreadable:
                return InputError(
                    f"{file.name}: column {shape.time} is empty, unreadable or before {OLDEST_DAY} in {unreadable:,} "
                    f"rows; accepted are {ACCEPTED_TIMES[shape.time]}"
                )
            if last > today:
                return InputError(
                    f"{file.name}: column {shape.time} has a date in the future, {last}; today is {today} (UTC)"
                )
            if loaded:
                days = ", ".join(map(str, loaded))
                return DayLoadedError(
                    f"{file.name}: already loaded: {days}; --replace loads the days of this call anew"
                )
    return None


def _unreadable(client: Client, files: Files, error: QueryFailedError) -> InputError:
    """Which of several files it is that ClickHouse cannot read to its end: it is found by halves."""
    while len(files) > 1:
        half = files[: len(files) // 2]
        if half_error := _read_error(client, half):
            files, error = half, half_error
        else:
            files = files[len(files) // 2 :]
            error = _read_error(client, files) or error
    return InputError(f"{files[0][0].name}: {reason(error)}")


def _read_error(client: Client, files: Files) -> QueryFailedError | None:
    try:
        _ask(client, "read_all", files)
    except QueryFailedError as error:
        return error
    return None
