"""Whether a file that is being copied has arrived: by its end, where its format has one."""

import os
import zlib
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from app.warehouse.loading import parquet
from app.warehouse.loading.formats import ERRORS, NOT_COMPRESSED, compression_of, format_of, opened

CHUNK_BYTES = 1 << 20


class Completeness(Enum):
    """What the end of a file says."""

    COMPLETE = "complete"
    CUT = "cut"
    """It begins as its format does, and the end is missing."""
    UNKNOWN = "unknown"
    """The format has no end, or the file is something else: only reading it all says so."""


def completeness(path: Path, is_stopped: Callable[[], bool] = lambda: False) -> Completeness:
    """The completeness of a file. A compressed file is decompressed for it: unknown if `is_stopped` before its end.

    Raises InputError for a file whose name says no format, and OSError for one that is gone.
    """
    format_, compression = format_of(str(path), path.name)
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
    except PermissionError:
        return Completeness.UNKNOWN
    if not beginning:
        return Completeness.UNKNOWN
    compression = compression or compression_of(beginning)
    if compression != NOT_COMPRESSED:
        return _decompressed(path, compression, is_stopped)
    if format_ != "Parquet" or not parquet.MAGIC.startswith(beginning):
        return Completeness.UNKNOWN
    return Completeness.COMPLETE if _has_footer(path) else Completeness.CUT


def _decompressed(path: Path, compression: str, is_stopped: Callable[[], bool]) -> Completeness:
    try:
        with opened(path, compression) as content:
            while content.read(CHUNK_BYTES):
                if is_stopped():
                    return Completeness.UNKNOWN
    except EOFError:
        return Completeness.CUT
    except FileNotFoundError:
        raise
    except (*ERRORS, zlib.error):
        return Completeness.UNKNOWN
    return Completeness.COMPLETE


def _has_footer(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - parquet.TAIL_BYTES))
        return parquet.TAIL_BYTES < parquet.footer_bytes(file.read()) <= size - len(parquet.MAGIC)
