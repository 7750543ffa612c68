"""Files in, days published: every shape and format, what is refused, and what replaces what."""

import itertools
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.warehouse.engines.errors import WarehouseError
from app.warehouse.loading.journal import LoadedDay
from app.warehouse.loading.migrations import migrate
from tests.support import files
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.fixtures import Backend
from tests.support.loading import EVENTS, counts, right
from tests.support.oracle import OPTIONAL
from tests.support.scale import sized

pytestmark = pytest.mark.only_backend(Backend.EMBEDDED, Backend.HTTP)


ALL_FILES = [(kind, compression) for kind in files.WRITERS for compression in files.COMPRESSIONS]
ONE_FILE_EACH = list(zip(files.WRITERS, itertools.cycle(files.COMPRESSIONS), strict=False))
"""Each kind once, in the compressions by turns."""


@pytest.mark.parametrize(("kind", "compression"), sized(ONE_FILE_EACH, ALL_FILES))
def test_every_shape_and_format_gives_the_same_numbers(
    dataset: Dataset, tmp_path: Path, kind: str, compression: str
) -> None:
    days = dataset.load_files(files.write(tmp_path, kind, EVENTS, compression))

    assert counts(dataset) == right(EVENTS, lacking=files.lacking(kind))
    assert [(day.date, day.events, day.dropped, day.packages) for day in days] == [
        (date(2026, 3, 8), 2, 1, 1),
        (date(2026, 3, 9), 3, 1, 2),
        (date(2026, 3, 10), 3, 0, 2),
    ]


def test_the_report_counts_the_rows_that_are_written(dataset: Dataset) -> None:
    (day,) = dataset.load([event()])

    # 16 dimensions' rows for numpy, overall twice; all but version again for __all__; and the two by day.
    assert day == LoadedDay(date(2026, 3, 10), events=1, dropped=0, packages=1, rows=17 + 16)
    assert dataset.query("SELECT count() FROM downloads_daily") == [(33,)]


@pytest.mark.parametrize("kind", ["nested.jsonl", "dotted.jsonl", "dotted.csv", "nested.parquet", "dotted.parquet"])
def test_the_empty_string_is_not_null_in_bigquerys_shape(dataset: Dataset, tmp_path: Path, kind: str) -> None:
    events = [
        event(installer="", system="", country="", version="", file_type=""),
        event(installer=None, system=None, country=None, version=None, file_type=None),
        event(system=None, country=None, version=None, file_type=None),
        event(python=""),
        event(python=None),
    ]

    dataset.load_files(files.write(tmp_path, kind, events))

    assert counts(dataset) == right(events)


@pytest.mark.parametrize("kind", ["flat.jsonl", "flat.csv", "flat.parquet"])
def test_the_empty_string_is_null_in_the_flat_shape(dataset: Dataset, tmp_path: Path, kind: str) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("installer", "python", "system", "country", "version", "file_type"))
    empty = dict.fromkeys(nothing, "")

    dataset.load_files(files.write(tmp_path, kind, [event(**empty), event(**(empty | {"installer": "pip"}))]))

    assert counts(dataset) == right(
        [event(**nothing), event(**(nothing | {"installer": "pip"}))], lacking=files.lacking(kind)
    )


TIMESTAMPS = [
    "2026-03-10 00:00:00 UTC",
    "2026-03-09 23:59:59.999999 UTC",
    "2026-03-10 00:00:00.5 UTC",
    "2026-03-10T00:00:00Z",
    "2026-03-10T00:00:00.000Z",
    "2026-03-10T04:59:59+05:00",
    "2026-03-09T20:00:00-04:00",
    "2026-03-09 20:00:00-04:00",
    "2026-03-10T05:29:59+05:30",
    "2026-03-10 00:00:00+00:00",
]


@pytest.mark.parametrize("kind", ["nested.jsonl", "dotted.csv", "dotted.parquet", "nested.parquet"])
def test_a_timestamp_is_an_instant_and_its_day_the_utc_day(dataset: Dataset, tmp_path: Path, kind: str) -> None:
    events = [event(timestamp, f"p{number}") for number, timestamp in enumerate(TIMESTAMPS)]

    dataset.load_files(files.write(tmp_path, kind, events))

    assert counts(dataset) == right(events)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", None])
