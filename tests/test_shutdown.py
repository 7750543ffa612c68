"""A server that gets SIGTERM answers the requests that have reached it, and ends within its grace time."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.cli.commands import SHUTDOWN_SECONDS
from app.warehouse.engines.errors import WarehouseUnavailableError
from tests.discovery.stub import Stub, running_stub
from tests.support.ecosystem import environment_of
from tests.support.events import event, write_jsonl
from tests.support.fixtures import Dataset
from tests.support.load import Load, asked, wait_until
from tests.support.raw_http import Answer, get
from tests.support.server import REPOSITORY, Served, environment, run, started

PATHS = [
    f"/api/packages/{package}/{end}" for package in ("numpy", "p1", "p2") for end in ("recent", "overall", "system")
]
HANGS = "/api/packages/numpy/readme"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few days of some packages."""
    folder = tmp_path_factory.mktemp("stopped")
    days = [f"2026-03-{day:02} 12:00:00 UTC" for day in range(1, 11)]
    events = [event(day, package) for day in days for package in ("numpy", "p1", "p2")]
    loaded = run("ingest", str(write_jsonl(folder / "events.jsonl", events)), cwd=folder, CLICKHOUSE_URL="chdb://data")
    assert loaded.returncode == 0, loaded.stderr
    return folder


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        stub.add_repository("numpy/numpy", readme="# NumPy\n")
        stub.add_project("numpy", project_urls={"source": "https://github.com/numpy/numpy"})
        yield stub


class Waiting(threading.Thread):
    """A request that waits for GitHub; `begun` once GitHub has been asked."""

    def __init__(self, stub: Stub, server: Served, seconds: float) -> None:
        super().__init__(name="waiting", daemon=True)
        wait_until(lambda: stub.asked("github"), what="the search for the index")
        stub.slow_next("github", seconds)
        self._port = server.port
        self.answer: Answer | None = None
        asked_before = len(stub.asked("github"))
        self.start()
        wait_until(lambda: len(stub.asked("github")) > asked_before, what="a request to GitHub")

    def run(self) -> None:
        self.answer = get(self._port, HANGS.encode())

    def answered(self) -> Answer:
        self.join(60)
        assert self.answer is not None
        return self.answer


def serving(index: Path, stub: Stub) -> dict[str, str]:
    return environment_of(stub) | {
        "CLICKHOUSE_URL": "chdb://data",
        # One search for the index, which finds nothing; from then on GitHub is asked for what a test asks for.
        "DISCOVERY_TOPICS": "none",
        "DISCOVERY_OFFICIAL_REPO": "off",
        "LOCAL_INDEX_CACHE_DIR": str(index),
    }


def no_request_was_lost(load: Load) -> None:
    assert load.lost == []
    assert set(load.statuses) == {200}
    assert {path: len(bodies) for path, bodies in load.bodies.items()} == dict.fromkeys(PATHS, 1)


