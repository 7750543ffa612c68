"""Pictures, drawn in processes of their own.

Not on threads: matplotlib holds the interpreter's lock, and every other answer would wait for it. Not by
`multiprocessing`: it imports the program's main module into each worker, and cannot end a single one that hangs.
"""

import asyncio
import logging
import os
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Self, cast

import msgspec

from app.charts.data import Chart, ChartStyle
from app.charts.worker import LENGTH_BYTES, RenderRequest, framed

MOST_AT_ONCE = os.cpu_count() or 1
MOST_WAITING = 100
RENDER_SECONDS = 30.0
"""For one picture; a worker that takes longer is ended."""

logger = logging.getLogger(__name__)


class RenderError(Exception):
    """A picture cannot be drawn at the moment."""


class Renderer:
    """Draws charts, as many at once as there are cores; the rest wait their turn. Workers start when needed."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._idle: list[Worker] = []
        self._accepted = 0

    @property
    def busy(self) -> int:
        """Charts that are being drawn, or wait for it."""
        return self._accepted

    async def render(self, chart: Chart, look: ChartStyle) -> bytes:
        """The chart as a PNG or SVG document. Raises RenderError."""
        if self._accepted >= MOST_AT_ONCE + MOST_WAITING:
            raise RenderError(f"{MOST_WAITING} charts are waiting to be drawn")
        order = framed(msgspec.msgpack.encode(RenderRequest(chart, look)))
        self._accepted += 1
        try:
            async with self._turns:
                return await self._drawn(order)
        finally:
            self._accepted -= 1

    async def _drawn(self, order: bytes) -> bytes:
        """The picture. A worker that had ended while it was idle is replaced, once."""
        try:
            if self._idle:
                try:
                    return await self._ask(self._idle.pop(), order)
                except EOFError:
                    logger.warning("a worker that draws charts has ended; another takes its place")
            return await self._ask(await Worker.start(), order)
        except TimeoutError:
            raise RenderError("a chart took too long to draw") from None
        except (EOFError, OSError) as error:
            raise RenderError("a chart was not drawn; what its worker wrote says why") from error

    async def _ask(self, worker: "Worker", order: bytes) -> bytes:
        """One picture from a worker, which is idle afterwards, or ended."""
        try:
            async with asyncio.timeout(RENDER_SECONDS):
                picture = await worker.draw(order)
        except BaseException:
            # Also where nobody waits for the picture any more: who asks next must not get it.
            await worker.end()
            raise
        self._idle.append(worker)
        return picture

    async def close(self) -> None:
        """End the workers. Nothing is being drawn any more."""
        while self._idle:
            await self._idle.pop().end()


class Worker:
    """A process that draws one picture at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._orders = cast(asyncio.StreamWriter, process.stdin)
        self._pictures = cast(asyncio.StreamReader, process.stdout)

    @classmethod
    async def start(cls) -> Self:
        """A new one. Raises OSError where no process can be started."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with suppress(FileNotFoundError):
            # matplotlib needs a folder for temporary files: the one of this process, which may be no usual one.
            environment["TMPDIR"] = tempfile.gettempdir()
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "app.charts.worker",
                stdin=PIPE,
                stdout=PIPE,
                env=environment,
                # Ctrl-C is the server's: it ends its workers itself.
                start_new_session=True,
            )
        )

    async def draw(self, order: bytes) -> bytes:
        """What it draws. Raises EOFError where the process ends instead."""
        try:
            self._orders.write(order)
            await self._orders.drain()
            length = int.from_bytes(await self._pictures.readexactly(LENGTH_BYTES), "big")
            return await self._pictures.readexactly(length)
        except ConnectionError:
            raise EOFError from None

    async def end(self) -> None:
        """End the process."""
        if self._process.returncode is None:
            self._process.kill()
        self._orders.close()
        await self._process.wait()
