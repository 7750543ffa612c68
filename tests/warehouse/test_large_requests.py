"""What is sent to a server fits where it has to fit, however much there is: into form fields, and a request line.

The facade refuses what ClickHouse does (tests/test_clickhouse_http.py), and here also what a proxy with nginx's
defaults does: a request line of more than 8 KiB.
"""

import gzip
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.warehouse.engines.errors import InputError
from app.warehouse.engines.parameters import FIELD_BYTES, split_lists
from app.warehouse.loading.examine import DayLoadedError
from app.warehouse.reading.warehouse import Warehouse
from tests.support import files
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.facade import Facade
from tests.support.fixtures import Backend

pytestmark = pytest.mark.only_backend(Backend.HTTP)

MONDAY, TUESDAY = date(2026, 3, 9), date(2026, 3, 10)
ON_MONDAY, ON_TUESDAY = event("2026-03-09 12:00:00 UTC"), event("2026-03-10 12:00:00 UTC")
PROXY = 8_192


@pytest.fixture(autouse=True)
def behind_a_proxy(facade: Facade) -> Iterator[None]:
    with facade.limited(request_line=PROXY):
        yield


@pytest.mark.parametrize("kind", ["nested.jsonl", "dotted.csv"])
def test_text_whose_head_is_longer_than_a_field(dataset: Dataset, tmp_path: Path, kind: str) -> None:
    path = files.write(tmp_path, kind, [ON_MONDAY | {"country_code": f"c{n}"} for n in range(8_000)])
    assert path.stat().st_size > 5 * FIELD_BYTES

    (day,) = dataset.load_files(path)

    assert (day.date, day.events) == (MONDAY, 8_000)


@pytest.mark.parametrize("compression", ["", ".gz"])
def test_parquet_with_as_many_row_groups_as_there_are(dataset: Dataset, tmp_path: Path, compression: str) -> None:
    path = files.write(tmp_path, "nested.parquet", [ON_MONDAY] * 3_000)
    table = pq.read_table(path).replace_schema_metadata({"pandas": "x" * 300_000})
    pq.write_table(table, path, row_group_size=1)
    if compression:
        path.with_suffix(".parquet.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
        path = path.with_suffix(".parquet.gz")

    (day,) = dataset.load_files(path)

    assert (day.date, day.events) == (MONDAY, 3_000)


@pytest.mark.parametrize("text", [b"PAR1", b"PAR1" + b"x" * 100 + b"\x10\0\0\0PAR1", b"PAR1\xff\xff\xff\x7fPAR1", b""])
def test_what_is_no_parquet_is_refused_in_a_sentence(dataset: Dataset, tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "events.parquet"
    path.write_bytes(text)

    with pytest.raises(InputError) as error:
        dataset.load_files(path)

    assert str(error.value).startswith(f"{path}: ")
    assert len(str(error.value)) < len(str(path)) + 200


def publish_days(dataset: Dataset, last: date, count: int) -> None:
    """Say in the journal that so many days are loaded, as that many loads of a day each have said it."""
    dataset.query(
        "INSERT INTO loads (load, date, state, source, events) "
        f"SELECT 1 + number, toDate('{last}') - number, 'published', 'x.csv', 1 FROM numbers({count})"
    )


def test_ten_years_of_loaded_days(dataset: Dataset, tmp_path: Path) -> None:
    publish_days(dataset, MONDAY, 3_650)
    monday = write_jsonl(tmp_path / "monday.jsonl", [ON_MONDAY, ON_TUESDAY])
    tuesday = write_jsonl(tmp_path / "tuesday.jsonl", [ON_TUESDAY])

    with pytest.raises(DayLoadedError, match=f"already loaded: {MONDAY}; --replace"):
        dataset.load_files(monday)
    assert [day.date for day in dataset.load_files(tuesday)] == [TUESDAY]
    assert [day.date for day in dataset.load_files(monday, replace=True)] == [MONDAY, TUESDAY]


async def test_ten_years_of_replaced_days(dataset: Dataset) -> None:
    """Their rows are still there, so each question says which versions it passes over."""
    publish_days(dataset, MONDAY, 3_650)
    dataset.query(
        "INSERT INTO loads (load, date, state, source, events) "
        "SELECT load + 10000, date, 'published', 'x.csv', 1 FROM loads WHERE state = 'published'"
    )
    dataset.load([ON_TUESDAY])

    with dataset.client() as client:
        assert client.get("/api/packages/numpy/recent").json()["data"]["last_day"] == 1


def test_the_request_line_does_not_grow_with_the_files(dataset: Dataset, facade: Facade, tmp_path: Path) -> None:
    longest = []
    for number, count in enumerate((2, 40)):
        folder = tmp_path / str(number)
        folder.mkdir()
        for n in range(count):
            write_jsonl(folder / f"{n}.jsonl", [event(f"2026-03-0{number + 1} 12:00:00 UTC")])
        facade.requests()
        dataset.load_files(folder)
        longest.append(max(seen["line"] for seen in facade.requests()))

    assert longest[1] - longest[0] < 10


async def test_the_popularity_of_ten_thousand_packages(dataset: Dataset) -> None:
    dataset.load([ON_TUESDAY, event("2026-03-10 12:00:00 UTC", f"{'x' * 60}-9999")])
    names = [f"{'x' * 60}-{n:04}" for n in range(10_000)]
    reader = dataset.engine.reader()
    warehouse = Warehouse()
    warehouse.open(reader)
    published = (await warehouse.snapshot()).published
    found = await warehouse.layout.popularity(published, names, MONDAY, MONDAY, MONDAY, (MONDAY, MONDAY), TUESDAY)
    await reader.close()

    assert found == [(names[-1], 1, 1, 1, 0)]


async def test_the_recent_downloads_of_five_hundred_long_names(dataset: Dataset) -> None:
    names = [f"{'x' * 195}-{n:04}" for n in range(500)]
    dataset.load([event("2026-03-10 12:00:00 UTC", names[-1])])
    reader = dataset.engine.reader()
    warehouse = Warehouse()
    warehouse.open(reader)
    published = (await warehouse.snapshot()).published
    found = await warehouse.layout.recent(published, names, "with_mirrors", (TUESDAY, MONDAY, MONDAY), TUESDAY)
    known = await warehouse.layout.known(published, names)
    await reader.close()

    assert (found, known) == ([(names[-1], 1, 1, 1)], {names[-1]})


def test_a_long_list_is_split_and_a_short_one_is_not() -> None:
    day, sql = timedelta(1), "SELECT {n:UInt8} IN {list:Array(Date)}, {list:Array(Date)}, {lists:Array(Date)}"
    long = [MONDAY + n * day for n in range(FIELD_BYTES // 14 + 1)]
    short = long[:3]

    assert split_lists(sql, {"n": 1, "list": short, "lists": short}) == (sql, {"n": 1, "list": short, "lists": short})
    text, fields = split_lists(sql, {"n": 1, "list": long, "lists": short})
    joined = "arrayConcat({list_0:Array(Date)}, {list_1:Array(Date)})"
    assert text == f"SELECT {{n:UInt8}} IN {joined}, {joined}, {{lists:Array(Date)}}"
    assert fields["list_0"] + fields["list_1"] == long
    assert fields["lists"] == short
