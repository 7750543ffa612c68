"""`python -m bench.soak`: minutes of mixed load on a server of its own, and what that holds before and after.

The attacks of `bench.abuse` are part of it. Everything happens in a temporary folder and on the loopback interface.
"""

import argparse
import http.client
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from statistics import median

import msgspec
import psutil

from bench.abuse import ATTACKS
from bench.processes import run
from bench.report import FIGURES, Row, show, write_markdown
from bench.rollup import DAYS, LAST_DAY, name_of
from bench.serving import started

CLIENTS = 8
HOSTILE_CLIENTS = 2
SETTLE_SECONDS = 30.0
NOWHERE = "http://127.0.0.1:9"
"""An address that does not answer: discovery sends no request to a real service."""
CACHE_BYTES = 8 << 20
"""Little, so that what is kept of answers is full early: from then on nothing may grow."""
MEMORY_SLACK = 32 << 20
MEMORY_GOAL = 900_000_000
"""Of the server with its workers: the container has 1 GB."""
FILE_SLACK = 48
"""ClickHouse keeps files of parts open for a while, and those of its own logs, which it has just begun."""

SERIES = ("overall", "python_major", "python_minor", "system", "installer", "version", "country", "file_type")
CODINGS = ("identity", "gzip", "br", "zstd")
WRONG = (
    "/api/packages/there-is-none/recent",
    "/api/packages/-/recent",
    "/api/packages/package-000000/recent?period=year",
    "/nowhere",
    "/api/top?limit=0",
)
OTHERS = ("/health", "/health?deep=1", "/openapi.yaml", "/api/top", "/api/search?q=pack", "/api/packages")
NOISE = (
    b"\x16\x03\x01\x00\xc8\x01",
    b"GET /api/packages/x HTTP/1.1\r\nHost",
    b"",
    b"GET / HTTP/9.9\r\n\r\n",
    b"\0" * 100,
)


class Held(msgspec.Struct, frozen=True):
    """What a process has of the machine; memory in bytes, `memory_of_all` with that of its workers."""

    memory: int
    memory_of_all: int
    files: int
    connections: int
    threads: int


