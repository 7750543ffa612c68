"""Files that are sent to a server: small ones together, what may be large by itself, within the limits of a request."""

from pathlib import Path
from typing import Any

import pytest

from tests.support import files
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.facade import Facade
from tests.support.fixtures import Backend
from tests.support.loading import EVENTS, assert_refused, counts, right

pytestmark = pytest.mark.only_backend(Backend.HTTP)

MONDAY = event("2026-03-09 12:00:00 UTC")


def inserts(facade: Facade) -> list[dict[str, Any]]:
    return [request for request in facade.requests() if "INSERT INTO incoming" in request["sql"]]


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
def test_small_files_of_every_kind_are_sent_together(
    dataset: Dataset, facade: Facade, tmp_path: Path, compression: str
) -> None:
    for kind in ("nested.jsonl", "dotted.csv", "flat.csv", "nested.parquet"):
        for number in range(0, len(EVENTS), 3):
            path = files.write(tmp_path, kind, EVENTS[number : number + 3], compression)
            path.rename(tmp_path / f"{number}-{path.name}")
    facade.requests()

    dataset.load_files(tmp_path)

    assert counts(dataset) == right(EVENTS * 4, lacking=files.lacking("flat"))
    assert [request["encoding"] for request in inserts(facade)] == [""] * 4


def test_more_files_than_a_form_has_fields_for(dataset: Dataset, facade: Facade, tmp_path: Path) -> None:
    for number in range(334):
        files.write(tmp_path, "flat.csv", [MONDAY]).rename(tmp_path / f"{number}.csv")
    facade.requests()

    with facade.limited(request_line=8_192):
        (day,) = dataset.load_files(tmp_path)

    requests = facade.requests()
    assert day.events == 334
    assert sum("INSERT INTO incoming" in request["sql"] for request in requests) == 2
    assert len(requests) < 60


def test_what_would_take_much_memory_is_sent_alone(dataset: Dataset, facade: Facade, tmp_path: Path) -> None:
    """A Parquet file of few bytes can have many rows, and a compressed file can be much text."""
    for name in ("a", "b"):
        files.write(tmp_path, "flat.parquet", [MONDAY] * 100_001).rename(tmp_path / f"{name}.parquet")
        files.write(tmp_path, "flat.csv", [MONDAY] * 20_000, ".gz").rename(tmp_path / f"{name}.csv.gz")
    assert max(path.stat().st_size for path in tmp_path.iterdir()) < 100_000
    facade.requests()

    (day,) = dataset.load_files(tmp_path)

    assert day.events == 240_002
    assert sorted(request["encoding"] for request in inserts(facade)) == ["", "", "gzip", "gzip"]


def test_the_file_that_is_refused_is_named(refusing: Dataset, tmp_path: Path) -> None:
    good = [write_jsonl(tmp_path / f"{number}.jsonl", [MONDAY]) for number in (1, 3)]
    bad = tmp_path / "2.jsonl"
    bad.write_text('{"timestamp": "2026-03-09 12:00:00 UTC", "project": "numpy"}\n{"timestamp": \n')

    assert_refused(refusing, bad, others=tuple(good))
