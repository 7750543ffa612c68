"""A new day shows in servers that run, in every worker of them, without a restart and without a pause."""

import http.client
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.facade import Facade
from tests.support.fixtures import Backend
from tests.support.load import wait_until
from tests.support.server import Served, run, started, variables

PACKAGES = [f"package-{number}" for number in range(20)]
PATHS = [f"/api/packages/{package}/overall" for package in PACKAGES]
SHOWS_WITHIN_SECONDS = 60
MOST_AT_ONCE = 7
"""Two answers are made anew by each of two workers, which look at what is published as well; and an `ingest`."""


class Seen(NamedTuple):
    """An answer; `ended` is of the monotonic clock."""

    status: int
    body: bytes
    ended: float


class Reader(threading.Thread):
    """Asks one worker for all paths, again and again, on the connection that it has accepted."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        super().__init__(daemon=True)
        self._connection = connection
        self._ending = threading.Event()
        self.seen: dict[str, list[Seen]] = {path: [] for path in PATHS}
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            for path in itertools.cycle(PATHS):
                if self._ending.wait(0.005):
                    return
                status, body = ask(self._connection, path)
                self.seen[path].append(Seen(status, body, time.monotonic()))
        except (OSError, http.client.HTTPException) as error:
            self.failure = error

    def end(self) -> None:
        self._ending.set()
        self.join()

    def has(self, days: int) -> bool:
        """Whether the last answer to every path has so many days."""
        return self.failure is not None or all(
            seen and seen[-1].body.count(b'"with_mirrors"') == days for seen in self.seen.values()
        )


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


@contextmanager
def connections(server: Served, processes: int) -> Iterator[Mapping[int, http.client.HTTPConnection]]:
    """A connection to each process that serves, by its number: which of them accepts one is chance."""
    found: dict[int, http.client.HTTPConnection] = {}
    parent = psutil.Process(server.process.pid)
    with ExitStack() as stack:
        for _ in range(200):
            connection = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)))
            ask(connection, "/health")
            port = connection.sock.getsockname()[1]
            for process in (parent, *parent.children()):
                if any(accepted.raddr and accepted.raddr.port == port for accepted in process.net_connections("tcp")):
                    found.setdefault(process.pid, connection)
            if len(found) == processes:
                break
        assert len(found) == processes
        yield found


def read_through(server: Served, processes: int, publish: Callable[[], object]) -> list[Reader]:
    """Read all paths from each process while a second day is published; until all have it, and a moment longer."""
    with connections(server, processes) as to:
        readers = [Reader(connection) for connection in to.values()]
        for reader in readers:
            reader.start()
        try:
            wait_until(lambda: all(reader.has(1) for reader in readers), what="the first day")
            publish()
            wait_until(lambda: all(reader.has(2) for reader in readers), SHOWS_WITHIN_SECONDS, "the new day")
            time.sleep(0.5)
        finally:
            for reader in readers:
                reader.end()
    return readers


def assert_old_then_new(readers: list[Reader]) -> None:
    """Each answer is the old one or the new one, and after a new one no old one comes; no request has waited."""
    for reader in readers:
        assert reader.failure is None
        for seen in reader.seen.values():
            assert {answer.status for answer in seen} == {200}
            assert len([body for body, _ in itertools.groupby(answer.body for answer in seen)]) == 2


def events_of(day: str) -> list[dict[str, object]]:
    return [event(f"{day} 12:00:00 UTC", package) for package in PACKAGES]


def test_by_watching(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "one.jsonl", events_of("2026-03-10"))
    write_jsonl(tmp_path / "two.jsonl", events_of("2026-03-11"))
    loaded = run("ingest", "one.jsonl", cwd=tmp_path, CLICKHOUSE_URL="chdb://data")
    assert loaded.returncode == 0, loaded.stderr
    with started("--watch", "drop", cwd=tmp_path, CLICKHOUSE_URL="chdb://data", WATCH_QUIET_SECONDS="1") as server:
        wait_until((tmp_path / "drop" / "done").is_dir)
        readers = read_through(server, 1, lambda: (tmp_path / "two.jsonl").rename(tmp_path / "drop" / "two.jsonl"))

    assert_old_then_new(readers)


@pytest.mark.only_backend(Backend.HTTP)
def test_in_every_worker(dataset: Dataset, facade: Facade, tmp_path: Path) -> None:
    dataset.load(events_of("2026-03-10"))
    write_jsonl(tmp_path / "two.jsonl", events_of("2026-03-11"))

    def publish() -> None:
        facade.counts()
        loaded = run("ingest", "two.jsonl", cwd=tmp_path, **variables(dataset, "ingest"))
        assert loaded.returncode == 0, loaded.stderr

    with started("--workers", "2", cwd=tmp_path, **variables(dataset)) as server:
        readers = read_through(server, 2, publish)
        most_at_once = facade.counts()["most_at_once"]

    assert_old_then_new(readers)
    assert most_at_once <= MOST_AT_ONCE