def nothing_failed(server: Served) -> None:
    assert not re.search(r"Traceback|ERROR|\"error\"|never (retrieved|awaited)", server.logged()), server.logged()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_no_request_in_flight_is_lost(folder: Path, tmp_path: Path, stub: Stub, number: signal.Signals) -> None:
    """Neither of those who ask without a pause, nor of one that takes its time, nor of one that is half on its way."""
    with (
        started(cwd=folder, **serving(tmp_path, stub)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as half,
        asked(server.port, PATHS, reconnecting=False) as load,
    ):
        wait_until(lambda: load.answers > 500, what="load")
        waiting = Waiting(stub, server, 2)
        half.sendall(b"GET /api/packages/numpy/recent HTTP/1.1\r\nHost: x\r\n")
        server.process.send_signal(number)
        half.sendall(b"\r\n")

        status, headers, body = waiting.answered()
        assert (status, headers["connection"], json.loads(body)["content"]) == (200, "close", "# NumPy\n")
        assert half.recv(65536).startswith(b"HTTP/1.1 200 ")
        server.process.wait(SHUTDOWN_SECONDS)

    no_request_was_lost(load)
    nothing_failed(server)


HANGING = """
import asyncio, sys, uvicorn
from app.serving.protocol import Protocol

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for word in ("startup", "shutdown"):
            await receive()
            print(word, flush=True)
            await send({"type": f"lifespan.{word}.complete"})
    elif scope["path"] == "/fails":
        raise ValueError("secret")
    elif scope["path"] == "/large":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"50000000")]})
        await send({"type": "http.response.body", "body": b"x" * 50_000_000})
    else:
        print("hangs", flush=True)
        await asyncio.sleep(600)

port, grace = map(int, sys.argv[1:])
uvicorn.run(app, port=port, http=Protocol, ws="none", access_log=False, timeout_graceful_shutdown=grace)
"""


@contextmanager
def hanging(grace: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server with an app that answers nothing, or fails, on the same protocol; and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", HANGING, str(port), str(grace)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stderr
            assert process.stdout.readline() == "startup\n"
            while "Uvicorn running" not in process.stderr.readline():
                assert process.poll() is None
            yield process, port
        finally:
            process.kill()


def problem(answer: Answer) -> tuple[int, str | None, str, str]:
    status, headers, body = answer
    assert headers["content-type"] == "application/problem+json"
    return status, headers.get("retry-after"), headers["connection"], json.loads(body)["detail"]


def test_what_takes_longer_than_the_grace_time_is_told_so() -> None:
    with hanging(1) as (process, port), ThreadPoolExecutor(1) as threads:
        answer = threads.submit(get, port, b"/")
        assert process.stdout
        assert process.stdout.readline() == "hangs\n"
        process.send_signal(signal.SIGTERM)

        assert problem(answer.result()) == (503, "5", "close", "the server is stopping, or has too many connections")
        assert process.stdout.readline() == "shutdown\n"
        process.wait(30)


def test_who_says_nothing_or_reads_nothing_keeps_no_server_alive() -> None:
    with (
        hanging(1) as (process, port),
        socket.create_connection(("127.0.0.1", port)),
        socket.create_connection(("127.0.0.1", port)) as half,
        socket.create_connection(("127.0.0.1", port)) as unread,
    ):
        half.sendall(b"GET /api")
        unread.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert unread.recv(100)
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_what_fails_beneath_the_app_is_told_so() -> None:
    with hanging(1) as (_, port):
        for _ in range(2):
            assert problem(get(port, b"/fails")) == (
                500,
                None,
                "close",
                "the server failed to answer; its log says why",
            )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_who_insists_gets_it_at_once(number: signal.Signals) -> None:
    """Ctrl-C, after any signal, ends a server in the middle of its grace time."""
    with hanging(600) as (process, port), ThreadPoolExecutor(1) as threads:
        answer = threads.submit(get, port, b"/")
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "hangs\n"
        process.send_signal(number)
        while "Waiting for" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)

        process.wait(30)
        assert isinstance(answer.exception(), ValueError | ConnectionError) or answer.result()[0] == 503


async def test_a_query_for_which_nobody_waits_any_more_is_stopped(dataset: Dataset) -> None:
    """One that would take as long as a query may: it keeps no server alive, and no other reader's is stopped."""
    reader, other = dataset.engine.reader(), dataset.engine.reader()
    slow = "SELECT sum(sleepEachRow(0.1)) FROM numbers(100) SETTINGS max_block_size = 1"
    running = [
        asyncio.create_task(each.query(sql, {})) for each, sql in ((reader, slow), (other, slow.replace("100", "20")))
    ]
    for _ in range(300):
        ((count,),) = await reader.query("SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%'", {})
        if count == 3:
            break
        await asyncio.sleep(0.01)
    assert count == 3, "both, and the one that counts them"

    await reader.close()

    with pytest.raises(WarehouseUnavailableError, match="QUERY_WAS_CANCELLED"):
        await running[0]
    assert await running[1] == [[0]]
    await other.close()
