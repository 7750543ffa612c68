"""Files of download events: what is named on a command line, as raw events that ClickHouse reads.

Two shapes are known: BigQuery's `file_downloads` (nested, or with dotted column names as in CSV), and that of the
public ClickHouse table `pypi.pypi`, where the empty string stands for NULL. SQL is put together here from constants
only; every location is a parameter.
"""

import glob
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from clickhouse_connect.driver.client import Client

from app.warehouse.engines.errors import InputError, QueryFailedError, translated
from app.warehouse.engines.parameters import FIELD_BYTES, split_lists
from app.warehouse.loading.statements import is_embedded, statement
from app.warehouse.loading.upload import head

FORMATS = {
    ".parquet": "Parquet",
    ".jsonl": "JSONEachRow",
    ".ndjson": "JSONEachRow",
    ".json": "JSONEachRow",
    ".csv": "CSVWithNames",
}
COMPRESSIONS = (".gz", ".zst")
REMOTE_FUNCTIONS = {"s3": "s3", "gs": "s3", "https": "url", "http": "url"}

# Of the engine with a URL that nobody answers: it would try for half a minute otherwise.
PATIENCE = {"http_max_tries": 3, "http_connection_timeout": 5}

# ClickHouse reads these as a pattern, wherever they stand in a path.
PATTERN_CHARACTERS = re.compile(r"[*?{},]")


class File(msgspec.Struct, frozen=True):
    """A file of events, not yet opened."""

    name: str
    function: str
    format: str


class Received(File, frozen=True):
    """A file whose raw events are in `incoming`, under the number of its load and its own."""

    load: int
    number: int


class Shape(msgspec.Struct, frozen=True):
    """How to read a file: the structure that ClickHouse is told, and the raw events selected from it."""

    structure: str
    select: str


class RawEvents(msgspec.Struct, frozen=True):
    """A query for raw events: day, raw_project, raw_installer, …, downloads (how many a row stands for)."""

    sql: str
    parameters: dict[str, Any]


def find_files(names: Iterable[str]) -> list[File]:
    """The files that the names stand for: files, folders (what is in them), shell patterns and URLs.

    Raises InputError for a name that stands for none, or for a kind of file that is not known.
    """
    files = [file for name in names for file in _find(name)]
    if not files:
        raise InputError("no file to load")
    return files


def _find(name: str) -> list[File]:
    scheme = urlsplit(name).scheme
    if "://" in name:
        if scheme not in REMOTE_FUNCTIONS:
            raise InputError(
                f"{name}: accepted are files, folders and {', '.join(f'{s}://' for s in REMOTE_FUNCTIONS)}"
            )
        return [File(name, REMOTE_FUNCTIONS[scheme], _format_of(name, urlsplit(name).path))]
    path = Path(name)
    if path.is_dir():
        paths = sorted(entry for entry in path.rglob("*") if entry.is_file() and not entry.name.startswith("."))
    elif path.exists():
        paths = [path]
    else:
        paths = sorted(Path(match) for match in glob.glob(name, recursive=True) if Path(match).is_file())  # noqa: PTH207
    if not paths:
        raise InputError(f"{name}: no such file")
    return [_local(path) for path in paths]


def _local(path: Path) -> File:
    location = str(path.absolute())
    if PATTERN_CHARACTERS.search(location):
        raise InputError(f"{path}: rename it, ClickHouse takes any of * ? {{ }} , in a path for a pattern")
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    return File(location, "file", _format_of(str(path), location))


def _format_of(name: str, path: str) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    try:
        return FORMATS[suffixes[-1]]
    except (IndexError, KeyError):
        raise InputError(
            f"{name}: accepted are {', '.join(FORMATS)}, each also with {' or '.join(COMPRESSIONS)}"
        ) from None


# The columns of BigQuery's file_downloads that count, and what they must hold. `project` may stand in `file` instead.
TEXT = "LowCardinality(Nullable(String))"
BIGQUERY_COLUMNS = {
    "timestamp": "String",
    "project": "Nullable(String)",
    "country_code": TEXT,
    "file.version": TEXT,
    "file.type": TEXT,
    "details.installer.name": TEXT,
    "details.python": TEXT,
    "details.system.name": TEXT,
}
CLICKHOUSE_COLUMNS = {
    "date": "Date32",
    "project": "Nullable(String)",
    "country_code": TEXT,
    "version": TEXT,
    "type": TEXT,
    "installer": TEXT,
    "python_minor": TEXT,
    "system": TEXT,
}

