"""Days whose input lacks columns: the dimensions of these are not loaded, which is not `null`."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from litestar.testing import TestClient

from app.warehouse.loading.migrations import migrate, migrations, rendered
from tests.support import files
from tests.support.answers import body
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.oracle import OPTIONAL

OLD = [event("2026-03-08 12:00:00 UTC"), event("2026-03-08 12:00:00 UTC", "old")]
NEW = [event("2026-03-10 12:00:00 UTC", ci=True), event("2026-03-10 12:00:00 UTC", installer="devpi")]

FIRST_OF_DIMENSIONS = 15
"""The number of the first file of the schema that makes room for them."""


@pytest.fixture(scope="module")
def dataset(make_dataset: Callable[[], Dataset]) -> Dataset:
    """A day of an export without the columns, a day of one that has them."""
    dataset = make_dataset()
    dataset.load_files(files.write(dataset.folder, "flat.parquet", OLD))
    dataset.load_files(files.write(dataset.folder, "nested.parquet", NEW))
    return dataset


@pytest.fixture(scope="module")
def client(dataset: Dataset) -> Iterator[TestClient[Any]]:
    with dataset.client() as client:
        yield client


def rows(answer: Any) -> list[tuple[str, str, int]]:
    return [(row["category"], row["date"], row["downloads"]) for row in body(answer)["data"]]


def test_a_series_has_the_days_that_are_loaded(client: TestClient[Any]) -> None:
    assert rows(client.get("/api/packages/numpy/origin")) == [("ci", "2026-03-10", 1), ("mirror", "2026-03-10", 1)]
    assert rows(client.get("/api/packages/__all__/libc")) == [("glibc 2.39", "2026-03-10", 1)]
    assert len(rows(client.get("/api/packages/numpy/system"))) == 2


@pytest.mark.parametrize("dimension", OPTIONAL)
def test_a_window_of_days_that_are_not_loaded_is_empty(client: TestClient[Any], dimension: str) -> None:
    query = "?start_date=2026-03-08&end_date=2026-03-08"

    assert rows(client.get(f"/api/packages/numpy/{dimension}{query}")) == []


@pytest.mark.parametrize("path", ["{}", "chart/{}", "{}?format=csv", "chart/{}?format=json"])
@pytest.mark.parametrize("dimension", OPTIONAL)
def test_a_package_without_any_such_day_is_not_found(client: TestClient[Any], dimension: str, path: str) -> None:
    answer = client.get(f"/api/packages/old/{path.format(dimension)}")

    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        f"package: {dimension} is not loaded for any day of 'old': DIMENSIONS leaves it out, or what was "
        "loaded lacks its columns; "
        "GET /health?deep=1 says which days have which dimensions",
    )


def test_an_unknown_package_stays_unknown(client: TestClient[Any]) -> None:
    answer = client.get("/api/packages/nope/origin")

    assert (answer.status_code, answer.json()["detail"]) == (404, "package: no download of 'nope' has been loaded")


def test_a_chart_begins_with_the_first_day_that_has_the_dimension(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/numpy/chart/origin?format=json"))["labels"] == ["2026-03-10"]
    assert body(client.get("/api/packages/numpy/chart/system?format=json"))["labels"] == [
        "2026-03-08",
        "2026-03-09",
        "2026-03-10",
    ]


def test_health_says_which_days_have_which_dimensions(client: TestClient[Any]) -> None:
    days = [{"first": "2026-03-10", "last": "2026-03-10"}]

    assert body(client.get("/health?deep=1"))["dimensions"] == dict.fromkeys((*OPTIONAL, "ci"), days)


def test_days_can_be_loaded_again_with_their_columns(make_dataset: Callable[[], Dataset]) -> None:
    dataset = make_dataset()
    dataset.load_files(files.write(dataset.folder, "flat.parquet", OLD))
    with dataset.client() as client:
        assert client.get("/api/packages/old/cpu").status_code == 404
    dataset.load_files(files.write(dataset.folder, "nested.parquet", OLD), replace=True)
    with dataset.client() as client:
        assert rows(client.get("/api/packages/old/cpu")) == [("x86_64", "2026-03-08", 1)]


def test_one_file_without_the_columns_is_enough(make_dataset: Callable[[], Dataset]) -> None:
    """The sums of a day that comes in both would be wrong."""
    dataset = make_dataset()
    (day,) = dataset.load_files(
        files.write(dataset.folder, "dotted.csv", OLD), files.write(dataset.folder, "flat.csv", [OLD[0]])
    )

    assert day.date == date(2026, 3, 8)
    assert dataset.query("SELECT count() FROM downloads_daily WHERE dimension IN ('origin', 'platform')") == [(0,)]
    assert dataset.query("SELECT dimensions FROM loads WHERE state = 'published'") == [([],)]


def test_some_dimensions_can_be_left_out(make_dataset: Callable[[], Dataset]) -> None:
    dataset = make_dataset()
    dataset.load(NEW, dimensions=["origin", "abi"])

    assert dataset.query("SELECT dimensions FROM loads WHERE state = 'published'") == [(["origin", "abi", "ci"],)]
    with dataset.client() as client:
        assert rows(client.get("/api/packages/numpy/abi")) == [("none", "2026-03-10", 1)]
        assert client.get("/api/packages/numpy/cpu").status_code == 404


def test_loads_of_an_earlier_version_are_left_as_they_are(make_dataset: Callable[[], Dataset]) -> None:
    """Their days have none of the dimensions; days that are loaded after `migrate` have them."""
    dataset = make_dataset()
    with dataset.engine.client() as client:
        for migration in migrations():
            if migration.number < FIRST_OF_DIMENSIONS and not migration.cluster_only:
                client.command(rendered(migration, dataset.engine.database))
        applied = [[migration.number, migration.name] for migration in migrations()[:FIRST_OF_DIMENSIONS]]
        client.insert("schema_versions", applied, column_names=["number", "name"])
    row = "toDate('2026-03-08') AS day, bitShiftLeft(1::UInt64, 16) + toUInt16(day), 1"
    for category in ("with_mirrors", "without_mirrors"):
        dataset.query(f"INSERT INTO downloads_daily SELECT 'old', 'overall', '{category}', {row}")
    dataset.query("INSERT INTO loads (load, date, state) VALUES (1, '1970-01-01', 1), (1, '2026-03-08', 2)")

    with dataset.engine.client() as client:
        assert len(migrate(client)) == len(migrations()) - FIRST_OF_DIMENSIONS
    dataset.load(NEW)

    with dataset.client() as client:
        assert len(rows(client.get("/api/packages/old/overall"))) == 2
        assert client.get("/api/packages/old/origin").status_code == 404
        assert rows(client.get("/api/packages/numpy/cpu")) == [("x86_64", "2026-03-10", 1)]
