"""What a file is by its name, and where that says nothing of compression, by its first bytes."""

import gzip
import sys
from pathlib import Path
from typing import BinaryIO, cast

from app.warehouse.engines.errors import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# By suffix, the names that ClickHouse has for them.
FORMATS = {
    ".parquet": "Parquet",
    ".jsonl": "JSONEachRow",
    ".ndjson": "JSONEachRow",
    ".json": "JSONEachRow",
    ".csv": "CSVWithNames",
    ".avro": "Avro",
}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}

NOT_COMPRESSED = "none"

ERRORS = (OSError, EOFError, zstd.ZstdError)
"""What reading a compressed file can raise, besides zlib.error."""


def format_of(name: str, path: str) -> tuple[str, str]:
    """The format of a file, and its compression by its suffix: empty where it has none.

    Raises InputError for a suffix that is not known.
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    compression = COMPRESSIONS.get(suffixes[-1], "") if suffixes else ""
    if compression:
        suffixes.pop()
    try:
        return FORMATS[suffixes[-1]], compression
    except (IndexError, KeyError):
        raise InputError(
            f"{name}: accepted are {', '.join(FORMATS)}, each also with {' or '.join(COMPRESSIONS)}"
        ) from None


def compression_of(beginning: bytes) -> str:
    """The compression of a file that begins so."""
    return next((name for magic, name in MAGIC.items() if beginning.startswith(magic)), NOT_COMPRESSED)


def compressed(content: bytes, compression: str) -> bytes:
    """Content as a stream of its own in a compression."""
    if compression == "gzip":
        return gzip.compress(content)
    return zstd.compress(content) if compression == "zstd" else content


def opened(path: Path, compression: str) -> BinaryIO:
    """A file's content, decompressed while it is read."""
    if compression == "gzip":
        return cast(BinaryIO, gzip.open(path))
    if compression == "zstd":
        return cast(BinaryIO, zstd.open(path))
    return path.open("rb")