_BIGQUERY_SELECT = """SELECT
    toDate32({day}) AS day, {project} AS raw_project, {country_code} AS raw_country, {version} AS raw_version,
    {type} AS raw_file_type, {installer} AS raw_installer, {python} AS raw_python, {system} AS raw_system,
    toUInt64(1) AS downloads"""

_CLICKHOUSE_SELECT = """SELECT
    toNullable({day}) AS day, project AS raw_project, nullIf(country_code, '') AS raw_country,
    nullIf(version, '') AS raw_version, nullIf(type, '') AS raw_file_type, nullIf(installer, '') AS raw_installer,
    nullIf(python_minor, '') AS raw_python, nullIf(system, '') AS raw_system, toUInt64(1) AS downloads"""


def shape_of(client: Client, file: File) -> Shape:
    """How to read a file, by a look at its columns.

    Raises InputError for a file that cannot be read or has a column missing.
    """
    columns, parts = _describe(client, file)
    names = columns.keys() | parts.keys()
    if "timestamp" in names:
        return _bigquery_shape(file, columns, parts)
    if "date" in names:
        _require(file, CLICKHOUSE_COLUMNS, names)
        return _clickhouse_shape(file, columns)
    raise InputError(
        f"{file.name}: there is neither a column timestamp, as in BigQuery's file_downloads, "
        "nor a column date, as in ClickHouse's pypi.pypi"
    )


