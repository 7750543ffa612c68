"""A process that draws: `python -m app.charts.worker`. Requests come in by its standard input, pictures go out.

Either way a message is four bytes with its length, then itself. The process ends when its input does.
"""

import os
import sys

import msgspec

from app.charts.data import Chart, ChartStyle

LENGTH_BYTES = 4
NICENESS = 10
"""Whoever waits for numbers goes before whoever waits for a picture."""


class RenderRequest(msgspec.Struct, frozen=True):
    """What a worker is asked for."""

    chart: Chart
    look: ChartStyle


def framed(message: bytes) -> bytes:
    """A message with its length."""
    return len(message).to_bytes(LENGTH_BYTES, "big") + message


def main() -> None:
    """Draw until the input ends."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    # matplotlib is imported here and in no other process.
    from app.charts.draw import draw  # noqa: PLC0415

    # What a library prints must not get between the pictures.
    out, sys.stdout = sys.stdout.buffer, sys.stderr
    orders = msgspec.msgpack.Decoder(RenderRequest)
    while length := sys.stdin.buffer.read(LENGTH_BYTES):
        order = orders.decode(sys.stdin.buffer.read(int.from_bytes(length, "big")))
        out.write(framed(draw(order.chart, order.look)))
        out.flush()


if __name__ == "__main__":
    main()
