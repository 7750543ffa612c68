"""Writes Avro, as its specification says: there is no need of more types than exports have."""

import bz2
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa
from backports import zstd

TEXT = ["null", "string"]
MARK = bytes(range(16))
CODECS: dict[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": lambda block: zlib.compress(block, wbits=-15),
    "snappy": lambda block: pa.compress(block, "snappy", asbytes=True) + zlib.crc32(block).to_bytes(4, "big"),
    "zstandard": zstd.compress,
    "bzip2": bz2.compress,
}


def record(name: str, /, **fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": n, "type": kind} for n, kind in fields.items()]}


NESTED = record(
    "Root",
    timestamp=["null", {"type": "long", "logicalType": "timestamp-micros"}],
    country_code=TEXT,
    project=TEXT,
    file=["null", record("File", filename=TEXT, project=TEXT, version=TEXT, type=TEXT)],
    details=[
        "null",
        record(
            "Details",
            installer=["null", record("Installer", name=TEXT, version=TEXT)],
            python=TEXT,
            system=["null", record("System", name=TEXT)],
            ci=["null", "boolean"],
            cpu=TEXT,
            distro=[
                "null",
                record("Distro", name=TEXT, version=TEXT, libc=["null", record("Libc", lib=TEXT, version=TEXT)]),
            ],
            implementation=["null", record("Implementation", name=TEXT)],
        ),
    ],
)
"""BigQuery's export as Avro: everything may be NULL."""


def written(schema: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], codec: str = "null") -> bytes:
    """A file of one block, or of none where there are no rows."""
    encoded = [_value(schema, row) for row in rows]
    block = CODECS[codec](b"".join(encoded))
    metadata = {"avro.schema": json.dumps(schema), "avro.codec": codec}
    header = _long(len(metadata)) + b"".join(_text(k) + _text(v) for k, v in metadata.items()) + _long(0) + MARK
    blocks = _long(len(encoded)) + _long(len(block)) + block + MARK if encoded else b""
    return b"Obj\x01" + header + blocks


def _value(schema: Any, value: Any) -> bytes:
    if isinstance(schema, list):
        kind = next(k for k in schema if (k == "null") == (value is None))
        return _long(schema.index(kind)) + (b"" if value is None else _value(kind, value))
    kind = schema["type"] if isinstance(schema, Mapping) else schema
    if kind == "record":
        return b"".join(_value(field["type"], value.get(field["name"])) for field in schema["fields"])
    if kind == "boolean":
        return bytes([value])
    return _text(value) if kind == "string" else _long(value)


def _text(value: str) -> bytes:
    return _long(len(value.encode())) + value.encode()


def _long(value: int) -> bytes:
    value = value << 1 ^ value >> 63
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])
