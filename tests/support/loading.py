"""What the tests of loading share: events that need care, what is stored of them, and what is refused."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.warehouse.engines.errors import InputError
from app.warehouse.loading.migrations import migrate
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.oracle import Oracle, published

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


def right(*calls: list[dict[str, Any]], lacking: Collection[str] = ()) -> dict[tuple[str, str, str, date], int]:
    """What is to be stored of calls whose files lack the columns of some dimensions."""
    return {key: n for key, n in Oracle(published(*calls)).counts.items() if key[1] not in lacking}


def about_rows(notes: Iterable[str]) -> list[str]:
    """The notes of a load but for the one of the dimensions whose columns it lacks."""
    return [note for note in notes if not note.startswith("not loaded: ")]


@pytest.fixture(scope="module")
def refusing(make_dataset: Callable[[], Dataset]) -> Iterator[Dataset]:
    """A data set for all that is refused, one after the other. A good load is none the worse for it."""
    dataset = make_dataset()
    with dataset.engine.client() as client:
        migrate(client)
    yield dataset
    dataset.load(EVENTS)
    assert counts(dataset) == right(EVENTS)


def assert_refused(
    refusing: Dataset, name: str | Path, *words: str, others: tuple[Path, ...] = (), **options: Any
) -> None:
    """Fail where an input is not refused with a message that has these words, or leaves anything behind."""
    with pytest.raises(InputError) as error:
        refusing.load_files(*others, name, **options)
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
