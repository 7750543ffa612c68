"""How long a chart takes, and what others notice of it: `recent` while no chart is drawn, and while 20 are."""

import http.client
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.processes import run
from bench.serving import get, serving

AT_ONCE = 20
SECONDS = 6.0
PAUSE = 0.002
"""Between two questions: a client in a closed loop would keep a core busy by itself."""


def measure(data: Path) -> dict[str, Any]:
    """Seconds of every chart drawn alone, by format; seconds of every `recent`, without charts and beside them."""
    with serving(data) as port:
        alone = {kind: _drawn_alone(port, kind) for kind in ("png", "svg")}
        # In turns, so that whatever else the machine does falls on both.
        quiet, busy, drawn = [], [], 0
        for _ in range(2):
            quiet += _recent(port)
            found: list[dict[str, Any]] = []
            load = threading.Thread(target=lambda found=found: found.append(run("chart_load", port=port)))
            load.start()
            time.sleep(1)
            busy += _recent(port)
            load.join()
            drawn += found[0]["drawn"]
    return {"alone": alone, "quiet": quiet, "busy": busy, "drawn": drawn}


def _drawn_alone(port: int, kind: str) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    path = f"/api/packages/package-000001/chart/python_minor?nocache=1&format={kind}"
    get(connection, path)  # starts the worker
    return [get(connection, path)[0] for _ in range(20)]


def _recent(port: int) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    seconds = []
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        seconds.append(get(connection, f"/api/packages/package-{len(seconds) % 50:06}/recent")[0])
        time.sleep(PAUSE)
    return seconds


def keep_drawing(port: int) -> int:
    """Ask for 20 charts at once, again and again, for a little longer than `recent` is measured; how many came."""
    until = time.monotonic() + SECONDS + 1.5

    def ask(number: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        drawn = 0
        while time.monotonic() < until:
            get(connection, f"/api/packages/package-{number:06}/chart/python_minor?nocache=1")
            drawn += 1
        return drawn

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return sum(threads.map(ask, range(AT_ONCE)))


def percentile(seconds: Sequence[float], part: float) -> float:
    """The time within which a part of the answers came."""
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * part))]
