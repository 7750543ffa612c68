"""A server over HTTP whose ClickHouse breaks under load and is mended again: what its clients are answered meanwhile.

The clients ask without end, each one thing after the other: some what has been answered before, some always something
new. tests/test_outage.py judges what they got, bench/outages.py says it in figures.
"""

import http.client
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, NamedTuple

from tests.support.facade import Facade

FAULTS: Mapping[str, Mapping[str, Any]] = {
    "refuses connections": {"kind": "refuse"},
    "resets connections": {"kind": "reset"},
    "hangs": {"kind": "swallow"},
    "answers 500, out of memory": {"kind": "error", "code": 241, "status": 500},
    "answers 502, without a code": {"kind": "error", "code": 0, "status": 502},
    "breaks off half-way": {"kind": "cut"},
    "sends a byte a second": {"kind": "drip", "seconds": 1.0},
}
"""The faults of ClickHouse that tests/support/clickhouse_http.py can produce."""

KNOWN = [f"/api/packages/numpy/{series}" for series in ("overall", "python_minor", "system", "recent")]
CLIENTS = 4
"""Of each kind."""
PAUSE_SECONDS = 0.01
LONGEST_SECONDS = 60
"""The limit of a wait for a response, or for a recovery."""
AFTER_SECONDS = 1.0
"""How long is looked on after it has recovered."""

_numbers = itertools.count()


class Exchange(NamedTuple):
    """A question, and what came of it; times are of the monotonic clock. Without an answer the status is 0."""

    is_known: bool
    path: str
    began: float
    ended: float
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_stale(self) -> bool:
        return "stale-if-error" in self.headers.get("cache-control", "")


class Outage(NamedTuple):
    """What happened; times are of the monotonic clock."""

    before: Mapping[str, bytes]
    """The bodies of what was known."""
    exchanges: list[Exchange]
    broken_at: float
    mended_at: float
    recovered_at: float
    """From when on nothing was stale, and new questions were answered."""
    asked: int
    """Requests that ClickHouse got in the last seconds before it was mended."""
    counted: float
    """So many seconds."""

    @property
    def stale(self) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if exchange.is_stale]

    @property
    def unavailable(self) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if exchange.status == 503]

    @property
    def recovery(self) -> float:
        """Seconds."""
        return self.recovered_at - self.mended_at

    @property
    def longest(self) -> float:
        """Seconds that a client has waited."""
        return max(exchange.ended - exchange.began for exchange in self.exchanges)


def outage(port: int, facade: Facade, fault: Mapping[str, Any], seconds: float) -> Outage:
    """Break it under load; once stale answers are sent, wait so long; mend it, and wait until all is well."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_SECONDS)) as connection:
        before = {path: _ask(connection, True, path).body for path in KNOWN}
    exchanges: list[Exchange] = []
    ending = threading.Event()
    clients = [
        threading.Thread(target=_keep_asking, args=(port, is_known, ending, exchanges), daemon=True)
        for is_known in (True, False)
        for _ in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    try:
        time.sleep(AFTER_SECONDS)
        broken_at = time.monotonic()
        facade.set_fault(**fault)
        _wait_until(lambda: exchanges[-1].is_stale)
        facade.counts()
        counting_from = time.monotonic()
        time.sleep(seconds)
        asked = facade.counts()["asked"]
        mended_at = time.monotonic()
        facade.set_fault("none")
        _wait_until(lambda: _recovered_at(exchanges, mended_at))
        recovered_at = _recovered_at(exchanges, mended_at)
        assert recovered_at
        time.sleep(AFTER_SECONDS)
    finally:
        facade.set_fault("none")
        ending.set()
        for client in clients:
            client.join(LONGEST_SECONDS)
    return Outage(before, exchanges, broken_at, mended_at, recovered_at, asked, mended_at - counting_from)


def _keep_asking(port: int, is_known: bool, ending: threading.Event, exchanges: list[Exchange]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_SECONDS)
    paths = itertools.cycle(KNOWN) if is_known else (f"/api/packages/new-{n}/overall" for n in _numbers)
    for path in paths:
        if ending.is_set():
            break
        exchanges.append(_ask(connection, is_known, path))
        time.sleep(PAUSE_SECONDS)
    connection.close()


def _ask(connection: http.client.HTTPConnection, is_known: bool, path: str) -> Exchange:
    began = time.monotonic()
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        status, headers, body = answer.status, dict(answer.headers), answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        status, headers, body = 0, {}, repr(error).encode()
    headers = {name.lower(): value for name, value in headers.items()}
    return Exchange(is_known, path, began, time.monotonic(), status, headers, body)


def _recovered_at(exchanges: list[Exchange], mended_at: float) -> float | None:
    """When first, after it was mended, something new was answered and what is known was not stale."""
    after = [exchange for exchange in exchanges[-1_000:] if exchange.began > mended_at]
    known = next((exchange.ended for exchange in after if exchange.is_known and not exchange.is_stale), None)
    new = next((exchange.ended for exchange in after if not exchange.is_known and exchange.status != 503), None)
    return max(known, new) if known and new else None


def _wait_until(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not reached():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
