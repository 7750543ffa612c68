"""Charts are drawn in worker processes: on demand, once, a bounded number at a time. No worker outlives the server."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import psutil
import pytest

from app.charts.data import Chart, ChartStyle
from app.charts.render import MODULE, Renderer, RenderError
from app.serving.worker_pool import Worker, worker_command
from tests.support.answers import assert_problem, body, headers_of
from tests.support.client import client_of
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.pictures import picture_size
from tests.support.server import NOWHERE, environment, run, started

Workers = Callable[[], list[psutil.Process]]

COMMAND = worker_command(MODULE)

CHART = "/api/packages/numpy/chart/overall"
UNAVAILABLE = "charts cannot be drawn at the moment"
EMPTY_CHART = Chart("numpy", "overall", "line", "day", [], [], [], [])
STYLE = ChartStyle("png", "light", 320, 240)


@pytest.fixture(scope="module")
def loaded(make_dataset: Callable[[], Dataset]) -> Dataset:
    dataset = make_dataset()
    dataset.load([event(), event(python="3.9.1", system="Windows")])
    return dataset


def workers_of(parent: int | None = None) -> list[psutil.Process]:
    """The workers of a process, by default of this one."""
    children = psutil.Process(parent).children()
    return [child for child in children if "app.charts.worker" in child.cmdline()]


@pytest.fixture
def workers() -> Workers:
    """Lists the workers that were started during the test. Apps of other tests may have their own."""
    others = workers_of()
    return lambda: [worker for worker in workers_of() if worker not in others]


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


class Draws:
    """Counts the charts that workers draw; give `start` to a Renderer."""

    def __init__(self) -> None:
        self.started = 0
        self.now = 0
        self.at_once = 0
        self.next_start = asyncio.Event()

    async def start(self) -> Worker:
        worker = await CountedWorker.start(COMMAND)
        worker.draws = self
        return worker


class CountedWorker(Worker):
    draws: Draws

    async def answer(self, request: bytes) -> bytes:
        self.draws.started += 1
        self.draws.now += 1
        self.draws.at_once = max(self.draws.at_once, self.draws.now)
        self.draws.next_start.set()
        try:
            return await super().answer(request)
        finally:
            self.draws.now -= 1


SCRIPT = """
import sys
import psutil
from litestar.testing import TestClient
from app.main import create_app
from app.settings import Settings

settings = Settings.from_environment(__import__("os").environ)
with TestClient(create_app(settings)) as client:
    def report():
        children = psutil.Process().children()
        print("matplotlib" in sys.modules, sum("app.charts.worker" in child.cmdline() for child in children))

    def get(path):
        assert client.get("/api/packages/numpy/" + path).status_code == 200, path

    get("overall"), get("chart/overall?format=json"), get("badge")
    report()
    get("chart/overall")
    report()
    get("chart/system?format=svg")
    report()
