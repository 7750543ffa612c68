"""Today is never published: no day is, before it is over in UTC."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from app.warehouse.loading.load import LoadTiming
from tests.support import files
from tests.support.answers import body, series
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.fixtures import Backend
from tests.support.loading import EVENTS, about_rows, assert_refused, counts, right

pytestmark = pytest.mark.only_backend(Backend.EMBEDDED, Backend.HTTP)

TODAY = date(2026, 3, 10)
OVER = [e for e in EVENTS if not e["timestamp"].startswith(str(TODAY))]
LATE = "load 2026-03-10 once it is over, from 2026-03-11 00:00 UTC on"
TIMING = LoadTiming(now=lambda: datetime(2026, 3, 10, 23, 59, 59, tzinfo=UTC))
"""In EVENTS' last second."""


@pytest.mark.parametrize("kind", ["nested.jsonl", "dotted.csv", "nested.parquet", "flat.csv", "flat.parquet"])
def test_todays_rows_are_left_out_with_a_note(dataset: Dataset, tmp_path: Path, kind: str) -> None:
    days = dataset.load_files(files.write(tmp_path, kind, EVENTS), timing=TIMING)

    assert [day.date for day in days] == [date(2026, 3, 8), date(2026, 3, 9)]
    assert counts(dataset) == right(OVER, lacking=files.lacking(kind))
    assert about_rows(dataset.notes) == [f"left out: 3 downloads of today, which is not over; {LATE}"]
    assert dataset.query(f"SELECT count() FROM downloads_daily WHERE date = '{TODAY}'") == [(0,)]
    with dataset.client() as client:
        assert body(client.get("/health?deep=1"))["newest_day"] == "2026-03-09"


def test_downloads_are_counted_where_a_row_is_several(dataset: Dataset, tmp_path: Path) -> None:
    rows = [files.flat(e) | {"downloads": 10} for e in EVENTS]

    dataset.load_files(write_jsonl(tmp_path / "events.jsonl", rows), timing=TIMING)

    assert about_rows(dataset.notes) == [f"left out: 30 downloads of today, which is not over; {LATE}"]
    assert counts(dataset) == right(OVER * 10, lacking=files.lacking("flat"))


def test_an_input_of_today_alone_is_refused(refusing: Dataset, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "events.jsonl", [event(), event()])

    with pytest.raises(
        Exception, match="all 2 downloads are of today, and no day is published before it is over"
    ) as error:
        refusing.load_files(path, timing=TIMING)

    assert str(error.value) == (
        f"{path}: all 2 downloads are of today, and no day is published before it is over; {LATE}"
    )
    refusing.query("SELECT throwIf(count() > 0) FROM loads WHERE state = 'published'")


def test_the_day_is_loaded_when_it_is_over(dataset: Dataset, tmp_path: Path) -> None:
    path = files.write(tmp_path, "nested.jsonl", EVENTS)
    dataset.load_files(path, timing=TIMING)
    last = write_jsonl(tmp_path / "last.jsonl", [e for e in EVENTS if e not in OVER])

    (day,) = dataset.load_files(last)

    assert day.date == TODAY
    assert counts(dataset) == right(EVENTS)


def test_todays_rows_do_not_meet_a_day_that_an_older_version_has_published(dataset: Dataset, tmp_path: Path) -> None:
    dataset.make_tables()
    dataset.query(f"INSERT INTO loads (load, date, state) VALUES (1, '{TODAY}', 'published')")

    days = dataset.load_files(files.write(tmp_path, "nested.jsonl", EVENTS), timing=TIMING)

    assert [day.date for day in days] == [date(2026, 3, 8), date(2026, 3, 9)]


def test_a_day_that_an_older_version_has_published_too_early_is_no_newest_day(dataset: Dataset) -> None:
    """Nor is it served to those who ask for it, until it is over."""
    dataset.load([event("2026-03-09 12:00:00 UTC"), event("2026-03-10 12:00:00 UTC")])
    dataset.load([event("2026-03-12 12:00:00 UTC")])
    path = "/api/packages/numpy/overall?mirrors=true&start_date=2026-03-01&end_date=2026-03-31"

    with dataset.client(now=TIMING.now()) as client:
        assert body(client.get("/health?deep=1"))["newest_day"] == "2026-03-09"
        assert body(client.get(path)) == series("overall", "numpy", "with_mirrors 2026-03-09 1")
        assert body(client.get("/api/packages/numpy/recent"))["data"]["last_week"] == 1

    with dataset.client(now=TIMING.now() + timedelta(seconds=1)) as client:
        assert body(client.get("/health?deep=1"))["newest_day"] == "2026-03-10"
        assert body(client.get(path)) == series(
            "overall", "numpy", "with_mirrors 2026-03-09 1", "with_mirrors 2026-03-10 1"
        )


def test_a_day_after_today_is_still_refused(refusing: Dataset, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "events.jsonl", [*EVENTS, event("2026-03-11 00:00:00 UTC")])

    says = "column timestamp has a date in the future, 2026-03-11; today is 2026-03-10 (UTC)"
    assert_refused(refusing, path, says, timing=TIMING)
