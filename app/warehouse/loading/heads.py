"""What the beginning of a local file says, or in Parquet its end: the columns, and whether there is a row."""

import csv
import os
import re
import zlib
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import msgspec

from app.warehouse.engines.errors import InputError
from app.warehouse.loading import avro, parquet
from app.warehouse.loading.files import File
from app.warehouse.loading.formats import ERRORS, opened
from app.warehouse.loading.shapes import DOTTED, JSON_KEYS, JSON_PARTS

CHUNK_BYTES = 1 << 20
LINE_BYTES = 1 << 20
FOOTER_BYTES = 1 << 27
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DOTTED_KEY = re.compile(rb'"(?:file|details)[.]')
JSON_KEY = re.compile(rf'"(?:file[._])?({"|".join(JSON_KEYS)})"\s*:'.encode())


class Head(msgspec.Struct, frozen=True):
    """`columns` are the names of columns where text says them. Elsewhere `text` is a file of the same columns and no
    rows. Files of one format with equal heads are read alike. `rows` is 0 where there are none, else how many there are
    or, where the head does not say it, -1."""

    columns: tuple[str, ...]
    text: bytes
    rows: int


UNKNOWN = -1
EMPTY = Head((), b"", 0)


def head_of(file: File) -> Head:
    """The head of a local file. Raises InputError for one that is not whole, or not what its name says."""
    try:
        with opened(Path(file.name), file.compression) as content:
            return READERS[file.format](content)
    except (*ERRORS, zlib.error):
        raise InputError(f"{file.name}: cannot be read: it is not whole, or not compressed as its name says") from None
    except ValueError as error:
        raise InputError(f"{file.name}: cannot be read as {file.format.removesuffix('WithNames')}: {error}") from None


def _json(content: BinaryIO) -> Head:
    if not (start := _first(content)):
        return EMPTY
    text = start + content.read(LINE_BYTES)
    found = {key.decode() for key in JSON_KEY.findall(text)}
    dotted = (DOTTED,) if DOTTED_KEY.search(text) else ()
    parts = (name for name, pattern in JSON_PARTS.items() if pattern.search(text))
    return Head((*(key for key in JSON_KEYS if key in found), *dotted, *parts), b"", UNKNOWN)


def _csv(content: BinaryIO) -> Head:
    header = content.readline(LINE_BYTES).removeprefix(BYTE_ORDER_MARK)
    if not header.strip():
        return EMPTY
    try:
        (names,) = csv.reader([header.decode(errors="replace").rstrip("\r\n")])
    except csv.Error:
        raise ValueError("its first line has no names of columns") from None
    return Head(tuple(names), b"", UNKNOWN if _first(content) else 0)


def _parquet(content: BinaryIO) -> Head:
    tail = _end(content, parquet.TAIL_BYTES)
    if not tail:
        return EMPTY
    length = parquet.footer_bytes(tail)
    if not parquet.TAIL_BYTES < length <= FOOTER_BYTES or len(footer := _end(content, length)) < length:
        raise ValueError("its end is missing, or it is something else")
    return Head((), parquet.schema_alone(footer), parquet.row_count(footer))


def _avro(content: BinaryIO) -> Head:
    text = avro.header(content)
    return Head((), text, UNKNOWN if content.read(1) else 0) if text else EMPTY


READERS = {"JSONEachRow": _json, "CSVWithNames": _csv, "Parquet": _parquet, "Avro": _avro}


def _first(content: BinaryIO) -> bytes:
    """The first that is no white space of what follows, and some of what comes after it; empty where nothing does."""
    while chunk := content.read(CHUNK_BYTES):
        if text := chunk.removeprefix(BYTE_ORDER_MARK).lstrip():
            return text
    return b""


def _end(content: BinaryIO, length: int) -> bytes:
    """The last bytes of a file."""
    if isinstance(content, BufferedReader):
        content.seek(-min(length, content.seek(0, os.SEEK_END)), os.SEEK_END)
        return content.read()
    # A compressed file is read from its beginning, once for each look at its end.
    content.seek(0)
    end = b""
    while chunk := content.read(CHUNK_BYTES):
        end = (end + chunk)[-length:]
    return end
