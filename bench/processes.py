"""Workers as subprocesses, with the memory that each has taken at most."""

import json
import os
import subprocess
import sys
from typing import Any


class WorkerError(Exception):
    """A worker failed; what it wrote is on the terminal."""


def run(worker: str, **arguments: Any) -> dict[str, Any]:
    """A worker's findings, with `max_rss`, in bytes, as the kernel has counted it."""
    command = [sys.executable, "-m", "bench.workers", worker, json.dumps(arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            output = process.stdout.read() if process.stdout else b""
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise WorkerError(f"{worker} failed, exit status {process.returncode}")
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return {**json.loads(output), "max_rss": usage.ru_maxrss * unit, "cpu": usage.ru_utime + usage.ru_stime}
