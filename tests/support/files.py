"""Files of download events in each shape and format that people have them in."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from backports import zstd

from tests.support import avro
from tests.support.oracle import OPTIONAL, utc_day

Event = Mapping[str, Any]

TEXTS = [("name", pa.string()), ("version", pa.string())]

NESTED = pa.schema(
    [
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("country_code", pa.string()),
        ("project", pa.string()),
        ("file", pa.struct([(name, pa.string()) for name in ("filename", "project", "version", "type")])),
        (
            "details",
            pa.struct(
                [
                    ("installer", pa.struct(TEXTS)),
                    ("python", pa.string()),
                    ("implementation", pa.struct(TEXTS)),
                    (
                        "distro",
                        pa.struct([*TEXTS, ("id", pa.string()), ("libc", pa.struct([("lib", pa.string()), TEXTS[1]]))]),
                    ),
                    ("system", pa.struct([TEXTS[0], ("release", pa.string())])),
                    ("cpu", pa.string()),
                    ("openssl_version", pa.string()),
                    ("setuptools_version", pa.string()),
                    ("rustc_version", pa.string()),
                    ("ci", pa.bool_()),
                ]
            ),
        ),
    ]
)
"""BigQuery's export as Parquet, with its columns that are not read, in its order."""


def dotted(event: Event) -> dict[str, Any]:
    """An event in one row whose columns have dotted names."""
    return {
        "timestamp": event["timestamp"],
        "country_code": event["country_code"],
        "project": event["project"],
        "file.version": event["file"]["version"],
        "file.type": event["file"]["type"],
        "details.installer.name": event["details"]["installer"]["name"],
        "details.python": event["details"]["python"],
        "details.system.name": event["details"]["system"]["name"],
        "file.filename": event["file"]["filename"],
        "details.ci": event["details"]["ci"],
        "details.cpu": event["details"]["cpu"],
        "details.distro.name": event["details"]["distro"]["name"],
        "details.distro.version": event["details"]["distro"]["version"],
        "details.distro.libc.lib": event["details"]["distro"]["libc"]["lib"],
        "details.distro.libc.version": event["details"]["distro"]["libc"]["version"],
        "details.implementation.name": event["details"]["implementation"]["name"],
        "details.installer.version": event["details"]["installer"]["version"],
    }


def underscored(event: Event) -> dict[str, Any]:
    """An event as a query in BigQuery names columns, where it allows no dots."""
    return {name.replace(".", "_"): value for name, value in dotted(event).items()}


def clickpy(event: Event) -> dict[str, Any]:
    """An event as ClickPy's bucket has it: what BigQuery has in `details` is a level higher."""
    event = json.loads(json.dumps(event))
    return {name: event[name] for name in ("timestamp", "country_code", "project", "file")} | event["details"]


def flat(event: Event) -> dict[str, Any]:
    """An event as the public ClickHouse table has it: the empty string stands for NULL."""
    row = dotted(event)
    return {
        "date": utc_day(row["timestamp"]).isoformat(),
        "country_code": row["country_code"] or "",
        "project": row["project"] or "",
        "type": row["file.type"] or "",
        "installer": row["details.installer.name"] or "",
        "python_minor": row["details.python"] or "",
        "system": row["details.system.name"] or "",
        "version": row["file.version"] or "",
    }


def jsonl(rows: Iterable[Event]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def csv_(rows: Sequence[Event]) -> bytes:
    """As BigQuery writes CSV: NULL is nothing at all, the empty string a pair of quotes."""
    text = io.StringIO(newline="")
    names = list(rows[0])
    csv.writer(text).writerow(names)
    for row in rows:
        fields = (str(row[name]).lower() if isinstance(row[name], bool) else row[name] for name in names)
        text.write(",".join("" if f is None else '"' + str(f).replace('"', '""') + '"' for f in fields) + "\r\n")
    return text.getvalue().encode()


def parquet(rows: Sequence[Event], schema: pa.Schema | None = None) -> bytes:
    return table(pa.Table.from_pylist(list(rows), schema=schema))


def table(rows: pa.Table) -> bytes:
    """Parquet of rows that have their types."""
    buffer = io.BytesIO()
    pq.write_table(rows, buffer)
    return buffer.getvalue()


def nested_parquet(events: Iterable[Event]) -> bytes:
    """Nested Parquet; `from_pylist` wants instants for timestamps."""
    return parquet([dict(event) | {"timestamp": instant(event["timestamp"])} for event in events], NESTED)


def instants(event: Event) -> dict[str, Any]:
    """An event with its timestamp in microseconds, as Avro has it."""
    return {**event, "timestamp": int(instant(event["timestamp"]).timestamp() * 1_000_000)}


def instant(timestamp: str) -> datetime:
    """A timestamp as a value."""
    return datetime.fromisoformat(timestamp.replace(" UTC", "+00:00"))


WRITERS = {
    "nested.jsonl": jsonl,
    "dotted.jsonl": lambda events: jsonl(map(dotted, events)),
    "dotted.csv": lambda events: csv_([dotted(event) for event in events]),
    "nested.parquet": nested_parquet,
    "dotted.parquet": lambda events: parquet([dotted(event) for event in events]),
    "underscored.jsonl": lambda events: jsonl(map(underscored, events)),
    "underscored.csv": lambda events: csv_([underscored(event) for event in events]),
    "underscored.parquet": lambda events: parquet([underscored(event) for event in events]),
    "clickpy.jsonl": lambda events: jsonl(map(clickpy, events)),
    "clickpy.parquet": lambda events: parquet([clickpy(event) for event in events]),
    "nested.avro": lambda events: avro.written(avro.NESTED, map(instants, events)),
    "flat.jsonl": lambda events: jsonl(map(flat, events)),
    "flat.csv": lambda events: csv_([flat(event) for event in events]),
    "flat.parquet": lambda events: parquet([flat(event) for event in events]),
}
"""The bytes of a file of events, by shape and format."""


def lacking(kind: str) -> tuple[str, ...]:
    """The dimensions of which one of WRITERS' kinds has no columns."""
    return OPTIONAL if kind.startswith("flat") else ()


COMPRESSIONS = {"": lambda data: data, ".gz": gzip.compress, ".zst": zstd.compress}


def write(folder: Path, kind: str, events: Sequence[Event], compression: str = "") -> Path:
    """Write events in one of WRITERS' kinds."""
    path = folder / f"{kind}{compression}"
    path.write_bytes(COMPRESSIONS[compression](WRITERS[kind](events)))
    return path