def test_timestamps_in_parquet(dataset: Dataset, tmp_path: Path, unit: str, zone: str | None) -> None:
    events = [event("2026-03-10 00:00:00 UTC", "first"), event("2026-03-09 23:59:59 UTC", "last")]
    schema = files.NESTED.set(0, pa.field("timestamp", pa.timestamp(unit, tz=zone)))
    rows = [e | {"timestamp": files.instant(e["timestamp"]).replace(tzinfo=None)} for e in events]
    if zone:
        rows = [e | {"timestamp": files.instant(e["timestamp"])} for e in events]
    path = tmp_path / "events.parquet"
    path.write_bytes(files.parquet(rows, schema))

    dataset.load_files(path)

    assert counts(dataset) == right(events)


def without_project(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "project"}


@pytest.mark.parametrize("kind", ["nested.jsonl", "dotted.csv", "nested.parquet"])
def test_file_project_in_the_place_of_project(dataset: Dataset, tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "nested.jsonl":
        path.write_bytes(files.jsonl(map(without_project, EVENTS)))
    elif kind == "dotted.csv":
        rows = [without_project(files.dotted(e)) | {"file.project": e["project"]} for e in EVENTS]
        path.write_bytes(files.csv_(rows))
    else:
        rows = [without_project(e) | {"timestamp": files.instant(e["timestamp"])} for e in EVENTS]
        path.write_bytes(files.parquet(rows, files.NESTED.remove(2)))

    dataset.load_files(path)

    assert counts(dataset) == right(EVENTS)


def test_columns_that_nobody_needs_are_passed_over(dataset: Dataset, tmp_path: Path) -> None:
    rows = [{"url": "/x", "tls_cipher": None, **e, "details": {**e["details"], "rustc_version": "1.9"}} for e in EVENTS]

    dataset.load_files(write_jsonl(tmp_path / "events.jsonl", rows))

    assert counts(dataset) == right(EVENTS)


@pytest.mark.parametrize("missing", ["installer", "system"])
def test_parts_of_details_that_are_null_in_every_row(dataset: Dataset, tmp_path: Path, missing: str) -> None:
    """BigQuery writes a record of which nothing is known as null."""
    rows = [e | {"details": {**e["details"], missing: None}} for e in EVENTS]
    nulls = [e | {"details": {**e["details"], missing: {"name": None, "version": None}}} for e in EVENTS]

    dataset.load_files(write_jsonl(tmp_path / "events.jsonl", rows))

    # That the rows say nothing of the installer's version is all that can be seen of its column.
    assert counts(dataset) == right(nulls, lacking=["installer_version"] if missing == "installer" else ())


def test_many_files_of_many_kinds_are_one_call(dataset: Dataset, tmp_path: Path) -> None:
    for number, kind in enumerate(files.WRITERS):
        files.write(tmp_path, kind, [event(project=f"p{number}")])
    (tmp_path / ".hidden.jsonl").write_text("nonsense")
    (tmp_path / "below").mkdir()
    files.write(tmp_path / "below", "nested.jsonl", [event(project="below")], ".gz")

    (day,) = dataset.load_files(tmp_path)

    assert (day.events, day.packages) == (len(files.WRITERS) + 1, len(files.WRITERS) + 1)
    assert counts(dataset) == right(
        [event(project=p) for p in [*(f"p{n}" for n in range(len(files.WRITERS))), "below"]], lacking=OPTIONAL
    )
    (note,) = dataset.notes
    assert note.startswith("not loaded: origin, cpu, libc, distro, implementation, installer_version, platform, abi; ")
    assert "has no details.ci, details.cpu, details.distro.libc.lib, " in note


@pytest.mark.parametrize("pattern", ["*.jsonl", "day-[12].jsonl", "day-?.jsonl", "**/*.jsonl"])
def test_shell_patterns(dataset: Dataset, tmp_path: Path, pattern: str) -> None:
    for number in (1, 2):
        write_jsonl(tmp_path / f"day-{number}.jsonl", [event(f"2026-03-0{number} 12:00:00 UTC")])
    (tmp_path / "other.csv").write_text("nonsense")

    days = dataset.load_files(tmp_path / pattern)

    assert [day.date for day in days] == [date(2026, 3, 1), date(2026, 3, 2)]


def test_a_day_may_come_in_several_files_of_a_call(dataset: Dataset, tmp_path: Path) -> None:
    halves = [write_jsonl(tmp_path / f"{n}.jsonl", EVENTS[n::2]) for n in (0, 1)]

    dataset.load_files(*halves)

    assert counts(dataset) == right(EVENTS)


LOAD_AND_PRINT = """
import sys
from pathlib import Path
from app.warehouse.engines.embedded import EmbeddedEngine
from app.warehouse.loading.ingest import ingest
engine = EmbeddedEngine(Path(sys.argv[1]), "pypi")
ingest(engine.client, sys.argv[2:])
with engine.client() as client:
    print(client.query("SELECT project, toString(date) FROM overall_daily ORDER BY project").result_rows)
"""


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_the_hosts_time_zone_does_not_matter(tmp_path: Path, zone: str) -> None:
    events = [event("2026-03-10 00:00:00 UTC", "a-first"), event("2026-03-10 23:59:59 UTC", "b-last")]
    names = [
        write_jsonl(tmp_path / "nested.jsonl", events),
        files.write(tmp_path, "nested.parquet", [e | {"project": f"parquet-{e['project']}"} for e in events]),
        files.write(tmp_path, "flat.csv", [e | {"project": f"flat-{e['project']}"} for e in events]),
    ]
    printed = subprocess.run(
        [sys.executable, "-c", LOAD_AND_PRINT, tmp_path / "data", *names],
        env=os.environ | {"TZ": zone},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout

    projects = ["a-first", "b-last", "flat-a-first", "flat-b-last", "parquet-a-first", "parquet-b-last"]
    # Each once with mirrors, once without.
    assert printed == f"{[(p, '2026-03-10') for p in projects for _ in 'ww']}\n"


@pytest.mark.parametrize(
    ("dimension", "category", "kind", "message"),
    [
        ("overall", "with_mirrors", "nested.jsonl", "the sums of 2026-03-10 do not agree; nothing was published"),
        ("country", "US", "nested.jsonl", "the sums of 2026-03-10 do not agree; nothing was published"),
        ("version", "1.0", "nested.jsonl", "the sums of 2026-03-10 do not agree; nothing was published"),
        ("dropped", "name", "nested.parquet", "9 events were written of 8; nothing was published"),
    ],
)
def test_sums_that_do_not_agree_with_the_events(
    dataset: Dataset, tmp_path: Path, dimension: str, category: str, kind: str, message: str
) -> None:
    """A row that is not from the input, under the version that the load will have."""
    path = files.write(tmp_path, kind, EVENTS)
    with dataset.engine.client() as client:
        migrate(client)
    dataset.query(
        "INSERT INTO downloads_daily SELECT 'stray', "
        f"'{dimension}', '{category}', toDate('2026-03-10') AS day, bitShiftLeft(1::UInt64, 16) + toUInt16(day), 1"
    )

    with pytest.raises(WarehouseError) as error:
        dataset.load_files(path)

    assert (type(error.value), str(error.value)) == (WarehouseError, message)
    assert dataset.query("SELECT count() FROM loads WHERE state = 'published'") == [(0,)]
    dataset.load_files(path)
    assert counts(dataset) == right(EVENTS)


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64(), pa.timestamp("s"), pa.uint16(), pa.string()])
def test_dates_in_parquet(dataset: Dataset, tmp_path: Path, kind: pa.DataType) -> None:
    """ClickHouse itself writes a Date as the number of days since 1970."""
    table = pa.Table.from_pylist([files.flat(e) for e in EVENTS])
    days = table["date"].cast(pa.date32())
    days = days.cast(pa.int32()).cast(kind) if kind == pa.uint16() else days.cast(kind)
    path = tmp_path / "events.parquet"
    pq.write_table(table.set_column(0, "date", days), path)

    dataset.load_files(path)

    assert counts(dataset) == right(EVENTS, lacking=files.lacking("flat"))
