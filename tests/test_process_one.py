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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.events import event, write_jsonl
from tests.support.load import wait_until
from tests.support.server import COMMAND, environment, run

NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
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
        os.kill(int(self._inner()), signal.SIGTERM)
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


COMMANDS = [("serve", "--port", "0"), ("serve", "--demo", "--port", "0"), ("ingest", "events.jsonl"), ("sync", "numpy")]


@pytest.mark.parametrize("arguments", [*COMMANDS, ("migrate",), ("check",)], ids=" ".join)
def test_from_the_first_line_on(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with process_one(*arguments, cwd=tmp_path, CLICKHOUSE_URL="chdb://data") as process:
        process.wait_until_it_handles_the_signal()
        assert process.stop() == 1

    assert [line for line in process.written if line.strip()] == ["Aborted!\n"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("serve", "--port", "0"), ("ingest", "events.jsonl"), ("sync", "numpy")])
def test_while_clickhouse_says_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write_jsonl(tmp_path / "events.jsonl", [event("2026-03-10 12:00:00 UTC")])
    with silent_server() as (url, asked), process_one(*arguments, cwd=tmp_path, CLICKHOUSE_URL=url) as process:
        assert asked.wait(60)
        assert process.stop() == 1

    assert not [line for line in process.written if "Traceback" in line]


def test_while_the_demo_loads(tmp_path: Path) -> None:
    with process_one("serve", "--demo", "--port", "0", cwd=tmp_path) as process:
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
    with process_one("serve", "--port", "0", cwd=tmp_path, CLICKHOUSE_URL="chdb://data") as process:
        process.wait_for("running on http://")
        assert process.stop() == 0

    assert not [line for line in process.written if "Traceback" in line or "ERROR" in line]
