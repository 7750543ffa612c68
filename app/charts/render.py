"""Charts are drawn in worker processes, because matplotlib holds the interpreter."""

import os
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from app.charts.data import Chart, ChartStyle
from app.charts.worker import RenderRequest
from app.serving.worker_pool import Worker, WorkerError, WorkerPool, worker_command

MODULE = "app.charts.worker"
START_WORKER = partial(Worker.start, worker_command(MODULE))


class RenderError(Exception):
    """A chart cannot be drawn at the moment."""


class Renderer(WorkerPool):
    """Draws charts."""

    def __init__(
        self,
        *,
        max_workers: int = os.cpu_count() or 1,
        max_waiting: int = 100,
        timeout_seconds: float = 30.0,
        start_worker: Callable[[], Awaitable[Worker]] = START_WORKER,
    ) -> None:
        super().__init__(
            start_worker, max_workers=max_workers, max_waiting=max_waiting, timeout_seconds=timeout_seconds
        )

    async def render(self, chart: Chart, style: ChartStyle) -> bytes:
        """The chart as a PNG or SVG document. Raises RenderError."""
        try:
            return await self.run(msgspec.msgpack.encode(RenderRequest(chart, style)))
        except WorkerError as error:
            raise RenderError(f"a chart cannot be drawn: {error}") from error
