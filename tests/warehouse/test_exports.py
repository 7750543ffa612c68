"""Exports as people have them: without keys, shards without rows, folders called like columns, rows that are many."""

import gzip
import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from backports import zstd

from app.warehouse.engines.errors import InputError
from tests.support import avro, files
from tests.support.answers import body, series
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.fixtures import Backend
from tests.support.loading import EVENTS, about_rows, assert_refused, counts, right
from tests.support.scale import sized

pytestmark = pytest.mark.only_backend(Backend.EMBEDDED, Backend.HTTP)

CASES = Path(__file__).parents[3] / "shared" / "cases"
DAY = date(2026, 3, 10)


def without_nulls(value: Any) -> Any:
    """A row as BigQuery writes it in JSON: without the keys of what is NULL, and without records of nothing else."""
    if not isinstance(value, dict):
        return value
    parts = {name: without_nulls(part) for name, part in value.items()}
    return {name: part for name, part in parts.items() if part is not None and part != {}}


@pytest.mark.parametrize("shape", [lambda e: e, files.dotted, files.underscored, files.clickpy])
def test_json_without_its_null_keys(
    dataset: Dataset, tmp_path: Path, shape: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    dataset.load_files(write_jsonl(tmp_path / "events.json", (without_nulls(shape(e)) for e in EVENTS)))

    # No event has `details.ci`, so that its key is nowhere.
    assert counts(dataset) == right(EVENTS, lacking=["origin"])
    assert about_rows(dataset.notes) == []


def test_a_key_of_json_that_comes_after_very_many_rows_without_it(dataset: Dataset, tmp_path: Path) -> None:
    """ClickHouse would look at 25,000 rows to learn which columns there are."""
    bare = {"timestamp": "2026-03-10 10:00:00 UTC", "project": "numpy"}
    path = write_jsonl(tmp_path / "events.json", [*[bare] * 26_000, without_nulls(event())])

    dataset.load_files(path)

    with dataset.client() as client:
        assert body(client.get("/api/packages/numpy/python_minor")) == series(
            "python_minor", "numpy", "3.13 2026-03-10 1"
        )
        assert body(client.get("/api/packages/numpy/overall?mirrors=true")) == series(
            "overall", "numpy", "with_mirrors 2026-03-10 26001"
        )


def test_columns_of_which_nothing_was_seen_are_named(dataset: Dataset, tmp_path: Path) -> None:
    bare = {"timestamp": "2026-03-10 10:00:00 UTC", "project": "numpy", "details": {"python": "3.13.1"}}

    dataset.load_files(write_jsonl(tmp_path / "events.json", [bare]))

    assert about_rows(dataset.notes) == [
        f"no row says anything of {column}: all of these downloads count as null there"
        for column in ("country_code", "file.version", "file.type", "details.installer.name", "details.system.name")
    ]


def test_a_file_of_two_in_which_nothing_is_seen_needs_no_word(dataset: Dataset, tmp_path: Path) -> None:
    bare = write_jsonl(tmp_path / "bare.json", [{"timestamp": "2026-03-10 10:00:00 UTC", "project": "numpy"}])

    dataset.load_files(bare, write_jsonl(tmp_path / "whole.json", [event()]))

    assert dataset.notes == []


def empty_avro() -> bytes:
    return avro.written(avro.NESTED, [])


EMPTY = {
    "empty.parquet": b"",
    "no-rows.parquet": files.parquet([], files.NESTED),
    "empty.json": b"",
    "blank.json": b"\n \n",
    "empty.json.gz": gzip.compress(b""),
    "empty.csv.zst": zstd.compress(b""),
    "header.csv": files.csv_([files.dotted(event())]).splitlines(keepends=True)[0],
    "header-and-blank-lines.csv": files.csv_([files.flat(event())]).splitlines(keepends=True)[0] + b"\r\n\r\n",
    "no-rows.avro": empty_avro(),
    "empty.avro": b"",
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_shard_without_rows_is_passed_over(dataset: Dataset, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(EMPTY[name])
    write_jsonl(tmp_path / "full.jsonl", [event()])

    dataset.load_files(tmp_path)

    assert counts(dataset) == right([event()])
    assert dataset.notes == [f"passed over, without a row: {tmp_path / name}"]


def test_an_input_without_any_row_is_refused(refusing: Dataset, tmp_path: Path) -> None:
    for name, content in EMPTY.items():
        (tmp_path / name).write_bytes(content)

    assert_refused(refusing, tmp_path, f"and {len(EMPTY) - 3} more: no row in any of them")


@pytest.mark.parametrize("folder", ["date=2026-11-21", "project=other", "dt=2026-11-21", "date=x/project=y"])
def test_a_folder_called_like_a_column_says_nothing(dataset: Dataset, tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    for kind in ("flat.csv", "nested.parquet", "nested.jsonl"):
        files.write(tmp_path / folder, kind, EVENTS)

    dataset.load_files(tmp_path)

    assert counts(dataset) == right(EVENTS * 3, lacking=files.lacking("flat"))


@pytest.mark.parametrize("second", ["a.csv", "../{folder}/a.csv", "link.csv", "hard.csv", "*.csv"])
def test_a_file_that_is_named_twice_counts_once(dataset: Dataset, tmp_path: Path, second: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(files.WRITERS["dotted.csv"](EVENTS))
    if second == "link.csv":
        (tmp_path / second).symlink_to(path)
    if second == "hard.csv":
        os.link(path, tmp_path / second)

    dataset.load_files(tmp_path, path, tmp_path / second.format(folder=tmp_path.name))

    assert counts(dataset) == right(EVENTS)
    assert [note.split(":")[0] for note in dataset.notes] == ["named more than once, counted once"]


NO_DATA = ["_SUCCESS", ".a.jsonl.crc", "a.jsonl.crc", "b.parquet_.gstmp", ".hidden.csv", ".git/x.csv"]


def test_what_tools_leave_beside_data_is_passed_over(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for name in NO_DATA:
        (tmp_path / name).write_text("x")
    write_jsonl(tmp_path / "a.jsonl", EVENTS)

    dataset.load_files(tmp_path)

    assert counts(dataset) == right(EVENTS)
    named = [str(tmp_path / name) for name in NO_DATA if not name.startswith(".")]
    assert dataset.notes == [f"passed over, no files of downloads by their names: {', '.join(sorted(named))}"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_a_blank_last_line_of_csv_is_no_row(dataset: Dataset, tmp_path: Path, end: str) -> None:
    path = files.write(tmp_path, "dotted.csv", EVENTS)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + end.encode())

    dataset.load_files(path)

    assert counts(dataset) == right(EVENTS)


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
@pytest.mark.parametrize("kind", ["nested.jsonl", "dotted.csv"])
def test_compression_that_the_name_does_not_say(
    dataset: Dataset, tmp_path: Path, kind: str, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / kind
    path.write_bytes(compress(files.WRITERS[kind](EVENTS)))

    dataset.load_files(path)

    assert counts(dataset) == right(EVENTS)


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "zstandard"])
def test_avro(dataset: Dataset, tmp_path: Path, codec: str) -> None:
    rows = [files.instants(e) for e in [*EVENTS, EVENTS[0] | {"file": None, "details": None}]]
    path = tmp_path / "events.avro"
    path.write_bytes(avro.written(avro.NESTED, rows, codec))

    dataset.load_files(path)

    nothing = event("2026-03-10 00:00:00 UTC", installer=None, python=None, system=None, version=None, file_type=None)
    assert counts(dataset) == right([*EVENTS, nothing])


WEIGHTS = ["downloads", "count", "num_downloads", "download_count"]
WRITERS = {"jsonl": files.jsonl, "csv": files.csv_, "parquet": files.parquet}
SHAPES = [files.flat, files.dotted, files.underscored, files.clickpy]
EACH = [(shape, ending) for shape in SHAPES for ending in WRITERS if (shape, ending) != (files.clickpy, "csv")]
"""CSV has no records."""
ONE_WEIGHT_EACH = [(*each, WEIGHTS[number % len(WEIGHTS)]) for number, each in enumerate(EACH)]
ALL_WEIGHTS = [(*each, weight) for each in EACH for weight in WEIGHTS]


@pytest.mark.parametrize(("shape", "ending", "weight"), sized(ONE_WEIGHT_EACH, ALL_WEIGHTS))
def test_a_row_that_stands_for_several_downloads(
    dataset: Dataset,
    tmp_path: Path,
    shape: Callable[[dict[str, Any]], dict[str, Any]],
    ending: str,
    weight: str,
) -> None:
    rows = [shape(e) | {weight: n} for n, e in enumerate(EVENTS)]
    path = tmp_path / f"events.{ending}"
    path.write_bytes(WRITERS[ending](rows))

    days = dataset.load_files(path)

    lacking = files.lacking("flat") if shape is files.flat else ()
    assert counts(dataset) == right([e for n, e in enumerate(EVENTS) for _ in range(n)], lacking=lacking)
    assert sum(day.events for day in days) == sum(range(len(EVENTS)))


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint16(), pa.float64(), pa.decimal128(38, 9), pa.string()])
def test_types_of_numbers_in_parquet(dataset: Dataset, tmp_path: Path, kind: pa.DataType) -> None:
    table = pa.Table.from_pylist([files.flat(event())])
    path = tmp_path / "events.parquet"
    path.write_bytes(files.table(table.append_column("count", pa.array([500]).cast(kind))))

    (day,) = dataset.load_files(path)

    assert (day.events, day.packages) == (500, 1)


@pytest.mark.parametrize("number", [None, -1, 1.5, "many", ""])
@pytest.mark.parametrize("ending", WRITERS)
def test_a_number_of_downloads_that_is_none(refusing: Dataset, tmp_path: Path, ending: str, number: Any) -> None:
    good = files.write(tmp_path, "flat.csv", EVENTS)
    whole = "7" if isinstance(number, str) else 7
    rows = [files.flat(e) | {"count": number if e is EVENTS[3] else whole} for e in EVENTS]
    path = tmp_path / f"bad.{ending}"
    path.write_bytes(WRITERS[ending](rows))

    assert_refused(refusing, path, "column count is empty, negative or not a whole number", others=(good,))


def test_a_number_of_downloads_that_only_later_rows_have(refusing: Dataset, tmp_path: Path) -> None:
    rows = [files.flat(e) for e in EVENTS * 5_000]
    path = write_jsonl(tmp_path / "events.jsonl", [*rows, rows[0] | {"count": 5}])

    assert_refused(refusing, path, "column downloads or count or num_downloads or download_count is in some rows")


def test_a_package_called_count_is_no_number(dataset: Dataset, tmp_path: Path) -> None:
    dataset.load_files(write_jsonl(tmp_path / "events.jsonl", [event(project="count"), event(project="downloads")]))

    assert counts(dataset) == right([event(project="count"), event(project="downloads")])


@pytest.mark.parametrize("time", ["11/10/2026", "11/10/2026 10:00:00", "10.11.2026", "10 Nov 2026", "Nov 10 2026"])
@pytest.mark.parametrize(("kind", "column"), [("dotted.csv", "timestamp"), ("nested.jsonl", "timestamp")])
def test_a_date_that_can_be_read_in_two_ways(
    refusing: Dataset, tmp_path: Path, kind: str, column: str, time: str
) -> None:
    path = files.write(tmp_path, kind, [*EVENTS, event(time)])

    assert_refused(refusing, path, f"column {column} is", "in 1 rows; accepted are 2026-11-20 10:00:00 UTC")


def test_the_bad_one_of_many_files_is_named(refusing: Dataset, tmp_path: Path) -> None:
    for number in range(20):
        write_jsonl(tmp_path / f"{number}.jsonl", EVENTS)
    (tmp_path / "13.jsonl").write_text(json.dumps(EVENTS[0]) + '\n{"timestamp": \n')

    with pytest.raises(InputError) as error:
        refusing.load_files(tmp_path)

    assert str(error.value).startswith(f"{tmp_path / '13.jsonl'}: ")


@pytest.fixture
def cases() -> Path:
    if not CASES.is_dir():
        pytest.skip("the folder of cases is not here")
    return CASES


@pytest.mark.parametrize(
    ("case", "package", "right_rows"),
    [
        ("01-json-omitted-nulls", "numpy", {"with_mirrors": 2, "without_mirrors": 1}),
        ("03-empty-shard/csv", "numpy", {"with_mirrors": 1, "without_mirrors": 1}),
        ("03-empty-shard/parquet", "numpy", {"with_mirrors": 1, "without_mirrors": 1}),
        ("04-folder-name-overrides-column", "numpy", {"with_mirrors": 1, "without_mirrors": 1}),
        ("05-same-file-twice", "numpy", {"with_mirrors": 1, "without_mirrors": 1}),
        ("06-clickpy-layout", "numpy", {"with_mirrors": 1, "without_mirrors": 1}),
        ("10-count-column", "numpy", {"with_mirrors": 500, "without_mirrors": 500}),
    ],
)
def test_cases(dataset: Dataset, cases: Path, case: str, package: str, right_rows: dict[str, int]) -> None:
    names = [cases / case, cases / case / "a.csv"] if case.startswith("05") else [cases / case]

    days = dataset.load_files(*names)

    assert [day.date for day in days] == [date(2026, 11, 20)]
    found = {category: n for (p, d, category, _), n in counts(dataset).items() if (p, d) == (package, "overall")}
    assert found == right_rows
