"""Work that holds the interpreter, or may take too long, is done in worker processes: in a thread it would delay all
requests, and a thread cannot be ended.

Both `anyio.to_process` and `multiprocessing` run the program's main module in each worker. anyio's workers also receive
the terminal's Ctrl-C, which an idle one returns as the result of the next call, and its pool cannot be closed with the
app: it belongs to the event loop. `multiprocessing` cannot kill a single worker that hangs.
"""

import asyncio
import logging
import os
import re
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Self, cast

from app.serving.turns import FairQueue, NoTurnError, StoppedError
from app.serving.worker import LENGTH_BYTES, frame

logger = logging.getLogger(__name__)


class WorkerError(Exception):
    """The work cannot be done at the moment."""


class WorkerTimeoutError(WorkerError):
    """The work takes too long."""


PASSED_ON = re.compile(r"PATH|HOME|TZ|LANG|LANGUAGE|LC_\w+|LD_LIBRARY_PATH|XDG_CACHE_HOME|(MPL|FONTCONFIG_|PYTHON)\w+")
"""The variables that a worker has too. All others may be secrets, which are no business of the libraries in it."""


def _environment() -> dict[str, str]:
    """The environment of a worker."""
    environment = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    with suppress(FileNotFoundError):
        # matplotlib needs a folder for temporary files: the one of this process, which the system may not have.
        environment["TMPDIR"] = tempfile.gettempdir()
    return environment


def worker_command(module: str, form: str = "text", level: str = "info") -> Sequence[str]:
    """The command of a worker whose module calls `app.serving.worker.main`; format and level of its log."""
    return sys.executable, "-m", module, form, level


class Worker:
    """A process that answers one request at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._stdin = cast(asyncio.StreamWriter, process.stdin)
        self._stdout = cast(asyncio.StreamReader, process.stdout)

    @classmethod
    async def start(cls, command: Sequence[str]) -> Self:
        """Start a process. Raises OSError."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            env=_environment(),
            # A terminal's Ctrl-C reaches the server alone, which ends its workers itself.
            start_new_session=True,
        )
        return cls(process)

    async def answer(self, request: bytes) -> bytes:
        """The answer to a message. Raises EOFError or ConnectionError if the process exits."""
        self._stdin.write(request)
        await self._stdin.drain()
        length = await self._stdout.readexactly(LENGTH_BYTES)
        return await self._stdout.readexactly(int.from_bytes(length, "big"))

    async def kill(self) -> None:
        """End the process, and wait until it has ended."""
        if self._process.returncode is None:
            self._process.kill()
        self._stdin.close()
        await self._process.wait()


class WorkerPool:
    """Up to `max_workers` processes. Up to `max_waiting` more requests wait for their client's turn, see `FairQueue`.

    Workers are started on demand and kept. A worker that takes longer than `timeout_seconds` for a request is killed.
    A request whose caller is cancelled is answered to its end if a worker has it.
    """

    def __init__(
        self,
        start_worker: Callable[[], Awaitable[Worker]],
        *,
        max_workers: int,
        max_waiting: int,
        timeout_seconds: float,
    ) -> None:
        self.max_workers = max_workers
        self.max_waiting = max_waiting
        self.timeout_seconds = timeout_seconds
        self._start_worker = start_worker
        self._queue = FairQueue(max_workers, max_waiting)
        self._idle: list[Worker] = []

    @property
    def pending(self) -> int:
        """Requests that are being answered or wait for a worker."""
        return self._queue.pending

    async def run(self, body: bytes) -> bytes:
        """A worker's answer. Raises WorkerError, and WorkerTimeoutError if it takes too long."""
        try:
            return await self._queue.run(lambda: self._answer(frame(body)))
        except NoTurnError:
            raise WorkerError(f"{self.max_waiting} requests are waiting for a worker") from None
        except TimeoutError:
            raise WorkerTimeoutError(f"a worker took more than {self.timeout_seconds:g} seconds") from None
        except (EOFError, OSError, StoppedError) as error:
            raise WorkerError("a worker failed; its stderr has the reason") from error

    async def _answer(self, request: bytes) -> bytes:
        """Ask an idle worker or a new one. An idle worker that has exited is replaced once."""
        if self._idle:
            try:
                return await self._ask(self._idle.pop(), request)
            except (EOFError, ConnectionError):
                logger.warning("a worker has exited; starting another")
        return await self._ask(await self._start_worker(), request)

    async def _ask(self, worker: Worker, request: bytes) -> bytes:
        try:
            async with asyncio.timeout(self.timeout_seconds):
                answer = await worker.answer(request)
        except BaseException:
            # If it is stopped too: the answer would be read as that to the worker's next request.
            await worker.kill()
            raise
        self._idle.append(worker)
        return answer

    async def close(self) -> None:
        """End all workers."""
        await self._queue.close()
        while self._idle:
            await self._idle.pop().kill()
