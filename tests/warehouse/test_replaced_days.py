"""A day that is loaded again is refused, or replaced: what is stored of it then, and what readers see meanwhile."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from app.cache.timing import CacheTiming
from app.warehouse.loading.examine import DayLoadedError
from app.warehouse.loading.journal import sweep_superseded
from tests.support.answers import body, eventually, series
from tests.support.dataset import NOON, Dataset
from tests.support.events import event, write_jsonl
from tests.support.fixtures import Backend
from tests.support.loading import EVENTS, counts, right
from tests.support.oracle import Oracle, published

pytestmark = pytest.mark.only_backend(Backend.EMBEDDED, Backend.HTTP)


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

    with dataset.client(now=NOON + timedelta(days=1)) as client:
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
