"""Where the command begins: SIGTERM is handled before all else is imported, which takes a second.

Process 1 of a container gets no signal that it does not handle, and is killed some seconds later.
"""

import signal
import sys
from collections.abc import Sequence
from types import FrameType


def main(arguments: Sequence[str] | None = None) -> None:
    """The command `pypistats-server`, with arguments or those of the process. SIGTERM interrupts it as Ctrl-C does."""
    try:
        # Inside the block: the signal may come before the next line.
        signal.signal(signal.SIGTERM, _interrupt)
        from app.cli.commands import main as run  # noqa: PLC0415

        run(arguments)
    except KeyboardInterrupt:
        sys.exit("Aborted!")


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
