"""Pictures are drawn elsewhere: not in the server's process, not before one is asked for, not twice, not too many."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from app.charts.render import MOST_AT_ONCE, Worker
from tests.support.answers import assert_problem, body, headers_of
from tests.support.client import client_of
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.pictures import picture_size
from tests.support.server import NOWHERE, environment, run, started

CHART = "/api/packages/numpy/chart/overall"
UNAVAILABLE = "charts cannot be drawn at the moment"


@pytest.fixture(scope="module")
def loaded(make_dataset: Callable[[], Dataset]) -> Dataset:
    dataset = make_dataset()
    dataset.load([event(), event(python="3.9.1", system="Windows")])
    return dataset


def workers(of: int | None = None) -> list[psutil.Process]:
    """The processes that draw, of this process or another."""
    children = psutil.Process(of).children()
    return [child for child in children if "app.charts.worker" in child.cmdline()]


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """How many pictures are drawn while the block runs, and how many of them at once, at most."""
    seen = {"drawn": 0, "at_once": 0, "now": 0}
    draw: Callable[[Worker, bytes], Awaitable[bytes]] = Worker.draw

    async def draw_and_note(worker: Worker, order: bytes) -> bytes:
        seen["now"] += 1
        seen["at_once"] = max(seen["at_once"], seen["now"])
        try:
            return await draw(worker, order)
        finally:
            seen["now"] -= 1
            seen["drawn"] += 1

    with monkeypatch.context() as patched:
        patched.setattr(Worker, "draw", draw_and_note)
        yield seen


SCRIPT = """
import sys
import psutil
from litestar.testing import TestClient
from app.main import create_app
from app.settings import Settings

settings = Settings.from_environment(__import__("os").environ)
with TestClient(create_app(settings)) as client:
    def look():
        children = psutil.Process().children()
        print("matplotlib" in sys.modules, sum("app.charts.worker" in child.cmdline() for child in children))

    def get(path):
        assert client.get("/api/packages/numpy/" + path).status_code == 200, path

    get("overall"), get("chart/overall?format=json"), get("badge")
    look()
    get("chart/overall")
    look()
    get("chart/system?format=svg")
    look()
