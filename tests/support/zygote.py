"""Processes that begin as forks of one that has imported everything: what takes a second each time is done once.

`python -m tests.support.zygote` reads one JSON list per line: a file, a data folder, and the arguments of
`pypistats-server`, or `look`, or `load MARKER DELAY FILE…` (tests/support/loader.py). It runs that in a fork that
writes to the file, prints the fork's process id, and how it ended.
"""

import importlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from app.cli.commands import main
from app.warehouse.engines.embedded import EmbeddedEngine
from tests.support.loader import answers, load
from tests.support.server import REPOSITORY, environment

SECONDS = 120
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""For what would start others when it is imported: a fork has none of them, and all of their locks."""
FOUND = "found: "
LEFT = """
SELECT (SELECT count() FROM incoming) + (
    SELECT count() FROM (SELECT version FROM downloads_daily UNION ALL SELECT version FROM overall_daily)
    WHERE version NOT IN (SELECT version FROM loads WHERE state = 'published')
)
"""
OF_LEFT = {"incoming", "downloads_daily", "overall_daily", "loads"}


class Fork:
    """A process that runs: `kill` it, or `wait` for its exit status (negative: the signal that ended it)."""

    def __init__(self, zygote: "Zygote", pid: int, log: Path) -> None:
        self._zygote, self._pid, self._log = zygote, pid, log

    def kill(self) -> None:
        """What `kill -9` does. A process that has ended is not collected before `wait`, so no other has its number."""
        os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> int:
        return int(self._zygote.told("wait"))

    def said(self) -> str:
        return self._log.read_text()


class Zygote:
    """The process that forks."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self._folder = process, folder

    def told(self, line: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        assert select.select([self._process.stdout], [], [], SECONDS)[0], f"nothing in {SECONDS} s"
        answer = self._process.stdout.readline()
        assert answer, "the zygote is dead"
        return answer

    def start(self, *arguments: str, data: Path) -> Fork:
        """The command, on an embedded engine in `data`."""
        log = self._folder / "fork.log"
        log.write_bytes(b"")  # or what is read first is what the one before has said
        return Fork(self, int(self.told(json.dumps([str(log), str(data), *arguments]))), log)

    def look(self, data: Path) -> dict[str, Any]:
        """The answers that a folder gives, by path, as (status, body); and what its tables hold besides (`facts`)."""
        fork = self.start("look", data=data)
        assert fork.wait() == 0, fork.said()
        (line,) = (line for line in fork.said().splitlines() if line.startswith(FOUND))
        found: dict[str, Any] = json.loads(line.removeprefix(FOUND))
        return found


@contextmanager
def zygote(folder: Path) -> Iterator[Zygote]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.zygote"],
        cwd=REPOSITORY,
        env=environment(**ONE_THREAD),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Zygote(process, folder)
        finally:
            process.kill()


def _look(data: Path) -> None:
    engine = EmbeddedEngine(data, "pypi")
    with engine.client() as client:
        tables = [name for (name,) in client.query("SHOW TABLES").result_rows]
        # Whoever was killed in the middle of making them has no rows.
        left = client.query(LEFT).result_rows[0][0] if set(tables) >= OF_LEFT else 0
        parts = client.query("SELECT count() FROM system.detached_parts").result_rows[0][0]
    found = answers(data)
    engine.close()
    print(FOUND + json.dumps(found | {"facts": {"left": left, "tables": tables, "detached": parts}}), flush=True)


def _fork(log: str, data: str, arguments: list[str]) -> None:
    os.environ["CLICKHOUSE_URL"] = f"chdb://{data}"
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    match arguments:
        case ["look"]:
            _look(Path(data))
        case ["load", marker, delay, *files]:
            load(Path(data), marker, delay, *files)
        case _:
            main(arguments)
    os._exit(0)  # a tidy end would only take time


def _serve() -> None:
    importlib.import_module("pandas")  # as the driver does at the first insert of a process
    assert "chdb" not in sys.modules
    assert psutil.Process().num_threads() == 1
    pid = 0
    for line in sys.stdin:
        if line == "wait\n":
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
            continue
        log, data, *arguments = json.loads(line)
        pid = os.fork()
        if not pid:
            _fork(log, data, arguments)
        print(pid, flush=True)


if __name__ == "__main__":
    _serve()