print(len(psutil.Process().children()))
"""


def test_only_workers_import_matplotlib_and_the_first_starts_with_the_first_picture(tmp_path: Path) -> None:
    """No worker is left after the server has shut down."""
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


async def test_concurrent_requests_share_one_drawing(loaded: Dataset) -> None:
    draws = Draws()
    async with client_of(loaded.app(renderer=Renderer(start_worker=draws.start))) as client:
        answers = await asyncio.gather(*[client.get(CHART) for _ in range(20)])
        answers.append(await client.get(CHART))

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert draws.started == 1


BYPASSING = ("nocache=1", "nocache=true", "cache=false", "cache=0")
NOT_BYPASSING = ("nocache=0", "nocache=false", "cache=true", "cache=1")


async def test_the_cache_can_be_bypassed(loaded: Dataset) -> None:
    draws = Draws()
    async with client_of(loaded.app(renderer=Renderer(start_worker=draws.start))) as client:
        first = await client.get(CHART)
        for query in (*BYPASSING, *NOT_BYPASSING):
            before = draws.started
            second = await client.get(f"{CHART}?{query}")
            known = await client.get(f"{CHART}?{query}", headers={"If-None-Match": first.headers["etag"]})

            # Only the server's own cache is bypassed; conditional requests work as usual.
            assert (second.content, headers_of(second)) == (first.content, headers_of(first)), query
            assert known.status_code == 304, query
            assert draws.started - before == (2 if query in BYPASSING else 0), query


async def test_workers_are_no_more_than_allowed(loaded: Dataset, workers: Workers) -> None:
    draws = Draws()
    renderer = Renderer(start_worker=draws.start)
    charts = 4 * renderer.max_workers
    async with client_of(loaded.app(renderer=renderer)) as client:
        urls = [f"{CHART}?width={400 + number}&height=240" for number in range(charts)]
        answers = await asyncio.gather(*map(client.get, urls))
        assert len(workers()) == renderer.max_workers

    assert [picture_size(answer.content)[0] for answer in answers] == [400 + number for number in range(charts)]
    assert (draws.started, draws.at_once) == (charts, renderer.max_workers)
    assert workers() == []


async def test_other_requests_do_not_wait_for_a_chart(loaded: Dataset, workers: Workers) -> None:
    draws = Draws()
    async with client_of(loaded.app(renderer=Renderer(start_worker=draws.start))) as client:
        await client.get(CHART)
        (worker,) = workers()
        worker.suspend()
        draws.next_start.clear()
        chart = asyncio.create_task(client.get(f"{CHART}?chart=bar"))
        await draws.next_start.wait()
        recent = await client.get("/api/packages/numpy/recent")
        payload = await client.get(f"{CHART}?format=json")
        still_drawing = not chart.done()
        worker.resume()
        picture = await chart

    assert body(recent)["data"]["last_day"] == 2
    assert (payload.status_code, still_drawing) == (200, True)
    assert picture_size(picture.content) == (1200, 600)


async def test_workers_run_at_a_lower_priority(loaded: Dataset, workers: Workers) -> None:
    async with client_of(loaded.app()) as client:
        await client.get(CHART)
        (worker,) = workers()

        assert worker.nice() > psutil.Process().nice()


async def test_too_many_are_refused(loaded: Dataset) -> None:
    renderer = Renderer(max_waiting=3)
    async with client_of(loaded.app(renderer=renderer)) as client:
        urls = [f"{CHART}?width={400 + number}" for number in range(renderer.max_workers + 10)]
        answers = await asyncio.gather(*map(client.get, urls))
        after = await client.get(f"{CHART}?width=999")

    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(answers) - len(refused) == renderer.max_workers + 3
    for answer in refused:
        assert_problem(answer, 503, "Service Unavailable", UNAVAILABLE)
        assert int(answer.headers["retry-after"]) > 0
    assert after.status_code == 200


async def test_a_killed_worker_is_replaced(loaded: Dataset, workers: Workers) -> None:
    async with client_of(loaded.app()) as client:
        first = await client.get(CHART)
        (worker,) = workers()
        # The server may learn of the end before the next request, or by it: either way no answer is lost.
        worker.kill()
        second = await client.get(f"{CHART}?nocache=1")

        assert second.content == first.content
        assert [found.pid for found in workers()] != [worker.pid]


async def test_a_worker_that_hangs_is_killed(loaded: Dataset, workers: Workers) -> None:
    renderer = Renderer()
    async with client_of(loaded.app(renderer=renderer)) as client:
        await client.get(CHART)
        (worker,) = workers()
        usual, renderer.timeout_seconds = renderer.timeout_seconds, 0.5
        worker.suspend()
        late = await client.get(f"{CHART}?chart=bar")
        assert has_ended(worker)
        renderer.timeout_seconds = usual
        again = await client.get(f"{CHART}?chart=bar")

    assert_problem(late, 503, "Service Unavailable", UNAVAILABLE)
    assert again.status_code == 200


async def test_a_worker_that_does_not_start_or_exits_is_a_503(loaded: Dataset, tmp_path: Path) -> None:
    commands: list[Sequence[str]] = [[str(tmp_path / "no-such-python")], ["/bin/false"]]

    async def start() -> Worker:
        return await Worker.start(commands.pop(0) if commands else COMMAND)

    async with client_of(loaded.app(renderer=Renderer(start_worker=start))) as client:
        absent = await client.get(CHART)
        exits = await client.get(CHART)
        after = await client.get(CHART)

    for answer in (absent, exits):
        assert_problem(answer, 503, "Service Unavailable", UNAVAILABLE)
    assert after.status_code == 200


async def test_the_picture_of_a_cancelled_request_goes_to_no_other(loaded: Dataset, workers: Workers) -> None:
    draws = Draws()
    async with client_of(loaded.app(renderer=Renderer(start_worker=draws.start))) as client:
        await client.get(CHART)
        (worker,) = workers()
        worker.suspend()
        draws.next_start.clear()
        cancelled = asyncio.create_task(client.get(f"{CHART}?width=400&nocache=1"))
        await draws.next_start.wait()
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        if worker.is_running():
            worker.resume()
        answer = await client.get(f"{CHART}?width=500")

    assert picture_size(answer.content) == (500, 600)


async def test_a_chart_is_drawn_to_its_end_though_its_client_has_gone(loaded: Dataset, workers: Workers) -> None:
    """To start a process takes longer than most charts: clients that go away would have one started again and again."""
    renderer = Renderer(max_workers=1)
    async with client_of(loaded.app(renderer=renderer)) as client:
        await client.get(CHART)
        before = workers()
        for width in range(400, 410):
            leaving = asyncio.create_task(client.get(f"{CHART}?width={width}"))
            while not renderer.pending:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
        answer = await client.get(f"{CHART}?width=500")

        assert picture_size(answer.content) == (500, 600)
        assert workers() == before


async def test_closing_kills_a_worker_that_draws(workers: Workers) -> None:
    draws = Draws()
    renderer = Renderer(start_worker=draws.start)
    await renderer.render(EMPTY_CHART, STYLE)
    (worker,) = workers()
    worker.suspend()
    draws.next_start.clear()
    drawing = asyncio.create_task(renderer.render(EMPTY_CHART, STYLE))
    await draws.next_start.wait()
    await renderer.close()
    with pytest.raises(RenderError):
        await drawing

    assert has_ended(worker)
    assert renderer.pending == 0


def test_workers_end_with_a_server_that_is_killed(tmp_path: Path) -> None:
    url = f"chdb://{tmp_path / 'data'}"
    run("ingest", str(write_jsonl(tmp_path / "events.jsonl", [event()])), cwd=tmp_path, CLICKHOUSE_URL=url)
    with started(cwd=tmp_path, CLICKHOUSE_URL=url, PYPI_API_URL=NOWHERE) as server:
        answer = httpx.get(server.base + CHART, timeout=30)
        found = workers_of(server.process.pid)
        server.process.kill()
        _, left = psutil.wait_procs(found, timeout=30)

    assert (answer.status_code, len(found), left) == (200, 1, [])


def test_ctrl_c_ends_the_workers_without_a_traceback(tmp_path: Path) -> None:
    url = f"chdb://{tmp_path / 'data'}"
    run("ingest", str(write_jsonl(tmp_path / "events.jsonl", [event()])), cwd=tmp_path, CLICKHOUSE_URL=url)
    with started(cwd=tmp_path, CLICKHOUSE_URL=url) as server:
        assert httpx.get(server.base + CHART, timeout=30).status_code == 200
        (worker,) = workers_of(server.process.pid)
        server.process.send_signal(signal.SIGINT)
        server.process.wait(30)

    assert has_ended(worker)
    assert "Traceback" not in (tmp_path / "serve.log").read_text()


def test_what_matplotlib_says_are_lines_of_the_log(tmp_path: Path) -> None:
    """It has no folder for its font cache here, says so, and makes one that lasts as long as the worker."""
    loaded = run(
        "ingest", str(write_jsonl(tmp_path / "e.jsonl", [event()])), cwd=tmp_path, CLICKHOUSE_URL="chdb://data"
    )
    assert loaded.returncode == 0, loaded.stderr
    nowhere = {"MPLCONFIGDIR": "/proc/none", "LOG_FORMAT": "json", "CLICKHOUSE_URL": "chdb://data"}
    with started(cwd=tmp_path, **nowhere) as server:
        answer = httpx.get(server.base + CHART, timeout=120)
        lines = [json.loads(line) for line in server.logged().splitlines()]

    assert answer.status_code == 200
    said = [line for line in lines if line["logger"].startswith("matplotlib")]
    assert any("/proc/none" in line["message"] for line in said), lines
    assert {line["level"] for line in said} == {"warning"}


def test_with_a_writable_folder_matplotlib_says_nothing(tmp_path: Path) -> None:
    """As in the container, whose MPLCONFIGDIR is in the folder of the index."""
    loaded = run(
        "ingest", str(write_jsonl(tmp_path / "e.jsonl", [event()])), cwd=tmp_path, CLICKHOUSE_URL="chdb://data"
    )
    assert loaded.returncode == 0, loaded.stderr
    places = {
        "MPLCONFIGDIR": str(tmp_path / "cache" / "matplotlib"),
        "HOME": "/proc/none",
        "CLICKHOUSE_URL": "chdb://data",
    }
    with started(cwd=tmp_path, **places, LOG_FORMAT="json") as server:
        assert httpx.get(server.base + CHART, timeout=120).status_code == 200
        lines = [json.loads(line) for line in server.logged().splitlines()]

    assert list((tmp_path / "cache" / "matplotlib").glob("fontlist-*.json"))
    assert [line for line in lines if line["level"] != "info"] == []


def test_a_failure_of_a_worker_is_a_line_of_the_log(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app.charts.worker", "json", "info"]
    process = subprocess.run(
        command, input=b"\0\0\0\1x", capture_output=True, cwd=tmp_path, env=environment(), check=False
    )

    (line,) = process.stderr.decode().splitlines()
    assert process.returncode == 1
    assert json.loads(line)["message"] == "a chart worker failed"


async def test_a_worker_has_no_secret_in_its_environment(
    monkeypatch: pytest.MonkeyPatch, workers: Workers, loaded: Dataset
) -> None:
    names = ("GITHUB_TOKEN", "CLICKHOUSE_PASSWORD", "STORE_PASSWORD", "HTTPS_PROXY", "PYPI_API_URL", "CLOUD_KEY")
    for name in names:
        monkeypatch.setenv(name, "hush-hush")
    renderer = Renderer()
    try:
        await renderer.render(EMPTY_CHART, STYLE)
        (worker,) = workers()
        variables = worker.environ()
    finally:
        await renderer.close()

    assert not set(names) & set(variables)
    assert "hush-hush" not in str(variables)
    assert variables["PATH"]