class Soaked(msgspec.Struct):
    """What came of it. `broken` counts the exchanges that ended without an answer."""

    statuses: Counter[int]
    broken: list[str]
    before: Held
    samples: list[Held]
    after: Held

    @property
    def failures(self) -> int:
        """Answers that say that it was the server's fault; discovery's 503 without a token is not."""
        return sum(count for status, count in self.statuses.items() if status >= 500)

    @property
    def growth(self) -> int:
        """Bytes by which the last quarter's memory is over the first's."""
        quarter = max(1, len(self.samples) // 4)
        first, last = self.samples[:quarter], self.samples[-quarter:]
        return int(median(held.memory for held in last) - median(held.memory for held in first))


class _Client(threading.Thread):
    """Asks one thing after the other, well-behaved or not, on connections that it changes now and then."""

    def __init__(self, port: int, seed: int, packages: int, ending: threading.Event) -> None:
        super().__init__(name=f"client {seed}", daemon=True)
        self._port, self._packages, self._ending = port, packages, ending
        self._random = random.Random(seed)
        self._etags: dict[str, str] = {}
        self.statuses: Counter[int] = Counter()
        self.broken: list[str] = []

    def run(self) -> None:
        while not self._ending.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            try:
                for _ in range(self._random.randint(1, 100)):
                    if not self._ending.is_set():
                        self._ask(connection)
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(repr(error))
            finally:
                connection.close()
            self._misbehave()

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        path = self._path()
        headers = {"Accept-Encoding": self._random.choice(CODINGS)}
        if path in self._etags and self._random.random() < 0.5:
            headers["If-None-Match"] = self._etags[path]
        connection.request(
            self._random.choices(["GET", "HEAD", "OPTIONS", "POST"], [90, 6, 3, 1])[0], path, headers=headers
        )
        answer = connection.getresponse()
        answer.read()
        if not (path == "/api/packages" and answer.status == 503):
            self.statuses[answer.status] += 1
        if etag := answer.headers["ETag"]:
            self._etags[path] = etag

    def _path(self) -> str:
        rng = self._random
        package = f"/api/packages/{name_of(rng.randrange(self._packages))}"
        kind = rng.choices(["hot", "window", "wrong", "other"], [70, 18, 6, 6])[0]
        if kind == "hot":
            return f"{package}/{rng.choice((*SERIES, 'recent', 'summary'))}"
        if kind == "window":
            start = LAST_DAY - timedelta(days=rng.randrange(1, DAYS))
            granularity = rng.choice(("day", "week", "month"))
            format_ = rng.choice(("json", "csv"))
            return f"{package}/{rng.choice(SERIES)}?start_date={start}&granularity={granularity}&format={format_}"
        return rng.choice(WRONG if kind == "wrong" else OTHERS)

    def _misbehave(self) -> None:
        """What no answer is waited for: noise, half a request, one that is given up."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=5) as connection:
            given_up = f"GET {self._path()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            connection.sendall(self._random.choice([*NOISE, given_up]))


class _Hostile(threading.Thread):
    """Makes the attacks of `bench.abuse`, in any order, from an address of its own."""

    def __init__(self, port: int, seed: int, ending: threading.Event) -> None:
        super().__init__(name=f"hostile client {seed}", daemon=True)
        self._port, self._ending = port, ending
        self._random = random.Random(seed)

    def run(self) -> None:
        while not self._ending.is_set():
            attack = self._random.choice(list(ATTACKS.values()))
            with suppress(OSError, http.client.HTTPException):
                attack(self._port, self._random.randrange(1_000_000))


@contextmanager
def mixed_load(port: int, packages: int) -> Iterator[list[_Client]]:
    """Clients that ask while the block runs, beside hostile ones; after it all have ended, and the former know
    what they were answered."""
    ending = threading.Event()
    clients = [_Client(port, seed, packages, ending) for seed in range(CLIENTS)]
    threads = [*clients, *(_Hostile(port, seed, ending) for seed in range(HOSTILE_CLIENTS))]
    for thread in threads:
        thread.start()
    try:
        yield clients
    finally:
        ending.set()
        for thread in threads:
            thread.join()


def soak(seconds: float, rows: int) -> Soaked:
    """Load a server for that long, after a fifth of it that does not count."""
    with tempfile.TemporaryDirectory(prefix="pypistats-soak-") as folder:
        data = Path(folder) / "data"
        packages = run("rollup", data=str(data), rows=rows)["packages"]
        settings = {
            "PYPI_API_URL": NOWHERE,
            "GITHUB_TOKEN": "",
            "LOCAL_INDEX_CACHE_DIR": f"{folder}/index",
            "CACHE_MAX_BYTES": str(CACHE_BYTES),
        }
        with started(data, settings) as (port, process):
            server = psutil.Process(process.pid)
            with mixed_load(port, packages):
                time.sleep(seconds / 5)
            before = settled(server)
            samples = []
            with mixed_load(port, packages) as clients:
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    time.sleep(min(1.0, seconds / 20))
                    samples.append(held(server))
            after = settled(server)
        statuses = sum((client.statuses for client in clients), Counter[int]())
        return Soaked(statuses, [error for client in clients for error in client.broken], before, samples, after)


def held(process: psutil.Process) -> Held:
    with process.oneshot():
        connections = len(process.net_connections(kind="inet"))
        memory = process.memory_info().rss
        return Held(memory, memory + _memory_of_workers(process), process.num_fds(), connections, process.num_threads())


def _memory_of_workers(process: psutil.Process) -> int:
    memory = 0
    for worker in process.children():
        with suppress(psutil.NoSuchProcess):
            memory += worker.memory_info().rss
    return memory


def settled(process: psutil.Process) -> Held:
    """Its connections once no client is connected: the socket that it listens on is one."""
    until = time.monotonic() + SETTLE_SECONDS
    while (now := held(process)).connections > 1 and time.monotonic() < until:
        time.sleep(0.2)
    return now


def findings(soaked: Soaked, seconds: float) -> Sequence[Row]:
    before, after = soaked.before, soaked.after
    statuses = ", ".join(f"{count:,} of {status}" for status, count in sorted(soaked.statuses.items()))
    mib = 1 << 20
    return [
        Row(f"soak of {seconds:.0f} s: answers", statuses, "none of 500 or more", not soaked.failures),
        Row("soak: exchanges without an answer", f"{len(soaked.broken)}", "none", not soaked.broken),
        Row(
            "soak: memory",
            f"{soaked.growth / mib:+.0f} MiB from the first quarter to the last, of {after.memory / mib:.0f} MiB",
            f"at most {MEMORY_SLACK // mib} MiB",
            soaked.growth <= MEMORY_SLACK,
        ),
        Row(
            "soak: memory of the server and its workers, at most",
            f"{max(held.memory_of_all for held in soaked.samples) / 1e6:.0f} MB",
            f"at most {MEMORY_GOAL / 1e6:.0f} MB",
            max(held.memory_of_all for held in soaked.samples) <= MEMORY_GOAL,
        ),
        Row(
            "soak: open files, before and after",
            f"{before.files}, {after.files}",
            f"at most {FILE_SLACK} more",
            after.files <= before.files + FILE_SLACK,
        ),
        Row(
            "soak: connections, before, at most, after",
            f"{before.connections}, {max(held.connections for held in soaked.samples)}, {after.connections}",
            "no more after than before",
            after.connections <= before.connections,
        ),
        Row("soak: threads, before and after", f"{before.threads}, {after.threads}"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="Minutes of mixed load on a server.")
    parser.add_argument("--seconds", type=float, default=600, help="how long (%(default)s)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the table asked (%(default)s)")
    parser.add_argument("--markdown", action="store_true", help="write the rows into bench/README.md as well")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    soaked = soak(options.seconds, options.rows)
    rows = findings(soaked, options.seconds)
    show(f"pypistats-server under {CLIENTS} clients and {HOSTILE_CLIENTS} hostile ones, {os.cpu_count()} cores", rows)
    if options.markdown:
        write_markdown(FIGURES, rows, "soak")
    for error, count in Counter(soaked.broken).most_common(5):
        print(f"{count} of {error}")
    sys.exit(not all(row.met for row in rows))


if __name__ == "__main__":
    main()
