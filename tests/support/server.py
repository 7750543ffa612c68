"""The command in a process of its own, as a user runs it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from app.settings import Settings
from tests.support.clickhouse_users import USERS
from tests.support.dataset import Dataset

COMMAND = [sys.executable, "-m", "app.cli.commands"]
REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 60
NOWHERE = "http://127.0.0.1:9"
"""Where nobody answers: no test asks the real PyPI."""


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without the settings that somebody may have exported, and with changes."""
    ours = {field.upper() for field in Settings.__struct_fields__}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200", "PYPI_API_URL": NOWHERE, **changes}


def variables(dataset: Dataset, user: str = "api", **changes: str) -> dict[str, str]:
    """The environment of a command on a data set that is on a server."""
    return {
        "CLICKHOUSE_URL": dataset.settings.clickhouse_url,
        "CLICKHOUSE_USER": user,
        "CLICKHOUSE_PASSWORD": USERS[user].password,
        "CLICKHOUSE_DATABASE": dataset.settings.clickhouse_database,
        **changes,
    }


def run(*arguments: str, cwd: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """The command, run to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def served(*arguments: str, cwd: Path, **changes: str) -> Iterator[str]:
    """`serve`, until it answers and for as long as the block lasts; gives its base URL. Its log is cwd/serve.log."""
    with started(*arguments, cwd=cwd, **changes) as server:
        yield server.base


class Served(NamedTuple):
    """A server that answers."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    log_start: int

    def logged(self) -> str:
        """What it has logged so far."""
        return self.log.read_bytes()[self.log_start :].decode()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def started(*arguments: str, cwd: Path, **changes: str) -> Iterator[Served]:
    """The same, with its process, which may have ended when the block ends."""
    port = free_port()
    with (cwd / "serve.log").open("ab") as log:
        log_start = log.tell()
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", str(port), *arguments],
            cwd=cwd,
            env=environment(**changes),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = Served(process, port, cwd / "serve.log", log_start)
    try:
        _wait_until_up(process, server.base, cwd)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def free_port() -> int:
    """A port of the loopback interface that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_until_up(process: subprocess.Popen[bytes], base: str, cwd: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, (cwd / "serve.log").read_text()
        try:
            httpx.get(f"{base}/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server did not start in time: " + (cwd / "serve.log").read_text())
