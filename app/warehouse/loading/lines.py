"""A limit on the lines of text files: an engine holds a line as a whole, several times, and a few kilobytes that are
compressed can be a line of gigabytes."""

import zlib
from pathlib import Path

from app.warehouse.engines.errors import InputError
from app.warehouse.loading.files import File
from app.warehouse.loading.formats import ERRORS, opened

MAX_LINE_BYTES = 1 << 24
CHUNK_BYTES = 1 << 20
LINE_FORMATS = {"JSONEachRow", "CSVWithNames"}


def require_short_lines(file: File) -> None:
    """Read a local file to its end, decompressed, in constant memory. Raises InputError for a line that is too long.

    That takes a hundredth of the time of loading it. What is wrong with the file else is found by others.
    """
    if file.format not in LINE_FORMATS:
        return
    length = 0
    try:
        with opened(Path(file.name), file.compression) as content:
            while chunk := content.read(CHUNK_BYTES):
                end = chunk.find(b"\n")
                longest = length + (len(chunk) if end < 0 else end)
                if longest > MAX_LINE_BYTES:
                    raise InputError(f"{file.name}: a line is longer than {MAX_LINE_BYTES:,} bytes")
                length = longest if end < 0 else len(chunk) - 1 - chunk.rfind(b"\n")
    except (*ERRORS, zlib.error):
        return
