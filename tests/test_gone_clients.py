"""What no client waits for any more is not computed; what another one waits for is."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from app.cache.middleware import MAX_COMPUTED_OF_CLIENT
from app.warehouse.engines.connection import Connection
from app.warehouse.reading.query_limiter import QueryLimits
from tests.support.client import at_address
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.faults import FaultyConnection, faulty
from tests.support.load import wait_until
from tests.support.raw_http import get, port_of, serving
from tests.test_fair_shares import RARE_POLLS, until

ONE_QUERY = QueryLimits(1, wait_seconds=600)
FLOOD = 20


@pytest.fixture
def loaded(dataset: Dataset) -> Dataset:
    dataset.load([event("2026-03-10 12:00:00 UTC", name) for name in ("numpy", "scipy")])
    return dataset


class Gate(FaultyConnection):
    """At which the questions of readers wait."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._before = 0

    def shut(self) -> None:
        self.gate.clear()
        self._before = self.questions

    @property
    def asked(self) -> int:
        """Questions since it was shut."""
        return self.questions - self._before


class Held:
    """A server whose queries wait at a gate."""

    def __init__(self, server: uvicorn.Server, clickhouse: Gate) -> None:
        self.port, self.clickhouse, self._server = port_of(server), clickhouse, server

    def ask(self, path: str) -> socket.socket:
        """Send a request; the server has read it when this returns."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        for _ in range(3):
            assert get(self.port, b"/health")[0] == 200
        return connection

    def wait_for_connections(self, number: int) -> None:
        """Wait until the server has so many left."""
        wait_until(lambda: len(self._server.server_state.connections) == number, what="the end of connections")

    def open(self) -> None:
        self._server.servers[0].get_loop().call_soon_threadsafe(self.clickhouse.gate.set)


@contextmanager
def held(dataset: Dataset) -> Iterator[Held]:
    made: list[Gate] = []

    def wrap(connection: Connection) -> Connection:
        made.append(Gate(connection))
        return made[-1]

    with serving(dataset.app(wrap_connection=wrap, timing=RARE_POLLS, query_limits=ONE_QUERY)) as server:
        made[0].shut()
        yield Held(server, made[0])


def status(connection: socket.socket) -> int:
    with connection:
        return int(b"".join(iter(lambda: connection.recv(65536), b""))[9:12])


def test_questions_in_the_queue_are_dropped(loaded: Dataset) -> None:
    with held(loaded) as server:
        first = server.ask("/api/search?q=first")
        wait_until(lambda: server.clickhouse.at_gate == 1)
        flood = [server.ask(f"/api/search?q=n{number}") for number in range(FLOOD)]
        for connection in flood:
            connection.close()
        server.wait_for_connections(1)
        server.open()
        recent = get(server.port, b"/api/packages/numpy/recent")

        assert (status(first), recent[0]) == (200, 200)
        assert server.clickhouse.asked == 2


def test_a_question_that_another_waits_for_is_answered(loaded: Dataset) -> None:
    with held(loaded) as server:
        first = server.ask("/api/search?q=first")
        wait_until(lambda: server.clickhouse.at_gate == 1)
        gone, patient = server.ask("/api/top"), server.ask("/api/top")
        gone.close()
        server.wait_for_connections(2)
        server.open()

        assert (status(first), status(patient)) == (200, 200)
        assert server.clickhouse.asked == 2


def test_a_query_that_runs_keeps_its_turn(loaded: Dataset) -> None:
    """ClickHouse goes on with it: were its turn another's, more than MAX_QUERIES would run."""
    with held(loaded) as server:
        for number in range(FLOOD):
            server.ask(f"/api/search?q=n{number}").close()
        server.wait_for_connections(0)
        again = server.ask("/api/search?q=n0")
        server.open()

        assert status(again) == 200
        assert server.clickhouse.most_at_once == 1
        assert server.clickhouse.asked <= 2


async def test_a_batch_is_read_for_those_who_still_wait(loaded: Dataset) -> None:
    async with faulty(loaded, timing=RARE_POLLS, query_limits=ONE_QUERY) as (client, clickhouse):
        clickhouse.gate.clear()
        blocking = asyncio.create_task(client.get("/api/search?q=first"))
        await until(lambda: clickhouse.at_gate == 1)
        async with at_address(client, "203.0.113.7") as other:
            leaving = asyncio.create_task(client.get("/api/packages/numpy/system"))
            await asyncio.sleep(0)
            staying = asyncio.create_task(other.get("/api/packages/numpy/installer"))
            for _ in range(20):
                await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
            clickhouse.gate.set()
            answers = await asyncio.gather(blocking, staying)

    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(("version", "interim"), [("1.1", True), ("1.0", False)])
def test_a_client_that_has_only_closed_its_side_is_answered(loaded: Dataset, version: str, interim: bool) -> None:
    """An end of file does not say whether anybody still reads. Interim responses tell, which HTTP/1.0 has not."""
    with held(loaded) as server, socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(f"GET /api/top HTTP/{version}\r\nHost: localhost\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        wait_until(lambda: server.clickhouse.at_gate == 1)
        first = connection.recv(65536) if interim else b""
        server.open()
        received = first + b"".join(iter(lambda: connection.recv(65536), b""))

    continued, last = received.split(b"HTTP/1.1 200 OK\r\n")
    assert set(continued.split(b"\r\n\r\n")) == ({b"HTTP/1.1 100 Continue", b""} if interim else {b""})
    assert last.endswith(b"}")


async def test_requests_of_one_client_do_not_begin_all_at_once(loaded: Dataset) -> None:
    """Each takes some milliseconds of the event loop: thousands that had begun kept cached responses for seconds."""
    async with faulty(loaded, timing=RARE_POLLS, query_limits=QueryLimits(500, wait_seconds=600)) as (
        client,
        clickhouse,
    ):
        clickhouse.gate.clear()
        flood = [asyncio.create_task(client.get(f"/api/search?q=n{number}")) for number in range(100)]
        await until(lambda: clickhouse.at_gate == MAX_COMPUTED_OF_CLIENT)
        for _ in range(20):
            await asyncio.sleep(0)
        began = clickhouse.at_gate
        health = await client.get("/health")
        clickhouse.gate.set()
        answers = await asyncio.gather(*flood)

    assert (began, health.status_code) == (MAX_COMPUTED_OF_CLIENT, 200)
    assert {answer.status_code for answer in answers} == {200}
