"""How each file is read, by a look at its columns. Local files with equal heads are looked at once."""

from collections.abc import Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from app.warehouse.engines.errors import InputError, QueryFailedError, translated
from app.warehouse.engines.parameters import FIELD_BYTES, split_lists
from app.warehouse.loading.files import EMPTY_FILE, INPUT_SETTINGS, File, Shape, reason
from app.warehouse.loading.finding import Note, listed
from app.warehouse.loading.heads import EMPTY, UNKNOWN, Head, head_of
from app.warehouse.loading.lines import require_short_lines
from app.warehouse.loading.shapes import ANY_TEXT, DOTTED, JSON_KEYS, OPTIONAL, RECORDS, json_shape, shape_of

# For a URL that does not answer: the engine would try for half a minute otherwise.
PATIENCE = {"http_max_tries": 3, "http_connection_timeout": 5}


def described(client: Client, files: Sequence[File], note: Note) -> tuple[list[tuple[File, Shape]], int]:
    """The files that have rows, with how to read each; and how many rows there are, 0 where only reading would say it.

    Raises InputError for a file that cannot be read or has a column missing, and where no file has a row.
    """
    shapes: dict[tuple[str, Head], Shape] = {}
    found: list[tuple[File, Shape]] = []
    counts: list[int] = []
    empty: list[str] = []
    for file in files:
        if file.is_local:
            require_short_lines(file)
        head = head_of(file) if file.is_local else _remote_head(client, file)
        if not head.rows:
            empty.append(file.name)
            continue
        key = (file.format, Head(head.columns, head.text, UNKNOWN))
        if key not in shapes:
            shapes[key] = _shape(client, file, head)
        found.append((file, shapes[key]))
        counts.append(head.rows)
    pass_over(empty, found, note)
    return found, 0 if UNKNOWN in counts else sum(counts)


def pass_over(empty: Sequence[str], found: Sequence[object], note: Note) -> None:
    """Tell the user of files without rows. Raises InputError where there are no others."""
    if empty and not found:
        raise InputError(f"{listed(empty)}: no row in {'it' if len(empty) == 1 else 'any of them'}")
    if empty:
        note(f"passed over, without a row: {listed(empty)}")


def _shape(client: Client, file: File, head: Head) -> Shape:
    if file.format == "JSONEachRow":
        return json_shape(file.name, head.columns)
    if file.format == "CSVWithNames":
        return shape_of(file.name, file.format, dict.fromkeys(head.columns, ANY_TEXT), ())
    if not file.is_local:
        return shape_of(file.name, file.format, *_columns(client, file, *_at(file)))
    text = head.text.hex()
    parts = [text[start : start + FIELD_BYTES // 2] for start in range(0, len(text), FIELD_BYTES // 2)]
    function, parameters = split_lists(
        "format({format:String}, unhex(arrayStringConcat({head:Array(String)})))", {"head": parts}
    )
    return shape_of(file.name, file.format, *_columns(client, file, function, parameters))


def _remote_head(client: Client, file: File) -> Head:
    """What ClickHouse sees at the beginning of a file that it reads itself."""
    try:
        columns, parts = _columns(client, file, *_at(file))
    except EmptyFileError:
        return EMPTY
    if file.format == "JSONEachRow":
        last = {name.removeprefix("file.").removeprefix("file_") for name in (*columns, *parts)}
        dotted = (DOTTED,) if any(name.startswith(RECORDS) for name in columns) else ()
        there = (field.bigquery for field in OPTIONAL if not {*columns, *parts}.isdisjoint(field.names))
        return Head((*(key for key in JSON_KEYS if key in last), *dotted, *there), b"", UNKNOWN)
    return Head(tuple(columns), file.name.encode(), UNKNOWN)


class EmptyFileError(InputError):
    """A file has no content."""


def _at(file: File) -> tuple[str, dict[str, Any]]:
    return f"{file.function}({{location:String}}, {{format:String}})", {"location": file.name}


def _columns(
    client: Client, file: File, function: str, parameters: dict[str, Any]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The types of a file's columns, and the dotted names of what is in records."""
    try:
        with translated():
            rows = client.query(
                f"DESCRIBE TABLE {function}",
                parameters=parameters | {"format": file.format},
                settings={"describe_include_subcolumns": 1, **PATIENCE, **INPUT_SETTINGS},
            ).result_rows
    except QueryFailedError as error:
        if (said := reason(error)) == EMPTY_FILE:
            raise EmptyFileError(f"{file.name}: {said}") from None
        raise InputError(f"{file.name}: cannot be read as {file.format.removesuffix('WithNames')}: {said}") from None
    # A row is: name, type, …, is_subcolumn.
    return {row[0]: row[1] for row in rows if not row[-1]}, tuple(row[0] for row in rows if row[-1])
