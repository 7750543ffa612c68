"""Clients in threads that ask a server without a pause, each on one connection, and note every answer."""

import http.client
import itertools
import select
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec


class Load(msgspec.Struct):
    """What became of the requests. `lost` says how those ended that were sent on an open connection for nothing."""

    statuses: Counter[int] = msgspec.field(default_factory=Counter)
    bodies: dict[str, set[bytes]] = msgspec.field(default_factory=dict)
    lost: list[str] = msgspec.field(default_factory=list)
    refused: int = 0

    @property
    def answers(self) -> int:
        return self.statuses.total()


class _Client(threading.Thread):
    """Asks for the paths in turn. A connection that the server closes is opened anew, or is the end."""

    def __init__(
        self,
        port: int,
        paths: Sequence[str],
        ending: threading.Event,
        load: Load,
        lock: threading.Lock,
        reconnecting: bool,
    ) -> None:
        super().__init__(name="client", daemon=True)
        self._reconnecting = reconnecting
        self._was_connected = False
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.auto_open = 0
        self._paths, self._ending, self._load, self._lock = paths, ending, load, lock

    def run(self) -> None:
        for path in itertools.cycle(self._paths):
            if self._ending.is_set() or not self._connected():
                break
            self._ask(path)
        self._connection.close()

    def _connected(self) -> bool:
        """Whether there is a connection. As any client does, look whether the server has closed it."""
        if self._connection.sock is not None and select.select([self._connection.sock], [], [], 0)[0]:
            self._connection.close()
        if self._was_connected and not self._reconnecting:
            return self._connection.sock is not None
        while self._connection.sock is None and not self._ending.is_set():
            try:
                self._connection.connect()
                self._was_connected = True
            except OSError:
                with self._lock:
                    self._load.refused += 1
                self._ending.wait(0.02)
        return self._connection.sock is not None

    def _ask(self, path: str) -> None:
        try:
            self._connection.request("GET", path)
            answer = self._connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            with self._lock:
                self._load.lost.append(f"{path}: {error!r}")
            return
        with self._lock:
            self._load.statuses[answer.status] += 1
            self._load.bodies.setdefault(path, set()).add(body)


@contextmanager
def asked(port: int, paths: Sequence[str], clients: int = 8, *, reconnecting: bool = True) -> Iterator[Load]:
    """Ask for the paths, by so many clients at once, while the block runs; after it, all have ended.

    With `reconnecting` false, a client ends when the server closes its connection.
    """
    load, ending, lock = Load(), threading.Event(), threading.Lock()
    threads = [_Client(port, [*paths[n:], *paths[:n]], ending, load, lock, reconnecting) for n in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        ending.set()
        for thread in threads:
            thread.join()


def wait_until(reached: Callable[[], object], seconds: float = 120, what: str = "it") -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.01)