def _describe(client: Client, file: File) -> tuple[dict[str, str], dict[str, str]]:
    """The types of a file's columns, and those of the parts of columns, by dotted name."""
    function = f"{file.function}({{location:String}}, {{format:String}})"
    parameters: dict[str, Any] = {"location": file.name}
    if file.function == "file" and not is_embedded(client):
        text = head(file.name, file.format).hex()
        parts = [text[start : start + FIELD_BYTES // 2] for start in range(0, len(text), FIELD_BYTES // 2)]
        function, parameters = split_lists(
            "format({format:String}, unhex(arrayStringConcat({head:Array(String)})))", {"head": parts}
        )
    try:
        with translated():
            described = client.query(
                f"DESCRIBE TABLE {function}",
                parameters=parameters | {"format": file.format},
                settings={"describe_include_subcolumns": 1, **PATIENCE},
            ).result_rows
    except QueryFailedError as error:
        raise InputError(f"{file.name}: cannot be read as {file.format}: {reason(error)}") from None
    # A row is: name, type, …, is_subcolumn.
    return {row[0]: row[1] for row in described if not row[-1]}, {row[0]: row[1] for row in described if row[-1]}


def _bigquery_shape(file: File, columns: dict[str, str], parts: dict[str, str]) -> Shape:
    kinds = columns | parts
    names = set(kinds)
    wanted = dict(BIGQUERY_COLUMNS)
    if "project" not in names and "file.project" in names:
        wanted = {("file.project" if name == "project" else name): kind for name, kind in wanted.items()}
    _require(file, wanted, _with_parts_of_nulls(wanted, kinds) | names if file.format == "JSONEachRow" else names)
    if file.format == "Parquet" and "DateTime" in columns["timestamp"]:
        wanted["timestamp"] = "Nullable(DateTime64(6, 'UTC'))"
        day = "timestamp"
    elif file.format == "Parquet" and "String" not in columns["timestamp"]:
        raise InputError(f"{file.name}: column timestamp is {columns['timestamp']}; accepted are timestamps and text")
    else:
        day = "parseDateTime64BestEffortOrNull(timestamp, 6, 'UTC')"
    dotted = any("." in name for name in columns)
    fields = {name.split(".")[-2 if name.endswith(".name") else -1]: f"`{name}`" if dotted else name for name in wanted}
    del fields["timestamp"]
    return Shape(_structure(wanted, nested=not dotted), _BIGQUERY_SELECT.format(day=day, **fields))


def _clickhouse_shape(file: File, columns: dict[str, str]) -> Shape:
    if file.format == "Parquet" and "String" not in columns["date"]:
        return Shape(_structure(CLICKHOUSE_COLUMNS), _CLICKHOUSE_SELECT.format(day="date"))
    # ClickHouse reads 30 February as 2 March.
    day = "if(toString(toDate32OrNull(date)) = date, toDate32OrNull(date), NULL)"
    return Shape(_structure(CLICKHOUSE_COLUMNS | {"date": "String"}), _CLICKHOUSE_SELECT.format(day=day))


def _with_parts_of_nulls(wanted: Iterable[str], columns: dict[str, str]) -> set[str]:
    """The wanted names that are part of a column of which the look at a JSON file has seen NULL only."""
    return {
        name
        for name in wanted
        if any(name.startswith(f"{column}.") and "Tuple" not in kind for column, kind in columns.items())
    }


def _require(file: File, wanted: Iterable[str], names: set[str]) -> None:
    missing = [name for name in wanted if name not in names]
    if missing:
        hint = "; write it as null where it is unknown" if file.format == "JSONEachRow" else ""
        raise InputError(
            f"{file.name}: column {missing[0]} is missing{hint}"
            if len(missing) == 1
            else f"{file.name}: columns {', '.join(missing)} are missing{hint}"
        )


def _structure(columns: dict[str, str], *, nested: bool = False) -> str:
    """The structure argument of a ClickHouse table function, dotted names as tuples where `nested`."""
    if not nested:
        return ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
    tree: dict[str, dict[str, str]] = {}
    for name, kind in columns.items():
        head, _, rest = name.partition(".")
        tree.setdefault(head, {})[rest] = kind
    return ", ".join(
        f"{head} {parts['']}" if "" in parts else f"{head} Tuple({_structure(parts, nested=True)})"
        for head, parts in tree.items()
    )


def raw_events(files: Sequence[tuple[File, Shape]]) -> RawEvents:
    """The events of all files, as one query; files that are read alike are read together."""
    groups: dict[tuple[str, str, Shape], list[str]] = {}
    received = [file for file, _ in files if isinstance(file, Received)]
    for file, shape in files:
        if isinstance(file, Received):
            continue
        # Only local paths are put together into one pattern.
        function = file.function if file.function == "file" else f"{file.function} {file.name}"
        groups.setdefault((function, file.format, shape), []).append(file.name)
    selects: list[str] = []
    parameters: dict[str, Any] = {}
    if received:
        selects.append(statement("received"))
        parameters |= {"load": received[0].load, "first": received[0].number, "last": received[-1].number}
    for number, ((function, format_, shape), names) in enumerate(groups.items()):
        selects.append(
            f"{shape.select}\nFROM {function.split()[0]}"
            f"({{location_{number}:String}}, {{format_{number}:String}}, {{structure_{number}:String}})"
        )
        location = names[0] if len(names) == 1 else f"/{{{','.join(name[1:] for name in names)}}}"
        parameters |= {
            f"location_{number}": location,
            f"format_{number}": format_,
            f"structure_{number}": shape.structure,
        }
    return RawEvents("\nUNION ALL\n".join(selects), parameters)


REASON_LENGTH = 300


def reason(error: QueryFailedError) -> str:
    """What ClickHouse found wrong with a file, in its own words but without its surroundings."""
    text = str(error.__cause__)
    if "the file is empty" in text:
        return "it is empty"
    # Exceptions hold one another; the innermost comes last, and what surrounds it after that.
    text = re.split(r"Exception(?:: |\. Code: \d+, e\.code\(\) = -?\d+, )", text.split("Stack trace", maxsplit=1)[0])[
        -1
    ]
    text = re.split(r"[:.]? \(version |: ?\(in file/uri|: While (?:executing|reading|processing)|\n", text)[0].strip(
        " :.,"
    )
    # It may quote what it was sent, and that may be a whole file.
    return text if len(text) <= REASON_LENGTH else f"{text[:REASON_LENGTH]} …"
