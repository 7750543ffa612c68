"""A dry run on every kind of ClickHouse: it sees what a load would, and writes nothing."""

import sys
from datetime import date
from pathlib import Path

import pytest

from app.settings import SettingError
from app.warehouse.loading.dry_run import dry_run
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.fixtures import Backend

pytestmark = pytest.mark.only_backend(Backend.EMBEDDED, Backend.HTTP)


def test_it_sees_what_a_load_would_and_writes_nothing(dataset: Dataset, tmp_path: Path) -> None:
    dataset.load([event("2026-03-09 10:00:00 UTC")])
    events = [event("2026-03-09 10:00:00 UTC"), event(), event(project="-"), event(python="3")]
    path = str(write_jsonl(tmp_path / "a.jsonl", events))
    journal = dataset.query("SELECT count() FROM loads")

    found = dry_run(dataset.engine.client, [path])

    days = [(day.date, day.events, day.dropped, day.malformed_python, day.packages) for day in found.days]
    assert days == [(date(2026, 3, 9), 1, 0, 0, 1), (date(2026, 3, 10), 3, 2, 1, 1)]
    assert str(found.refusal) == f"{path}: already loaded: 2026-03-09; --replace loads the days of this call anew"
    assert dry_run(dataset.engine.client, [path], replace=True).refusal is None
    assert dataset.query("SELECT count() FROM loads") == journal
    assert dataset.query("SELECT count() FROM incoming") == [(0,)]


@pytest.mark.only_backend(Backend.HTTP)
def test_without_chdb_it_says_why_a_server_does_not_do(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.make_tables()
    path = write_jsonl(tmp_path / "a.jsonl", [event()])
    monkeypatch.setitem(sys.modules, "chdb", None)

    with pytest.raises(SettingError, match=r"stores nothing on a server, .* 'pypistats-server\[embedded\]'"):
        dry_run(dataset.engine.client, [str(path)])