print(len(psutil.Process().children()))
"""


def test_matplotlib_is_imported_for_the_first_picture_and_only_where_it_is_drawn(tmp_path: Path) -> None:
    """Before it there is no worker, and after the server there is none."""
    url = f"chdb://{tmp_path / 'data'}"
    run("ingest", str(write_jsonl(tmp_path / "events.jsonl", [event()])), cwd=tmp_path, CLICKHOUSE_URL=url)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=environment(CLICKHOUSE_URL=url, LOCAL_INDEX_CACHE_DIR=str(tmp_path / "index")),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["False 0", "False 1", "False 1", "0"]


async def test_a_chart_is_drawn_once_however_many_ask(loaded: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    async with client_of(loaded.app()) as client:
        with watched(monkeypatch) as seen:
            answers = await asyncio.gather(*[client.get(CHART) for _ in range(20)])
            answers.append(await client.get(CHART))

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert seen["drawn"] == 1


PASSING_BY = ("nocache=1", "nocache=true", "cache=false", "cache=0")
NOT_PASSING_BY = ("nocache=0", "nocache=false", "cache=true", "cache=1")


async def test_the_cache_can_be_passed_by(loaded: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    async with client_of(loaded.app()) as client:
        first = await client.get(CHART)
        for query in (*PASSING_BY, *NOT_PASSING_BY):
            with watched(monkeypatch) as seen:
                second = await client.get(f"{CHART}?{query}")
                known = await client.get(f"{CHART}?{query}", headers={"If-None-Match": first.headers["etag"]})

            # Only the server's own cache: HTTP's works as ever.
            assert (second.content, headers_of(second)) == (first.content, headers_of(first)), query
            assert known.status_code == 304, query
            assert seen["drawn"] == (2 if query in PASSING_BY else 0), query


async def test_at_most_as_many_at_once_as_cores(loaded: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    async with client_of(loaded.app()) as client:
        with watched(monkeypatch) as seen:
            urls = [f"{CHART}?width={400 + number}&height=240" for number in range(4 * MOST_AT_ONCE)]
            answers = await asyncio.gather(*map(client.get, urls))
        assert len(workers()) == MOST_AT_ONCE

    assert [picture_size(answer.content)[0] for answer in answers] == [400 + n for n in range(4 * MOST_AT_ONCE)]
    assert (seen["drawn"], seen["at_once"]) == (4 * MOST_AT_ONCE, MOST_AT_ONCE)
    assert workers() == []


async def test_answers_do_not_wait_for_pictures(loaded: Dataset) -> None:
    """With a worker that stands still, everything else goes on."""
    async with client_of(loaded.app()) as client:
        await client.get(CHART)
        (worker,) = workers()
        worker.suspend()
        chart = asyncio.create_task(client.get(f"{CHART}?chart=bar"))
        await asyncio.sleep(0.1)
        recent = await client.get("/api/packages/numpy/recent")
        payload = await client.get(f"{CHART}?format=json")
        still_drawing = not chart.done()
        worker.resume()
        picture = await chart

    assert body(recent)["data"]["last_day"] == 2
    assert (payload.status_code, still_drawing) == (200, True)
    assert picture_size(picture.content) == (1200, 600)


async def test_pictures_have_less_priority(loaded: Dataset) -> None:
    async with client_of(loaded.app()) as client:
        await client.get(CHART)
        (worker,) = workers()

        assert worker.nice() > psutil.Process().nice()


async def test_too_many_are_refused(loaded: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.charts.render.MOST_WAITING", 3)
    async with client_of(loaded.app()) as client:
        urls = [f"{CHART}?width={400 + number}" for number in range(MOST_AT_ONCE + 10)]
        answers = await asyncio.gather(*map(client.get, urls))
        after = await client.get(f"{CHART}?width=999")

    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(answers) - len(refused) == MOST_AT_ONCE + 3
    for answer in refused:
        assert_problem(answer, 503, "Service Unavailable", UNAVAILABLE)
        assert int(answer.headers["retry-after"]) > 0
    assert after.status_code == 200


async def test_a_worker_that_was_killed_is_replaced(loaded: Dataset) -> None:
    async with client_of(loaded.app()) as client:
        first = await client.get(CHART)
        (worker,) = workers()
        worker.kill()
        await until(lambda: gone(worker))
        second = await client.get(f"{CHART}?nocache=1")

        assert second.content == first.content
        assert [found.pid for found in workers()] != [worker.pid]


async def test_a_worker_that_hangs_is_ended(loaded: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    async with client_of(loaded.app()) as client:
        await client.get(CHART)
        (worker,) = workers()
        monkeypatch.setattr("app.charts.render.RENDER_SECONDS", 0.5)
        worker.suspend()
        late = await client.get(f"{CHART}?chart=bar")
        assert gone(worker)
        monkeypatch.undo()
        again = await client.get(f"{CHART}?chart=bar")

    assert_problem(late, 503, "Service Unavailable", UNAVAILABLE)
    assert again.status_code == 200


async def test_no_process_can_be_client_of(loaded: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with client_of(loaded.app()) as client:
        with monkeypatch.context() as broken:
            broken.setattr(sys, "executable", str(tmp_path / "no-such-python"))
            absent = await client.get(CHART)
            broken.setattr(sys, "executable", "/bin/false")
            ends = await client.get(CHART)
        after = await client.get(CHART)

    for answer in (absent, ends):
        assert_problem(answer, 503, "Service Unavailable", UNAVAILABLE)
    assert after.status_code == 200


async def test_who_goes_away_leaves_no_picture_to_another(loaded: Dataset) -> None:
    async with client_of(loaded.app()) as client:
        await client.get(CHART)
        (worker,) = workers()
        worker.suspend()
        impatient = asyncio.create_task(client.get(f"{CHART}?width=400&nocache=1"))
        await asyncio.sleep(0.1)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        if worker.is_running():
            worker.resume()
        answer = await client.get(f"{CHART}?width=500")

    assert picture_size(answer.content) == (500, 600)


def test_workers_end_with_a_server_that_is_killed(tmp_path: Path) -> None:
    url = f"chdb://{tmp_path / 'data'}"
    run("ingest", str(write_jsonl(tmp_path / "events.jsonl", [event()])), cwd=tmp_path, CLICKHOUSE_URL=url)
    with started(cwd=tmp_path, CLICKHOUSE_URL=url, PYPI_API_URL=NOWHERE) as server:
        answer = httpx.get(server.base + CHART, timeout=30)
        found = workers(server.process.pid)
        server.process.kill()
        deadline = time.monotonic() + 30
        while not all(map(gone, found)):
            assert time.monotonic() < deadline, "a worker stays behind"
            time.sleep(0.05)

    assert (answer.status_code, len(found)) == (200, 1)


def test_ctrl_c_ends_all_quietly(tmp_path: Path) -> None:
    url = f"chdb://{tmp_path / 'data'}"
    run("ingest", str(write_jsonl(tmp_path / "events.jsonl", [event()])), cwd=tmp_path, CLICKHOUSE_URL=url)
    with started(cwd=tmp_path, CLICKHOUSE_URL=url) as server:
        assert httpx.get(server.base + CHART, timeout=30).status_code == 200
        (worker,) = workers(server.process.pid)
        server.process.send_signal(signal.SIGINT)
        server.process.wait(30)

    assert gone(worker)
    assert "Traceback" not in (tmp_path / "serve.log").read_text()
