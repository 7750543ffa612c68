"""SIGTERM to process 1 of a PID namespace, as a container's command is: it ends soon, and nothing is published in part.

The kernel gives process 1 no signal that it does not handle.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.support.clickpy import PublicServer
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.facade import Facade
from tests.support.fixtures import Backend
from tests.support.load import wait_until
from tests.support.server import COMMAND, environment, free_port, run, variables

NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
NEWEST = datetime.now(UTC).date() - timedelta(days=3)
"""Of ClickPy's tables: a day that is complete, whenever the tests run."""
OF_COUNTS, OF_DAYS = "groupArray(kept_category)", "groupArray((date, downloads))"
OF_SERIES = "{granularity:String}"
"""What stands in the statements that fetch a package, look for days, and read a series."""
HANDLED = 1 << (signal.SIGTERM - 1)


@pytest.fixture(scope="module", autouse=True)
def namespaces() -> None:
    """Skip where they cannot be made."""
    tried = [*NAMESPACE, "true"]
    if not shutil.which("unshare") or subprocess.run(tried, capture_output=True, check=False).returncode:
        pytest.skip("needs unshare and the right to make a PID namespace")


class ProcessOne:
    """The command as process 1 of a namespace; what it writes is in `written`."""

    def __init__(self, outer: "subprocess.Popen[str]") -> None:
        self._outer = outer
        self.written: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_until(lambda: bool(self._inner()), what="the process in the namespace")

    def _read(self) -> None:
        assert self._outer.stderr
        self.written.extend(self._outer.stderr)

    def _inner(self) -> str:
        return Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().strip()

    def wait_for(self, text: str) -> None:
        """Until it has written a line with this text."""
        wait_until(lambda: any(text in line for line in self.written) or self._outer.poll() is not None, what=text)
        assert any(text in line for line in self.written), self.written

    def wait_until_it_handles_the_signal(self) -> None:
        """Until the first moment at which the kernel gives it SIGTERM."""

        def handles() -> bool:
            caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{self._inner()}/status").read_text())
            return bool(caught and int(caught[1], 16) & HANDLED)

        wait_until(handles, what="a handler of SIGTERM")

    def stop(self) -> int:
        """Send SIGTERM; return the exit status."""
        self.send_signal()
        return self.wait()

    def send_signal(self) -> None:
        """Send SIGTERM."""
        os.kill(int(self._inner()), signal.SIGTERM)

    def wait(self) -> int:
        """The exit status, once it has ended."""
        status = self._outer.wait(60)
        self._reader.join(10)
        return status


@contextmanager
def process_one(*arguments: str, cwd: Path, **variables: str) -> Iterator[ProcessOne]:
    variables = environment(**{"LOG_FORMAT": "text", **variables})
    command = [*NAMESPACE, *COMMAND, *arguments]
    with subprocess.Popen(command, cwd=cwd, env=variables, stderr=subprocess.PIPE, text=True) as outer:
        try:
            yield ProcessOne(outer)
        finally:
            outer.kill()


@contextmanager
def silent_server() -> Iterator[tuple[str, threading.Event]]:
    """The URL of a ClickHouse that accepts connections and says nothing, and whether one has come."""
    asked, connections = threading.Event(), []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connections.append(listener.accept()[0])
                except OSError:
                    return
                asked.set()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)
    for connection in connections:
        connection.close()


SERVE = ("serve", "--port", "0")
COMMANDS = [SERVE, (*SERVE, "--workers", "2"), (*SERVE, "--demo"), ("ingest", "events.jsonl"), ("sync", "numpy")]


