"""`python -m bench.abuse`: what others are answered while one client does its worst, each way for some seconds.

The attacks come from 127.0.0.2, everybody else's questions from 127.0.0.1. Everything happens in a temporary folder.
"""

import argparse
import http.client
import itertools
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path

import psutil

from app.warehouse.engines.embedded import EmbeddedEngine
from app.warehouse.loading.migrations import prepare
from bench.report import FIGURES, Row, show, write_markdown
from bench.serving import started

RELEASES = 1_300
"""Releases of the package whose series are large: 470,000 rows in a year."""
DAYS = 365
PACKAGES = 2_000
ATTACKERS = 20
START_SECONDS = 1.5
"""For the attack to begin."""
SETTLE_SECONDS = 60.0
IDLE_PERCENT = 10.0
STRANGER, SOMEBODY = "127.0.0.2", "127.0.0.1"
CACHED_WITHIN = 3.0
"""Times the quiet server's p99."""
COLD_WITHIN_SECONDS = 1.0
MEMORY_GOAL = 900_000_000

DAY = "today() - 1 - number % {days}"
FILL = f"""
INSERT INTO downloads_daily (project, dimension, category, date, version, downloads)
SELECT {{project}}, '{{dimension}}', {{category}}, {DAY}, 65536 + toUInt16({DAY}), 100 + number % 997
FROM numbers({{categories}} * {{days}})
"""

Attack = Callable[[int, int], None]
"""Sends one request, by the port and a number that no other request of the attack has."""


def fetch(port: int, path: str, headers: Mapping[str, str] = {}, address: str = STRANGER) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(address, 0))
    try:
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def send(port: int, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(STRANGER, 0)) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


CHUNKED = b"GET /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"

ATTACKS: dict[str, Attack] = {
    "series of 470,000 rows, as JSON": lambda port, n: _large(port, n, "json"),
    "series of 470,000 rows, as CSV": lambda port, n: _large(port, n, "csv"),
    "rankings with ever other offsets": lambda port, n: _fetched(port, f"/api/top?offset={n}"),
    "searches for ever other names": lambda port, n: _fetched(port, f"/api/search?q=p{n:x}"),
    "charts of ever other widths": lambda port, n: _fetched(
        port, f"/api/packages/p-{n % PACKAGES}/chart/overall?width={400 + n % 1000}"
    ),
    "made-up packages": lambda port, n: _fetched(port, f"/api/packages/made-up-{n}"),
    "health checks": lambda port, n: _fetched(port, "/health?deep=1"),
    "trailers without an end": lambda port, n: send(port, CHUNKED + b"X: " + b"x" * 8_000_000),
    "many trailers": lambda port, n: send(port, CHUNKED + b"X: 1\r\n" * 1_000_000),
}


def _fetched(port: int, path: str) -> None:
    fetch(port, path)


def _large(port: int, number: int, form: str) -> None:
    first = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400 * (DAYS - number % 300)))
    fetch(port, f"/api/packages/large/version?start_date={first}&format={form}")


@contextmanager
def attacked(port: int, name: str) -> Iterator[None]:
    """A client that sends requests all the time, so many at once, from a process of its own."""
    process = get_context("spawn").Process(target=_attack, args=(port, name), daemon=True)
    process.start()
    time.sleep(START_SECONDS)
    try:
        yield
    finally:
        process.kill()
        process.join()


def _attack(port: int, name: str) -> None:
    numbers = itertools.count()

    def run() -> None:
        while True:
            with suppress(OSError, http.client.HTTPException):
                ATTACKS[name](port, next(numbers))

    for _ in range(ATTACKERS - 1):
        threading.Thread(target=run, daemon=True).start()
    run()


def settle(process: psutil.Process) -> None:
    """Wait until a process is idle: also what no client waits for any more is done."""
    until = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < until and process.cpu_percent(interval=0.5) > IDLE_PERCENT:
        pass


