"""`python -m bench.faults`: how long it takes to come back after a kill, and to end after SIGTERM; all under load.

And what 40 loads were at when they were killed at random moments, as tests/test_killed.py does it.
"""

import argparse
import http.client
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.processes import run
from bench.report import FIGURES, Row, show, write_markdown
from bench.rollup import name_of
from bench.serving import started
from bench.soak import NOWHERE, mixed_load

GRACE_SECONDS = 10
KILLED = re.compile(r"^\.?(first load|--replace|a server killed): seed (\d+), (.*)$", re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description="What faults cost.")
    parser.add_argument("--times", type=int, default=10, help="kills and ends of a server (%(default)s)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the table asked (%(default)s)")
    parser.add_argument("--seed", type=int, default=6, help="of the random moments (%(default)s)")
    parser.add_argument("--markdown", action="store_true", help="write the rows into bench/README.md as well")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rows = [*_servers(options.times, options.rows, options.seed), *_loads(options.seed)]
    show("pypistats-server", rows)
    if options.markdown:
        write_markdown(FIGURES, rows, "faults")


def _servers(times: int, rows: int, seed: int) -> Iterator[Row]:
    rng = random.Random(seed)
    came_back, ended = [], []
    with tempfile.TemporaryDirectory(prefix="pypistats-faults-") as folder:
        data = Path(folder) / "data"
        packages = run("rollup", data=str(data), rows=rows)["packages"]
        settings = {"PYPI_API_URL": NOWHERE, "GITHUB_TOKEN": "", "LOCAL_INDEX_CACHE_DIR": f"{folder}/index"}
        usual = _until_answered(data, settings)
        for number in range(2 * times):
            killed = number % 2 == 0
            with started(data, settings) as (port, process), mixed_load(port, packages):
                time.sleep(rng.uniform(0.5, 2))
                told = time.perf_counter()
                process.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
                process.wait(2 * GRACE_SECONDS)
                if not killed:
                    ended.append(time.perf_counter() - told)
            if killed:
                came_back.append(_until_answered(data, settings))
    yield Row(
        "a server killed under load: time from the next one's start to its first answer, of the usual",
        f"median {median(came_back) / usual:.2f} x, at most {max(came_back) / usual:.2f} x, of {times}",
        "nothing to repair",
    )
    yield Row(
        "SIGTERM under load: time to the end",
        f"median {median(ended):.1f} s, at most {max(ended):.1f} s, of {times}",
        f"within {GRACE_SECONDS} s",
        max(ended) <= GRACE_SECONDS,
    )


def _until_answered(data: Path, settings: dict[str, str]) -> float:
    began = time.perf_counter()
    with started(data, settings) as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", f"/api/packages/{name_of(0)}/recent")
        status = connection.getresponse().status
        seconds = time.perf_counter() - began
        connection.close()
    if status != 200:
        raise RuntimeError(f"the first answer is a {status}")
    return seconds


def _loads(seed: int) -> Iterator[Row]:
    command = [sys.executable, "-m", "pytest", "-q", "-s", "tests/test_killed.py"]
    done = subprocess.run(
        command, env={**os.environ, "FAULTS_SEED": str(seed)}, capture_output=True, text=True, check=False
    )
    for kind, _, found in KILLED.findall(done.stdout):
        yield Row(f"killed at random moments: {kind}", found, "old or new, never a part", not done.returncode)
    if done.returncode:
        print(done.stdout)


if __name__ == "__main__":
    main()
