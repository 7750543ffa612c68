"""The process that draws charts: `python -m app.charts.worker`. Requests arrive on stdin, pictures leave on stdout.

A message is four bytes of length, big-endian, and the body. The process exits at the end of its input.
"""

import os
import sys

import msgspec

from app.charts.data import Chart, ChartStyle

LENGTH_BYTES = 4
NICENESS = 10
"""Requests for numbers take precedence over requests for pictures."""


class RenderRequest(msgspec.Struct, frozen=True):
    """The body of a request, as MessagePack."""

    chart: Chart
    style: ChartStyle


def frame(body: bytes) -> bytes:
    """The message with this body."""
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def main() -> None:
    """Answer requests until the end of input."""
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
