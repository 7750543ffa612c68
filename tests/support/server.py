"""The command in a process of its own, as a user runs it.

COMMAND starts Python anew; all else begins as a fork of tests/support/zygote.py, which takes less time.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from app.settings import Settings
from tests.support.clickhouse_users import USERS
from tests.support.dataset import Dataset
from tests.support.zygote import REPOSITORY, Fork, fork

COMMAND = [sys.executable, "-m", "app.cli.entry"]
START_SECONDS = 300
"""Decides nothing: a server that ends before it answers is noticed at once."""
NOWHERE = "http://127.0.0.1:9"
"""An address that does not answer: no test sends a request to the real PyPI."""


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without exported settings of the server, and with changes."""
    ours = {field.upper() for field in Settings.__struct_fields__}
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in ours}
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


def start(*arguments: str, cwd: Path, stdout: Path, stderr: Path | None = None, **changes: str) -> Fork:
    """The command, which runs and appends to files what it writes."""
    return fork(
        "app.cli.entry:main", *arguments, cwd=cwd, environment=environment(**changes), stdout=stdout, stderr=stderr
    )


def run(*arguments: str, cwd: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """The command, run to its end."""
    with tempfile.TemporaryDirectory() as folder:
        stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
        process = start(*arguments, cwd=cwd, stdout=stdout, stderr=stderr, **changes)
        try:
            status = process.wait()
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(arguments, status, stdout.read_text(), stderr.read_text())


@contextmanager
def served(*arguments: str, cwd: Path, **changes: str) -> Iterator[str]:
    """`serve`, until it answers and for as long as the block lasts; gives its base URL. Its log is cwd/serve.log."""
    with started(*arguments, cwd=cwd, **changes) as server:
        yield server.base


class Served(NamedTuple):
    """A server that answers."""

    process: Fork | subprocess.Popen[bytes]
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
    log = cwd / "serve.log"
    log_start = log.stat().st_size if log.exists() else 0
    arguments = ("serve", "--port", str(port), *arguments)
    process: Fork | subprocess.Popen[bytes]
    if "PYTHONPATH" in changes:  # an app that is installed elsewhere, which the zygote has not imported
        with log.open("ab") as file:
            command, variables = [*COMMAND, *arguments], environment(**changes)
            process = subprocess.Popen(command, cwd=cwd, env=variables, stdout=file, stderr=file)
    else:
        process = start(*arguments, cwd=cwd, stdout=log, **changes)
    server = Served(process, port, log, log_start)
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


def _wait_until_up(process: Fork | subprocess.Popen[bytes], base: str, cwd: Path) -> None:
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
