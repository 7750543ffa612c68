"""Processes that begin as forks of one that has imported everything: to import it takes some seconds of CPU each time.

`python -m tests.support.zygote` reads one request per line, in JSON. `{"function": "module:name", "arguments": […],
"cwd": …, "environment": {…}, "stdout": …, "stderr": …}` calls the function with the list of arguments in a fork, whose
output is appended to the files; the reply is its process id. `{"poll": 123}` replies the exit status of a fork that has
ended, else null.
"""

import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

REPOSITORY = Path(__file__).parents[2]
SECONDS = 120
PRELOADED = [
    "app.cli.commands",
    "app.cli.entry",
    "tests.support.loader",
    "pandas",  # which the driver imports at the first insert of a process
]
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""For what would start others when it is imported: a fork has none of them, and all of their locks."""


class Fork:
    """A process that runs; the methods are those of subprocess.Popen."""

    def __init__(self, zygote: "Zygote", pid: int, stdout: Path) -> None:
        self._zygote, self.pid, self._stdout = zygote, pid, stdout
        self._descriptor = os.pidfd_open(pid)
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        """Its exit status (negative: the signal that ended it). Until it is collected no other has its number."""
        if self.returncode is None:
            self.returncode = self._zygote.ask({"poll": self.pid})
            if self.returncode is not None:
                os.close(self._descriptor)
        return self.returncode

    def wait(self, timeout: float = SECONDS) -> int:
        if self.returncode is None and not select.select([self._descriptor], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        status = self.poll()
        assert status is not None
        return status

    def output(self) -> str:
        """What it has written so far."""
        return self._stdout.read_text()


class Zygote:
    """The process that forks. It ends with this one, which holds its standard input."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.zygote"],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200", **ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: Mapping[str, Any]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        with self._guard:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            assert select.select([self._process.stdout], [], [], SECONDS)[0], f"nothing in {SECONDS} s"
            return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        """End it; forks that run go on."""
        with self._process as process:
            assert process.stdin
            process.stdin.close()


_zygotes: list[Zygote] = []
_guard = threading.Lock()


def _zygote() -> Zygote:
    """The one of this process; the first fork starts it."""
    with _guard:
        if not _zygotes:
            _zygotes.append(Zygote())
        return _zygotes[0]


def end_zygote() -> None:
    """End it where it has been started. The next fork starts another."""
    while _zygotes:
        _zygotes.pop().end()


def fork(
    function: str, *arguments: str, cwd: Path, environment: Mapping[str, str], stdout: Path, stderr: Path | None = None
) -> Fork:
    """Call a function, "module:name", with a list of arguments in a process of its own."""
    stdout.touch()
    zygote = _zygote()
    files = {"stdout": str(stdout), "stderr": str(stderr or stdout)}
    request = {"function": function, "arguments": arguments, "cwd": str(cwd), "environment": dict(environment), **files}
    return Fork(zygote, zygote.ask(request), stdout)


def _call(function: str, arguments: list[str], cwd: str, environment: dict[str, str], stdout: str, stderr: str) -> None:
    for number, name in ((1, stdout), (2, stderr)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    module, name = function.split(":")
    sys.argv = [str(sys.modules[module].__file__), *arguments]
    getattr(sys.modules[module], name)(arguments)
    sys.stdout.flush()
    os._exit(0)  # a tidy end would only take time


def _serve() -> None:
    for module in PRELOADED:
        importlib.import_module(module)
    assert "chdb" not in sys.modules
    assert psutil.Process().num_threads() == 1
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            pid, status = os.waitpid(request["poll"], os.WNOHANG)
            print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)
            continue
        pid = os.fork()
        if not pid:
            _call(**request)
        print(pid, flush=True)


if __name__ == "__main__":
    _serve()