@pytest.mark.parametrize("arguments", [*COMMANDS, ("migrate",), ("check",)], ids=" ".join)
def test_from_the_first_line_on(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with process_one(*arguments, cwd=tmp_path, CLICKHOUSE_URL="chdb://data") as process:
        process.wait_until_it_handles_the_signal()
        assert process.stop() == 1

    assert [line for line in process.written if line.strip()] == ["Aborted!\n"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [COMMANDS[0], COMMANDS[1], *COMMANDS[3:]], ids=" ".join)
def test_while_clickhouse_says_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write_jsonl(tmp_path / "events.jsonl", [event("2026-03-10 12:00:00 UTC")])
    with silent_server() as (url, asked), process_one(*arguments, cwd=tmp_path, CLICKHOUSE_URL=url) as process:
        assert asked.wait(60)
        assert process.stop() == 1

    assert not [line for line in process.written if "Traceback" in line]


def test_while_the_demo_loads(tmp_path: Path) -> None:
    with process_one(*SERVE, "--demo", cwd=tmp_path) as process:
        process.wait_for("making synthetic downloads")
        assert process.stop() == 1

    assert process.written[-1] == "error: interrupted; nothing was published\n"
    check = run("check", cwd=tmp_path, CLICKHOUSE_URL="chdb://.data/demo")
    assert "no day is loaded" in check.stdout


def test_while_a_file_is_loaded(tmp_path: Path) -> None:
    ready = write_jsonl(tmp_path / "events.jsonl", [event("2026-03-10 12:00:00 UTC")] * 400_000)
    with process_one("ingest", str(ready), cwd=tmp_path, CLICKHOUSE_URL="chdb://data") as process:
        wait_until((tmp_path / "data").exists, what="the engine")
        status = process.stop()

    assert status == 1
    again = run("ingest", str(ready), cwd=tmp_path, CLICKHOUSE_URL="chdb://data")
    assert again.returncode == 0, again.stderr  # a published day would be refused without --replace


def test_a_server_that_serves_ends_with_status_0(tmp_path: Path) -> None:
    with process_one(*SERVE, cwd=tmp_path, CLICKHOUSE_URL="chdb://data") as process:
        process.wait_for("running on http://")
        assert process.stop() == 0

    assert not [line for line in process.written if "Traceback" in line or "ERROR" in line]


@pytest.fixture
def public(make_public: Callable[[], PublicServer]) -> PublicServer:
    """ClickPy's tables, with ten days of a package."""
    public = make_public()
    public.fill(event(f"{NEWEST - timedelta(days=back)} 12:00:00 UTC") for back in range(10))
    return public


def variables_of(public: PublicServer) -> dict[str, str]:
    return {
        "CLICKHOUSE_URL": public.facade.url,
        "CLICKHOUSE_USER": "demo",
        "CLICKHOUSE_DATABASE": public.engine.database,
    }


def test_while_a_package_is_fetched(tmp_path: Path, public: PublicServer) -> None:
    variables = variables_of(public)
    with (
        public.facade.broken("hold", of=OF_COUNTS),
        process_one("sync", "numpy", cwd=tmp_path, **variables) as process,
    ):
        wait_until(lambda: public.facade.counts()["slowed"] == 1, what="the query")
        assert process.stop() == 1

    assert process.written[-1] == "error: interrupted; what was completed stays, and the next call goes on\n"
    plan = run("sync", "numpy", "--dry-run", cwd=tmp_path, **variables)
    assert re.search("packages followed already *│ *0 ", plan.stdout), plan.stderr
    again = run("sync", "numpy", cwd=tmp_path, **variables)
    assert re.search("packages followed now *│ *1 ", again.stdout), again.stderr


def test_a_server_that_fetches_a_package(tmp_path: Path, public: PublicServer) -> None:
    """Who waits for it is told so: neither ends before the other side gives up, which takes minutes."""
    port = free_port()
    with (
        public.facade.broken("hold", of=OF_COUNTS),
        process_one("serve", "--port", str(port), cwd=tmp_path, **variables_of(public)) as process,
        ThreadPoolExecutor(1) as threads,
    ):
        process.wait_for("running on http://")
        answer = threads.submit(httpx.get, f"http://127.0.0.1:{port}/api/packages/numpy/recent", timeout=120)
        wait_until(lambda: public.facade.counts()["slowed"] == 1, what="the query")
        assert process.stop() == 0
        assert answer.result().status_code == 503


def test_a_server_that_looks_for_new_days(tmp_path: Path, public: PublicServer) -> None:
    with (
        public.facade.broken("hold", of=OF_DAYS),
        process_one(*SERVE, cwd=tmp_path, **variables_of(public)) as process,
    ):
        wait_until(lambda: public.facade.counts()["slowed"] == 1, what="the query")
        assert process.stop() == 0

    assert not [line for line in process.written if "Traceback" in line or "ERROR" in line], "".join(process.written)


@pytest.mark.only_backend(Backend.HTTP)
@pytest.mark.parametrize("begun", ["running on http://", "Started server process", "Application startup complete"])
def test_several_workers_at_any_moment(dataset: Dataset, tmp_path: Path, begun: str) -> None:
    """While they start, and when they serve."""
    dataset.load([event()])
    with process_one(*SERVE, "--workers", "2", cwd=tmp_path, **variables(dataset)) as process:
        process.wait_for(begun)
        assert process.stop() == 0

    assert not [line for line in process.written if "Traceback" in line or "ERROR" in line]


@pytest.mark.only_backend(Backend.HTTP)
def test_several_workers_answer_what_has_arrived(dataset: Dataset, facade: Facade, tmp_path: Path) -> None:
    dataset.load([event()])
    port = free_port()
    with (
        process_one("serve", "--port", str(port), "--workers", "2", cwd=tmp_path, **variables(dataset)) as process,
        ThreadPoolExecutor(1) as threads,
    ):
        wait_until(lambda: sum("startup complete" in line for line in process.written) == 2, what="two workers")
        with facade.broken("hold", of=OF_SERIES):
            answer = threads.submit(httpx.get, f"http://127.0.0.1:{port}/api/packages/numpy/overall", timeout=120)
            wait_until(lambda: facade.counts()["slowed"] == 1, what="the query")
            process.send_signal()
            process.wait_for("Waiting for connections to close")
        assert answer.result().status_code == 200
        assert process.wait() == 0
