"""Charts are drawn in worker processes: in a thread, matplotlib would hold the interpreter lock and delay all requests.

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

import msgspec

from app.charts.data import Chart, ChartStyle
from app.charts.worker import LENGTH_BYTES, RenderRequest, frame
from app.serving.turns import FairQueue, NoTurnError

COMMAND = (sys.executable, "-m", "app.charts.worker")
"""Format and level of the log follow."""

logger = logging.getLogger(__name__)


class RenderError(Exception):
    """A chart cannot be drawn at the moment."""


PASSED_ON = re.compile(r"PATH|HOME|TZ|LANG|LANGUAGE|LC_\w+|LD_LIBRARY_PATH|XDG_CACHE_HOME|(MPL|FONTCONFIG_|PYTHON)\w+")
"""The variables that a worker has too. All others may be secrets, which are no business of a library that draws."""


def _environment() -> dict[str, str]:
    """The environment of a worker."""
    environment = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    with suppress(FileNotFoundError):
        # matplotlib needs a folder for temporary files: the one of this process, which the system may not have.
        environment["TMPDIR"] = tempfile.gettempdir()
    return environment


class Worker:
    """A process that draws one chart at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._stdin = cast(asyncio.StreamWriter, process.stdin)
        self._stdout = cast(asyncio.StreamReader, process.stdout)

    @classmethod
    async def start(cls, command: Sequence[str] = (*COMMAND, "text", "info")) -> Self:
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

    async def draw(self, request: bytes) -> bytes:
        """The picture for a message. Raises EOFError or ConnectionError if the process exits."""
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


class Renderer:
    """Draws up to `max_workers` charts at once. Up to `max_waiting` more wait for their client's turn, see `FairQueue`.

    Workers are started on demand and kept. A worker that takes longer than `timeout_seconds` for a chart is killed.
    """

    def __init__(
        self,
        *,
        max_workers: int = os.cpu_count() or 1,
        max_waiting: int = 100,
        timeout_seconds: float = 30.0,
        start_worker: Callable[[], Awaitable[Worker]] = Worker.start,
    ) -> None:
        self.max_workers = max_workers
        self.max_waiting = max_waiting
        self.timeout_seconds = timeout_seconds
        self._start_worker = start_worker
        self._queue = FairQueue(max_workers, max_waiting)
        self._idle: list[Worker] = []

    @property
    def pending(self) -> int:
        """Charts that are being drawn or wait for a worker."""
        return self._queue.pending

    async def render(self, chart: Chart, style: ChartStyle) -> bytes:
        """The chart as a PNG or SVG document. Raises RenderError."""
        request = frame(msgspec.msgpack.encode(RenderRequest(chart, style)))
        try:
            async with self._queue.turn():
                return await self._draw(request)
        except NoTurnError:
            raise RenderError(f"{self.max_waiting} charts are waiting to be drawn") from None
        except TimeoutError:
            raise RenderError(f"drawing a chart took more than {self.timeout_seconds:g} seconds") from None
        except (EOFError, OSError) as error:
            raise RenderError("a chart worker failed; its stderr has the reason") from error

    async def _draw(self, request: bytes) -> bytes:
        """Draw with an idle worker or a new one. An idle worker that has exited is replaced once."""
        if self._idle:
            try:
                return await self._draw_with(self._idle.pop(), request)
            except (EOFError, ConnectionError):
                logger.warning("a chart worker has exited; starting another")
        return await self._draw_with(await self._start_worker(), request)

    async def _draw_with(self, worker: Worker, request: bytes) -> bytes:
        try:
            async with asyncio.timeout(self.timeout_seconds):
                picture = await worker.draw(request)
        except BaseException:
            # On cancellation too: the picture would be read as the answer to the worker's next request.
            await worker.kill()
            raise
        self._idle.append(worker)
        return picture

    async def close(self) -> None:
        """End the idle workers. Call it when no chart is pending."""
        while self._idle:
            await self._idle.pop().kill()
