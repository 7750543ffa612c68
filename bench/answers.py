"""One package's python_minor, cold: over HTTP from a server in a process of its own, and by the same SQL through bare
clickhouse-connect. Neither has been asked for that package before.
"""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.processes import run

START_SECONDS = 60.0
WARM_UP = 20
"""Packages that each side is asked for first and that do not count: what a process does only once is not an answer."""


def measure(data: Path, packages: int, sample: int, rounds: int) -> dict[str, Any]:
    """Seconds of every answer of either side. Rounds alternate: an engine's folder is open in one process at a time.

    Both sides of a round ask for the same packages; no round asks for those of another.
    """
    rng = random.Random(2)
    numbers = rng.sample(range(packages), min(packages, rounds * (sample + WARM_UP)))
    size = len(numbers) // rounds
    if size < WARM_UP + 2:
        raise ValueError(f"{packages} packages are too few for {rounds} rounds: more rows, or fewer rounds")
    found: dict[str, Any] = {"http": [], "sql": [], "rows": []}
    for number in range(rounds):
        asked = numbers[number * size : (number + 1) * size]
        # Whoever comes second finds the files in the kernel's cache: take turns at that too.
        for side in ("http", "sql") if number % 2 == 0 else ("sql", "http"):
            if side == "http":
                found["http"].append(_over_http(data, asked))
            else:
                answers = run("series", data=str(data), packages=asked)
                found["sql"].append(answers["seconds"][WARM_UP:])
                found["rows"] += answers["rows"][WARM_UP:]
    return found


def _over_http(data: Path, packages: Sequence[int]) -> list[float]:
    with _server(data) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            return [_get(connection, f"/api/packages/package-{number:06}/python_minor") for number in packages][
                WARM_UP:
            ]
        finally:
            connection.close()


def _get(connection: http.client.HTTPConnection, path: str) -> float:
    """Seconds from the first byte of the request to the last of the answer."""
    started = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    seconds = time.perf_counter() - started
    if answer.status != 200 or not json.loads(body)["data"]:
        raise RuntimeError(f"{path}: {answer.status}")
    return seconds


@contextmanager
def _server(data: Path) -> Iterator[int]:
    """A server as a user starts it, on a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "CLICKHOUSE_URL": f"chdb://{data}", "CLICKHOUSE_DATABASE": "pypi"}
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield port
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
            time.sleep(0.1)
    raise RuntimeError("the server does not start")
