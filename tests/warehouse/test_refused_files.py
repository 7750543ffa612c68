"""What cannot be loaded is refused: the file is named, and nothing is left behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.warehouse.engines.errors import InputError
from app.warehouse.loading.files import REASON_LENGTH
from app.warehouse.loading.lines import MAX_LINE_BYTES
from tests.support import avro, files
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.fixtures import Backend
from tests.support.loading import EVENTS, assert_refused, dropping

pytestmark = pytest.mark.only_backend(Backend.EMBEDDED, Backend.HTTP)


def test_no_project_at_all_in_json(refusing: Dataset, tmp_path: Path) -> None:
    rows = map(dropping("project"), map(dropping("file.project"), EVENTS))

    assert_refused(refusing, write_jsonl(tmp_path / "events.jsonl", rows), "column project is missing")


REQUIRED = {
    *("timestamp", "country_code", "project", "file.version", "file.type"),
    *("details.installer.name", "details.python", "details.system.name"),
    *("date", "version", "type", "installer", "python_minor", "system"),
}
"""The columns of both shapes that every dimension which is always loaded needs."""


@pytest.mark.parametrize(("kind", "row"), [("dotted", files.dotted), ("flat", files.flat)])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_every_missing_column(
    refusing: Dataset, tmp_path: Path, kind: str, row: Callable[..., dict[str, Any]], ending: str
) -> None:
    columns = [name for name in row(EVENTS[0]) if name in REQUIRED]
    assert len(columns) == 8
    for number, column in enumerate(columns):
        rows = [{name: value for name, value in row(e).items() if name != column} for e in EVENTS]
        path = tmp_path / f"{number}.{ending}"
        path.write_bytes({"csv": files.csv_, "parquet": files.parquet}[ending](rows))
        with pytest.raises(InputError) as error:
            refusing.load_files(path)

        expected = "neither a column timestamp" if column in {"timestamp", "date"} else f"column {column} is missing"
        assert str(error.value).startswith(f"{path}: ")
        assert expected in str(error.value)


def test_two_missing_columns(refusing: Dataset, tmp_path: Path) -> None:
    rows = map(dropping("details.python"), map(dropping("country_code"), EVENTS))

    path = tmp_path / "events.parquet"
    path.write_bytes(files.parquet(list(rows)))

    assert_refused(refusing, path, "columns country_code, details.python are missing")


def test_a_missing_column_in_one_file_of_several(refusing: Dataset, tmp_path: Path) -> None:
    good = files.write(tmp_path, "nested.parquet", EVENTS)
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(files.parquet(list(map(dropping("details.python"), EVENTS))))

    assert_refused(refusing, bad, "column details.python is missing", others=(good,))


LONG_LINES = {
    "jsonl": (b'{"timestamp":"2026-03-10 12:00:00 UTC","project":"numpy","url":"', b'"}\n'),
    "csv": (",".join(files.dotted(EVENTS[0])).encode() + b",url\n" + b"," * len(files.dotted(EVENTS[0])), b"\n"),
}


@pytest.mark.parametrize("compression", files.COMPRESSIONS)
@pytest.mark.parametrize("ending", LONG_LINES)
@pytest.mark.parametrize("last", [b"", b"\n"])
def test_a_line_of_a_bomb(refusing: Dataset, tmp_path: Path, ending: str, compression: str, last: bytes) -> None:
    """The engine holds a line as a whole, several times: one of 3 GB, which is 3 MB of gzip, took 3.6 GB."""
    start, end = LONG_LINES[ending]
    path = tmp_path / f"events.{ending}{compression}"
    text = start + b"x" * (MAX_LINE_BYTES + 1) + end.strip() + last
    path.write_bytes(files.COMPRESSIONS[compression](text))

    assert_refused(refusing, path, f"a line is longer than {MAX_LINE_BYTES:,} bytes")


def test_a_long_line(dataset: Dataset, tmp_path: Path) -> None:
    start, end = LONG_LINES["jsonl"]
    path = tmp_path / "events.jsonl.gz"
    line = start + b"x" * (MAX_LINE_BYTES - len(start + end) + 1) + end
    path.write_bytes(files.COMPRESSIONS[".gz"](line * 2))

    assert [day.events for day in dataset.load_files(path)] == [2]


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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("broken.jsonl", b'{"timestamp": "2026-03-09 12:00:00 UTC", "project": "%s", "file": [}\n'),
        ("text.jsonl", b'{"timestamp": "2026-03-09 12:00:00 UTC", "project": "numpy"}\n%s\n'),
        ("quotes.csv", b'date,project,version,type,installer,python_minor,system,country_code\n"2026-03-09","%s"x,1\n'),
        ("short.csv", b"date,project,version,type,installer,python_minor,system,country_code\n2026-03-09,%s\n"),
    ],
)
def test_an_error_does_not_repeat_what_is_in_the_file(
    refusing: Dataset, tmp_path: Path, name: str, text: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(text % (b"secret" * 50_000))

    assert_refused(refusing, path)
    with pytest.raises(InputError) as error:
        refusing.load_files(path)
    assert len(str(error.value)) < len(str(path)) + REASON_LENGTH + 10


def test_an_avro_codec_that_clickhouse_does_not_know(refusing: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "events.avro"
    path.write_bytes(avro.written(avro.NESTED, map(files.instants, EVENTS), "bzip2"))

    assert_refused(refusing, path, "cannot be read as Avro: ", "codec", "bzip2")
