"""What is in a worker process: it answers the messages on stdin on stdout, until its input ends.

A message is four bytes of length, big-endian, and the body.
"""

import logging
import os
import sys
from collections.abc import Callable
from typing import cast

from app.serving.logs import Format, configure_worker

LENGTH_BYTES = 4
NICENESS = 10
"""Requests for numbers take precedence over what workers do."""

Answer = Callable[[bytes], bytes]


def frame(body: bytes) -> bytes:
    """The message with this body."""
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def main(name: str, answers: Callable[[], Answer]) -> None:
    """Answer messages with what `answers` returns, which imports what that needs.

    Format and level of the log on stderr are the program's arguments. A failure is logged and ends the process.
    """
    form, level = sys.argv[1:]
    configure_worker(cast(Format, form), level)
    try:
        _answer_all(answers)
    except Exception:
        # Not __name__: the log of a program that is `app` shows these lines.
        logging.getLogger("app.serving.worker").exception("a %s worker failed", name)
        sys.exit(1)


def _answer_all(answers: Callable[[], Answer]) -> None:
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    answer = answers()
    # Libraries may print; stdout is for answers alone.
    output, sys.stdout = sys.stdout.buffer, sys.stderr
    while length := sys.stdin.buffer.read(LENGTH_BYTES):
        output.write(frame(answer(sys.stdin.buffer.read(int.from_bytes(length, "big")))))
        output.flush()
