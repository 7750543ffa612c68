"""A server in a process of its own, as a user starts it, and questions to it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60.0
PORT = "PORT"


def get(connection: http.client.HTTPConnection, path: str) -> tuple[float, bytes]:
    """Seconds from the first byte of the request to the last of the answer, and its body."""
    started = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    seconds = time.perf_counter() - started
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status}")
    return seconds, body


@contextmanager
def serving(data: Path) -> Iterator[int]:
    """A server of an embedded engine's folder, on a free port of the loopback interface."""
    with started(data, {}) as (port, _):
        yield port


@contextmanager
def started(data: Path, settings: Mapping[str, str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The same with further settings; and its process."""
    environment = {**os.environ, "CLICKHOUSE_URL": f"chdb://{data}", "CLICKHOUSE_DATABASE": "pypi", **settings}
    with listening([sys.executable, "-m", "app.cli.entry", "serve", "--port", PORT], environment) as (port, process):
        yield port, process


@contextmanager
def listening(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A command that listens on a free port, which stands in it for PORT; and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(port) if word == PORT else word for word in command]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield port, process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError("the server does not start")
