"""Files in, days published: every shape and format, what is refused, and what replaces what."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.cache.timing import CacheTiming
from app.warehouse.engines.errors import InputError, WarehouseError
from app.warehouse.loading.examine import DayLoadedError
from app.warehouse.loading.journal import LoadedDay, sweep_superseded
from app.warehouse.loading.migrations import migrate
from tests.support import files
from tests.support.answers import body, eventually, series
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.fixtures import Backend
from tests.support.oracle import Oracle, published

pytestmark = pytest.mark.only_backend(Backend.EMBEDDED, Backend.HTTP)

# Each rule that a reader of files could get wrong; no empty string, as the flat shape has it for NULL.
EVENTS = [
    event("2026-03-10 00:00:00 UTC", "numpy"),
    event("2026-03-10 23:59:59 UTC", "NumPy", installer="devpi", python=None, system=None),
    event("2026-03-10 12:30:00 UTC", "a.b", installer=None, python="2.7", country=None),
    event("2026-03-09 12:30:00 UTC", "a_b", version=None, file_type=None, country="de"),
    event("2026-03-09 12:30:00 UTC", "numpy", python="3.13.0rc1", system="FreeBSD", version='1, "x" \u00fc'),
    event("2026-03-09 12:30:00 UTC", "numpy", python="3"),
    event("2026-03-08 12:30:00 UTC", "b d"),
    event("2026-03-08 12:30:00 UTC", "numpy", file_type="sdist"),
]


def counts(dataset: Dataset) -> dict[tuple[str, str, str, date], int]:
    """What a data set has stored, in the oracle's form."""
    rows = dataset.query(
        "SELECT project, toString(dimension), category, date, sum(downloads) FROM downloads_daily "
        "WHERE dimension != 'dropped' GROUP BY ALL"
    )
    return {(project, dimension, category, day): n for project, dimension, category, day, n in rows}


def right(*calls: list[dict[str, Any]]) -> dict[tuple[str, str, str, date], int]:
    return dict(Oracle(published(*calls)).counts)


@pytest.mark.parametrize("compression", files.COMPRESSIONS)
@pytest.mark.parametrize("kind", files.WRITERS)
def test_every_shape_and_format_gives_the_same_numbers(
    dataset: Dataset, tmp_path: Path, kind: str, compression: str
) -> None:
    days = dataset.load_files(files.write(tmp_path, kind, EVENTS, compression))

    assert counts(dataset) == right(EVENTS)
    assert [(day.date, day.events, day.dropped, day.packages) for day in days] == [
        (date(2026, 3, 8), 2, 1, 1),
        (date(2026, 3, 9), 3, 1, 2),
        (date(2026, 3, 10), 3, 0, 2),
    ]


def test_the_report_counts_the_rows_that_are_written(dataset: Dataset) -> None:
    (day,) = dataset.load([event()])

    # Nine dimensions' rows for numpy, overall twice; all but version again for __all__; and the two by day.
    assert day == LoadedDay(date(2026, 3, 10), events=1, dropped=0, packages=1, rows=9 + 8)
    assert dataset.query("SELECT count() FROM downloads_daily") == [(17,)]


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

    assert counts(dataset) == right([event(**nothing), event(**(nothing | {"installer": "pip"}))])


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
    rows = [
        {"url": "/x", "tls_cipher": None, **e, "details": {**e["details"], "ci": True, "distro": {"id": 1}}}
        for e in EVENTS
    ]

    dataset.load_files(write_jsonl(tmp_path / "events.jsonl", rows))

    assert counts(dataset) == right(EVENTS)


@pytest.mark.parametrize("missing", ["installer", "system"])
def test_parts_of_details_that_are_null_in_every_row(dataset: Dataset, tmp_path: Path, missing: str) -> None:
    """BigQuery writes a record of which nothing is known as null."""
    rows = [e | {"details": {**e["details"], missing: None}} for e in EVENTS]
    nulls = [e | {"details": {**e["details"], missing: {"name": None}}} for e in EVENTS]

    dataset.load_files(write_jsonl(tmp_path / "events.jsonl", rows))

    assert counts(dataset) == right(nulls)