def p99(times: list[float]) -> float:
    """The largest but one in a hundred."""
    return sorted(times)[int(len(times) * 0.99)] if times else float("inf")


def waits(port: int, seconds: float, cold: Iterator[int]) -> tuple[float, float]:
    """The p99 in seconds of a cached response, and of ones that are not cached."""
    cached, uncached, until = [], [], time.monotonic() + seconds
    while time.monotonic() < until:
        number = next(cold)
        package, first = 1 + number % (PACKAGES - 1), f"2000-01-{1 + number % 28:02}"
        for times, path in (
            (cached, "/api/packages/p-0/recent"),
            (uncached, f"/api/packages/p-{package}/overall?start_date={first}"),
        ):
            began = time.perf_counter()
            if fetch(port, path, address=SOMEBODY) == 200:
                times.append(time.perf_counter() - began)
            else:
                times.append(float("inf"))
    return p99(cached), p99(uncached)


def measure(folder: Path, seconds: float) -> Iterator[Row]:
    """The rows."""
    fill(folder / "data")
    cold = itertools.count()
    settings = {"PYPI_API_URL": "http://127.0.0.1:9", "LOCAL_INDEX_CACHE_DIR": str(folder / "index")}
    with started(folder / "data", settings) as (port, process):
        memory = psutil.Process(process.pid)
        waits(port, 1, cold)
        quiet, quiet_cold = waits(port, seconds, cold)
        yield Row(
            "no attack: p99 of a cached response, of one that is not",
            f"{_ms(quiet)}, {_ms(quiet_cold)}",
            of_this_machine=True,
        )
        most = 0
        for name in ATTACKS:
            with attacked(port, name):
                cached, uncached = waits(port, seconds, cold)
                most = max(most, memory.memory_info().rss)
            settle(memory)
            yield Row(
                f"{name}: p99 of a cached response, of the quiet server's; of one that is not cached",
                f"{cached / quiet:.1f} x; {_ms(uncached)}",
                f"at most {CACHED_WITHIN:g} x; {COLD_WITHIN_SECONDS:g} s",
                cached <= CACHED_WITHIN * quiet and uncached <= COLD_WITHIN_SECONDS,
            )
        yield Row(
            "resident memory under all of it, most",
            f"{most / 1e6:.0f} MB",
            f"at most {MEMORY_GOAL / 1e6:.0f} MB",
            most <= MEMORY_GOAL,
        )


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms"


def fill(folder: Path) -> None:
    """A store of one load: a package with thousands of releases, and many with few rows."""
    engine = EmbeddedEngine(folder, "pypi")
    with engine.client() as client:
        prepare(client)
        large = {
            "project": "'large'",
            "dimension": "version",
            "category": f"concat('1.', toString(intDiv(number, {DAYS})))",
        }
        client.command(FILL.format(**large, categories=RELEASES, days=DAYS))
        small = {"project": f"concat('p-', toString(intDiv(number, {DAYS})))", "dimension": "overall"}
        for category in ("with_mirrors", "without_mirrors"):
            client.command(FILL.format(**small, category=f"'{category}'", categories=PACKAGES, days=DAYS))
        client.command(
            "INSERT INTO overall_daily (date, project, category, version, downloads) "
            "SELECT date, project, category, version, downloads FROM downloads_daily WHERE dimension = 'overall'"
        )
        client.command(
            "INSERT INTO loads (load, date, state, source) "
            f"SELECT 1, {DAY.format(days=DAYS)}, 'published', 'bench' FROM numbers({DAYS})"
        )
    engine.close()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.abuse", description="What one client costs all others.")
    parser.add_argument("--seconds", type=float, default=10, help="of each attack (%(default)s)")
    parser.add_argument("--markdown", action="store_true", help="write the rows into bench/README.md as well")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="pypistats-abuse-") as folder:
        rows = list(measure(Path(folder), options.seconds))
    show("pypistats-server", rows)
    if options.markdown:
        write_markdown(FIGURES, rows, "abuse")


if __name__ == "__main__":
    main()
