"""The process that draws charts: `python -m app.charts.worker FORMAT LEVEL`, which are those of the log on stderr.
Requests arrive on stdin, pictures leave on stdout.

A message is four bytes of length, big-endian, and the body. The process exits at the end of its input.
"""

import logging
import os
import sys
from typing import cast

import msgspec

from app.charts.data import Chart, ChartStyle
from app.serving.logs import Format, configure_worker

LENGTH_BYTES = 4
NICENESS = 10
"""Requests for numbers take precedence over requests for pictures."""

logger = logging.getLogger("app.charts.worker")  # not __name__, which is __main__


class RenderRequest(msgspec.Struct, frozen=True):
    """The body of a request, as MessagePack."""

    chart: Chart
    style: ChartStyle


def frame(body: bytes) -> bytes:
    """The message with this body."""
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def main() -> None:
    """Answer requests until the end of input. A failure is logged and ends the process."""
    form, level = sys.argv[1:]
    configure_worker(cast(Format, form), level)
    try:
        _draw_all()
    except Exception:
        logger.exception("a chart worker failed")
        sys.exit(1)


def _draw_all() -> None:
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    # matplotlib is imported here and in no other process.
    from app.charts.draw import draw  # noqa: PLC0415

    # Libraries may print; stdout is for pictures alone.
    pictures, sys.stdout = sys.stdout.buffer, sys.stderr
    decoder = msgspec.msgpack.Decoder(RenderRequest)
    while length := sys.stdin.buffer.read(LENGTH_BYTES):
        request = decoder.decode(sys.stdin.buffer.read(int.from_bytes(length, "big")))
        pictures.write(frame(draw(request.chart, request.style)))
        pictures.flush()


if __name__ == "__main__":
    main()