def test_many_files_of_many_kinds_are_one_call(dataset: Dataset, tmp_path: Path) -> None:
    for number, kind in enumerate(files.WRITERS):
        files.write(tmp_path, kind, [event(project=f"p{number}")])
    (tmp_path / ".hidden.jsonl").write_text("nonsense")
    (tmp_path / "below").mkdir()
    files.write(tmp_path / "below", "nested.jsonl", [event(project="below")], ".gz")

    (day,) = dataset.load_files(tmp_path)

    assert (day.events, day.packages) == (len(files.WRITERS) + 1, len(files.WRITERS) + 1)
    assert counts(dataset) == right(
        [event(project=p) for p in [*(f"p{n}" for n in range(len(files.WRITERS))), "below"]]
    )


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


@pytest.fixture(scope="module")
def refusing(make_dataset: Callable[[], Dataset]) -> Iterator[Dataset]:
    """A data set for all that is refused, one after the other. A good load is none the worse for it."""
    dataset = make_dataset()
    with dataset.engine.client() as client:
        migrate(client)
    yield dataset
    dataset.load(EVENTS)
    assert counts(dataset) == right(EVENTS)


def assert_refused(refusing: Dataset, name: str | Path, *words: str, others: tuple[Path, ...] = ()) -> None:
    """Fail where an input is not refused with a message that has these words, or leaves anything behind."""
    with pytest.raises(InputError) as error:
        refusing.load_files(*others, name)
    message = str(error.value)
    for word in (str(name), *words):
        assert word in message
    for noise in ("DB::", "Code:", "version 2", "Stack trace", "\n", "While "):
        assert noise not in message
    assert refusing.query("SELECT count() FROM loads WHERE state = 'published'") == [(0,)]
    assert refusing.query("SELECT count() FROM downloads_daily") == [(0,)]
    assert refusing.query("SELECT count() FROM overall_daily") == [(0,)]


