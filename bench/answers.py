"""One package's python_minor, cold: over HTTP from a server in a process of its own, and by the same SQL through bare
clickhouse-connect. Neither has been asked for that package before.
"""

import http.client
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.processes import run
from bench.serving import get, serving

WARM_UP = 20
"""Packages that each side is asked for first and that do not count: what a process does only once is not an answer."""


def measure(data: Path, packages: int, sample: int, rounds: int) -> dict[str, Any]:
    """Seconds of every answer of either side. Rounds alternate: an engine's folder is open in one process at a time.

    Both sides of a round ask for the same packages; no round asks for those of another.
    """
    rng = random.Random(2)
    numbers = rng.sample(range(packages), min(packages, rounds * (sample + WARM_UP)))
    size = len(numbers) // rounds
    if size < WARM_UP + 2:
        raise ValueError(f"{packages} packages are too few for {rounds} rounds: more rows, or fewer rounds")
    found: dict[str, Any] = {"http": [], "sql": [], "rows": []}
    for number in range(rounds):
        asked = numbers[number * size : (number + 1) * size]
        # The second finds the files in the kernel's cache: this order alternates too.
        for side in ("http", "sql") if number % 2 == 0 else ("sql", "http"):
            if side == "http":
                found["http"].append(_over_http(data, asked))
            else:
                answers = run("series", data=str(data), packages=asked)
                found["sql"].append(answers["seconds"][WARM_UP:])
                found["rows"] += answers["rows"][WARM_UP:]
    return found


def _over_http(data: Path, packages: Sequence[int]) -> list[float]:
    with serving(data) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            return [_get(connection, f"/api/packages/package-{number:06}/python_minor") for number in packages][
                WARM_UP:
            ]
        finally:
            connection.close()


def _get(connection: http.client.HTTPConnection, path: str) -> float:
    seconds, body = get(connection, path)
    if not json.loads(body)["data"]:
        raise RuntimeError(f"{path}: no data")
    return seconds
