"""Files of download events as one query for raw events. Every location is a parameter."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from app.warehouse.engines.errors import QueryFailedError
from app.warehouse.loading.statements import statement

INPUT_SETTINGS = {
    # What a file says counts, and not what its folder is called.
    "use_hive_partitioning": 0,
    "input_format_skip_unknown_fields": 1,
    "input_format_json_read_objects_as_strings": 1,
    "input_format_csv_skip_trailing_empty_lines": 1,
    "max_http_get_redirects": 10,
}

EMPTY_FILE = "it is empty"


class File(msgspec.Struct, frozen=True):
    """A file of events, not yet opened: its path or URL, and ClickHouse's names for what reads it, its format and its
    compression."""

    name: str
    function: str
    format: str
    compression: str

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return self.function == "file"


class Received(File, frozen=True):
    """A file whose raw events are in `incoming`, under the number of its load and its own."""

    load: int
    number: int


class Shape(msgspec.Struct, frozen=True):
    """How to read a file: the column with its time, the structure that is sent to ClickHouse, the raw events' columns
    that are selected from it, whether a row may stand for several downloads, and the optional columns that it lacks."""

    time: str
    structure: str
    columns: str
    is_weighted: bool
    lacking: tuple[str, ...] = ()


class RawEvents(msgspec.Struct, frozen=True):
    """A query for raw events: source, day, raw_project, raw_installer, …, downloads (how many a row stands for)."""

    sql: str
    parameters: dict[str, Any]


def raw_events(files: Sequence[tuple[File, Shape]]) -> RawEvents:
    """The events of all files, as one query; files that are read alike are read together."""
    received = [file for file, _ in files if isinstance(file, Received)]
    groups: dict[tuple[str, str, str, Shape], list[str]] = {}
    for file, shape in files:
        if not isinstance(file, Received):
            # Only local paths are put together into one pattern.
            function = file.function if file.is_local else f"{file.function} {file.name}"
            groups.setdefault((function, file.format, file.compression, shape), []).append(file.name)
    selects: list[str] = []
    parameters: dict[str, Any] = {}
    if received:
        selects.append(statement("received"))
        parameters |= {"load": received[0].load, "first": received[0].number, "last": received[-1].number}
    settings = ", ".join(f"{name} = {value}" for name, value in INPUT_SETTINGS.items())
    for number, ((function, format_, compression, shape), names) in enumerate(groups.items()):
        arguments = {
            "location": names[0] if len(names) == 1 else f"/{{{','.join(name[1:] for name in names)}}}",
            "format": format_,
            "structure": shape.structure,
            "compression": compression,
        }
        placeholders = ", ".join(f"{{{name}_{number}:String}}" for name in arguments)
        read = f"{function.split()[0]}({placeholders})"
        source = "_path" if function == "file" else f"{{location_{number}:String}}"
        select = f"SELECT\n    {source} AS source,\n    {shape.columns}\nFROM {read}\nSETTINGS {settings}"
        selects.append(f"SELECT * FROM ({select})")  # noqa: S608 - constants and placeholders
        parameters |= {f"{name}_{number}": value for name, value in arguments.items()}
    return RawEvents("\nUNION ALL\n".join(selects), parameters)


REASON_LENGTH = 300

# What stands before the text of an exception: of ClickHouse, of Poco, of any other library.
INNER_EXCEPTION = re.compile(r"Exception: |Exception\. Code: \d+, e\.code\(\) = -?\d+, |e\.what\(\) = ")


# What stands before a part of the input, and where that is.
QUOTED_INPUT = re.compile(r"(?: (?:before|near|here))?: ['\"`]")
ROW = re.compile(r"\(at row \d+\)")


def reason(error: QueryFailedError) -> str:
    """What ClickHouse found wrong with a file, in its own words but without its surroundings."""
    text = str(error.__cause__)
    if "the file is empty" in text or "EMPTY_DATA_PASSED" in text:
        return EMPTY_FILE
    # Exceptions hold one another; the innermost comes last, and what surrounds it after that.
    text = INNER_EXCEPTION.split(text.split("Stack trace", maxsplit=1)[0])[-1]
    text = re.split(r"[:.]? \(version |: ?\(in file/uri|: While (?:executing|reading|processing)|\n", text)[0].strip(
        " :.,"
    )
    # What it quotes of a file may be a secret, if the file is not what its name says.
    before, *quoted = QUOTED_INPUT.split(text, maxsplit=1)
    if quoted:
        row = ROW.search(quoted[0])
        text = f"{before.strip(' :.,')} {row[0]}" if row else before.strip(" :.,")
    # It may quote what it was sent, and that may be a whole file.
    return text if len(text) <= REASON_LENGTH else f"{text[:REASON_LENGTH]} …"