def dropping(column: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Takes a column, or a part of one, out of an event."""

    def drop(row: dict[str, Any]) -> dict[str, Any]:
        row = json.loads(json.dumps(row))
        *path, last = column.split(".")
        place = row
        for name in path:
            place = place[name]
        del place[last]
        return row

    return drop


@pytest.mark.parametrize(
    ("left_out", "column"),
    [
        ("country_code", "country_code"),
        ("file.version", "file.version"),
        ("details.installer.name", "details.installer.name"),
        ("details.python", "details.python"),
        ("details.system", "details.system.name"),
    ],
)
def test_a_missing_column_of_json(refusing: Dataset, tmp_path: Path, left_out: str, column: str) -> None:
    path = write_jsonl(tmp_path / "events.jsonl", map(dropping(left_out), EVENTS))

    assert_refused(refusing, path, f"column {column} is missing")


def test_no_project_at_all_in_json(refusing: Dataset, tmp_path: Path) -> None:
    rows = map(dropping("project"), map(dropping("file.project"), EVENTS))

    assert_refused(refusing, write_jsonl(tmp_path / "events.jsonl", rows), "column project is missing")


@pytest.mark.parametrize(("kind", "row"), [("dotted", files.dotted), ("flat", files.flat)])
@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_every_missing_column(
    refusing: Dataset, tmp_path: Path, kind: str, row: Callable[..., dict[str, Any]], ending: str
) -> None:
    columns = list(row(EVENTS[0]))
    for number, column in enumerate(columns):
        rows = [{name: value for name, value in row(e).items() if name != column} for e in EVENTS]
        path = tmp_path / f"{number}.{ending}"
        path.write_bytes({"csv": files.csv_, "parquet": files.parquet, "jsonl": files.jsonl}[ending](rows))
        with pytest.raises(InputError) as error:
            refusing.load_files(path)

        expected = "neither a column timestamp" if column in {"timestamp", "date"} else f"column {column} is missing"
        assert str(error.value).startswith(f"{path}: ")
        assert expected in str(error.value)


def test_two_missing_columns(refusing: Dataset, tmp_path: Path) -> None:
    rows = map(dropping("details.python"), map(dropping("country_code"), EVENTS))

    path = write_jsonl(tmp_path / "events.jsonl", rows)

    assert_refused(refusing, path, "columns country_code, details.python are missing")


def test_a_missing_column_in_one_file_of_several(refusing: Dataset, tmp_path: Path) -> None:
    good = write_jsonl(tmp_path / "good.jsonl", EVENTS)
    bad = write_jsonl(tmp_path / "bad.jsonl", map(dropping("details.python"), EVENTS))

    assert_refused(refusing, bad, "column details.python is missing", others=(good,))


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "parquet"])
@pytest.mark.parametrize("compression", ["", ".gz"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff nonsense \x80\n" * 20])
def test_empty_and_unreadable_files(
    refusing: Dataset, tmp_path: Path, ending: str, compression: str, content: bytes
) -> None:
    path = tmp_path / f"events.{ending}{compression}"
    path.write_bytes(files.COMPRESSIONS[compression](content))

    assert_refused(refusing, path)


@pytest.mark.parametrize(
    ("kind", "compression"),
    [
        ("nested.jsonl", ""),
        ("nested.jsonl", ".gz"),
        ("nested.jsonl", ".zst"),
        ("nested.parquet", ""),
        ("dotted.csv", ".gz"),
        ("dotted.csv", ".zst"),
    ],
)
def test_a_file_that_breaks_off(refusing: Dataset, tmp_path: Path, kind: str, compression: str) -> None:
    path = files.write(tmp_path, kind, EVENTS * 100, compression)
    path.write_bytes(path.read_bytes()[:-20])

    assert_refused(refusing, path)


@pytest.mark.parametrize("compression", [".gz", ".zst"])
def test_a_file_that_is_not_compressed_as_its_name_says(refusing: Dataset, tmp_path: Path, compression: str) -> None:
    path = tmp_path / f"events.jsonl{compression}"
    path.write_bytes(files.jsonl(EVENTS))

    assert_refused(refusing, path)


def test_a_broken_line_after_many_good_ones(refusing: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(files.jsonl(EVENTS * 5000) + b'{"timestamp": \n' + files.jsonl(EVENTS))

    assert_refused(refusing, path)


def test_a_value_of_another_kind_after_many_good_ones(refusing: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(files.jsonl([*EVENTS * 5000, EVENTS[0] | {"details": "pip"}]))

    assert_refused(refusing, path)


@pytest.mark.parametrize(
    "events",
    [
        [event(python="3"), event(python="abc")],
        [event(project="b d"), event(project=None)],
        [event(project=""), event(python="")],
    ],
)
@pytest.mark.parametrize("kind", ["nested.jsonl", "dotted.csv", "nested.parquet"])
def test_a_file_with_no_usable_row(refusing: Dataset, tmp_path: Path, kind: str, events: list[dict[str, Any]]) -> None:
    path = files.write(tmp_path, kind, events)

    assert_refused(refusing, path, "no usable row", "column project", "column details.python")


@pytest.mark.parametrize("kind", ["dotted.csv", "flat.csv"])
def test_a_csv_of_its_header_alone(refusing: Dataset, tmp_path: Path, kind: str) -> None:
    path = files.write(tmp_path, kind, EVENTS)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])

    assert_refused(refusing, path)


def test_one_useless_file_among_good_ones(refusing: Dataset, tmp_path: Path) -> None:
    good = write_jsonl(tmp_path / "good.jsonl", EVENTS)
    useless = write_jsonl(tmp_path / "useless.jsonl", [event(python="3")])

    assert_refused(refusing, useless, "no usable row", others=(good,))


@pytest.mark.parametrize("timestamp", ["yesterday", "", "2026-02-30 12:00:00 UTC", "1999-12-31 23:59:59 UTC", "0"])
@pytest.mark.parametrize("kind", ["nested.jsonl", "dotted.csv"])
def test_a_timestamp_that_is_none(refusing: Dataset, tmp_path: Path, kind: str, timestamp: str) -> None:
    path = files.write(tmp_path, kind, [*EVENTS, event(timestamp)])

    assert_refused(refusing, path, "column timestamp", "in 1 rows")


def test_a_timestamp_that_is_null(refusing: Dataset, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "events.jsonl", [*EVENTS, EVENTS[0] | {"timestamp": None}])

    assert_refused(refusing, path, "column timestamp")


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "1999-12-31", ""])
@pytest.mark.parametrize("kind", ["flat.jsonl", "flat.csv", "flat.parquet"])
def test_a_date_that_is_none(refusing: Dataset, tmp_path: Path, kind: str, day: str) -> None:
    rows = [*map(files.flat, EVENTS), files.flat(EVENTS[0]) | {"date": day}]
    path = tmp_path / kind
    path.write_bytes({"l": files.jsonl, "v": files.csv_, "t": files.parquet}[kind[-1]](rows))

    assert_refused(refusing, path, "column date", "in 1 rows")


@pytest.mark.parametrize(
    ("kind", "column"), [("nested.jsonl", "timestamp"), ("nested.parquet", "timestamp"), ("flat.csv", "date")]
)
@pytest.mark.parametrize("day", ["2100-01-01", "2150-01-01"])
def test_a_date_in_the_future(refusing: Dataset, tmp_path: Path, kind: str, column: str, day: str) -> None:
    path = files.write(tmp_path, kind, [*EVENTS, event(f"{day} 00:00:00 UTC")])

    assert_refused(refusing, path, f"column {column} has a date in the future, {day}; today is ")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing.jsonl", "no such file"),
        ("*.jsonl", "no such file"),
        ("events.txt", "accepted are .parquet, .jsonl, .ndjson, .json, .csv"),
        ("events.jsonl.bz2", "accepted are .parquet, .jsonl, .ndjson, .json, .csv"),
        ("events", "accepted are .parquet, .jsonl, .ndjson, .json, .csv"),
    ],
)
def test_a_name_that_stands_for_nothing(refusing: Dataset, tmp_path: Path, name: str, words: str) -> None:
    if "nothing" not in name and "*" not in name:
        (tmp_path / name).write_text("x")

    assert_refused(refusing, tmp_path / name, words)


def test_an_empty_folder(refusing: Dataset, tmp_path: Path) -> None:
    assert_refused(refusing, tmp_path, "no such file")


def test_a_scheme_that_is_not_known(refusing: Dataset) -> None:
    assert_refused(
        refusing, "ftp://localhost/events.csv", "accepted are files, folders and s3://, gs://, https://, http://"
    )


def test_a_loaded_day_is_refused_and_untouched(dataset: Dataset, tmp_path: Path) -> None:
    dataset.load(EVENTS)
    before = counts(dataset)
    path = write_jsonl(
        tmp_path / "again.jsonl", [event("2026-03-09 12:00:00 UTC", "new"), event("2026-03-11 12:00:00 UTC", "new")]
    )

    with pytest.raises(DayLoadedError) as error:
        dataset.load_files(path)

    assert str(error.value) == f"{path}: already loaded: 2026-03-09; --replace loads the days of this call anew"
    assert counts(dataset) == before


def test_replaced_days_are_what_the_call_says_and_the_others_stay(dataset: Dataset) -> None:
    second = [event("2026-03-09 12:00:00 UTC", "new"), event("2026-03-11 12:00:00 UTC", "numpy")]
    dataset.load(EVENTS)
    dataset.load(second, replace=True)
    oracle = Oracle(published(EVENTS, second))

    with dataset.client() as client:
        for package in ("numpy", "a-b", "new", "__all__"):
            for dimension in ("overall", "version", "country"):
                answer = body(client.get(f"/api/packages/{package}/{dimension}"))
                assert (200, answer) == oracle.series(package, dimension, {})
            assert (200, body(client.get(f"/api/packages/{package}/summary"))) == oracle.summary(package)
        assert (200, body(client.get("/api/top"))) == oracle.top()


def test_a_package_whose_only_day_is_replaced_without_it_is_gone(dataset: Dataset) -> None:
    dataset.load([event(project="gone")])
    dataset.load([event(project="new")], replace=True)

    with dataset.client() as client:
        assert client.get("/api/packages/gone/overall").status_code == 404
        assert body(client.get("/api/search?q=go"))["data"] == []
        assert body(client.get("/api/recent?package=gone&package=new"))["missing"] == ["gone"]


def test_a_day_is_replaced_again_and_again(dataset: Dataset) -> None:
    for number in range(1, 4):
        dataset.load([event(project="numpy")] * number, replace=True)

    with dataset.client() as client:
        assert body(client.get("/api/packages/numpy/overall?mirrors=true")) == series(
            "overall", "numpy", "with_mirrors 2026-03-10 3"
        )


def test_rows_that_were_superseded_are_swept_once_they_are_old_enough(dataset: Dataset) -> None:
    second = [event("2026-03-09 12:00:00 UTC", "new")]
    dataset.load(EVENTS)
    dataset.load(second, replace=True)
    both = counts(dataset)
    with dataset.engine.client() as client:
        sweep_superseded(client, timedelta(hours=1))
        assert counts(dataset) == both
        sweep_superseded(client, timedelta(0))
        sweep_superseded(client, timedelta(0))

    assert both != counts(dataset) == right(EVENTS, second)
    assert dataset.query("SELECT uniqExact(project) FROM overall_daily WHERE date = '2026-03-09'") == [(1,)]
    with dataset.client() as client:
        assert (200, body(client.get("/api/top"))) == Oracle(published(EVENTS, second)).top()


def test_readers_see_the_old_days_or_the_new_ones(dataset: Dataset) -> None:
    """While two days are replaced over and over, no answer mixes one load with another, or has a day of neither."""

    def load(number: int) -> None:
        events = [event(f"2026-03-{day} 12:00:00 UTC", "numpy", version=str(number)) for day in ("09", "10")]
        dataset.load(events * number, replace=True)

    load(1)
    seen = []
    with dataset.client(timing=CacheTiming(poll_interval=0.05)) as client:
        loads = threading.Thread(target=lambda: [load(number) for number in range(2, 7)])
        loads.start()
        while loads.is_alive():
            seen.append(body(client.get("/api/packages/numpy/version"))["data"])
        loads.join()
        possible = [series("version", "", f"{n} 2026-03-09 {n}", f"{n} 2026-03-10 {n}")["data"] for n in range(1, 7)]
        newest = {"data": possible[-1], "package": "numpy", "type": "version_downloads"}
        seen.append(body(eventually(client, "/api/packages/numpy/version", newest))["data"])

    order = [possible.index(rows) for rows in seen]
    assert order == sorted(order)
    assert (order[-1], len(set(order)) > 2) == (5, True)


class Handler(SimpleHTTPRequestHandler):
    """Files of a folder, without a word about it."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Where the files of the test's folder are on HTTP."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("kind", "compression"),
    [("nested.jsonl", ""), ("nested.jsonl", ".gz"), ("dotted.csv", ".zst"), ("nested.parquet", "")],
)
def test_clickhouse_reads_urls_by_itself(
    dataset: Dataset, tmp_path: Path, url: str, kind: str, compression: str
) -> None:
    path = files.write(tmp_path, kind, EVENTS, compression)

    dataset.load_files(f"{url}/{path.name}")

    assert counts(dataset) == right(EVENTS)


def test_a_url_where_nothing_is(refusing: Dataset, url: str) -> None:
    assert_refused(refusing, f"{url}/nothing.jsonl")


def test_urls_and_files_are_one_call(dataset: Dataset, tmp_path: Path, url: str) -> None:
    here = files.write(tmp_path, "nested.jsonl", EVENTS[:4])
    files.write(tmp_path, "dotted.csv", EVENTS[4:])

    dataset.load_files(here, f"{url}/dotted.csv")

    assert counts(dataset) == right(EVENTS)


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

    assert counts(dataset) == right(EVENTS)
