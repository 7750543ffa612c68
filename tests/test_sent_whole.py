"""An answer from memory is sent in one write, past uvicorn's own way of sending; the client gets the same bytes."""

import asyncio
import re
import socket
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from app.serving.protocol import Protocol
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.fixtures import Backend
from tests.support.raw_http import exchange, served

pytestmark = pytest.mark.only_backend(Backend.EMBEDDED)

CHANGES = re.compile(rb"(date|x-request-id|ratelimit|ratelimit-remaining|ratelimit-reset): .*")
OVERALL = "/api/packages/numpy/overall"
REQUESTS = {
    "200": f"GET {OVERALL} HTTP/1.1\r\n",
    "another line": f"GET {OVERALL}?mirrors=true HTTP/1.1\r\n",
    "HEAD": f"HEAD {OVERALL} HTTP/1.1\r\n",
    "304": f"GET {OVERALL} HTTP/1.1\r\nIf-None-Match: *\r\n",
    "compressed": f"GET {OVERALL}?granularity=week HTTP/1.1\r\nAccept-Encoding: gzip\r\n",
    "404": "GET /api/packages/nope/overall HTTP/1.1\r\n",
    "HTTP/1.0": f"GET {OVERALL}?os=x HTTP/1.0\r\n",
    "a picture": "GET /api/packages/numpy/badge HTTP/1.1\r\n",
    "100-continue": "GET /api/packages/numpy/recent HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n",
}


WRITES: list[str] = []
"""The calls by which the server has written to its transports."""


class ObservedTransport:
    """A transport that notes what it is written by."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        WRITES.append("write")
        self._transport.write(data)

    def writelines(self, lines: Iterable[bytes]) -> None:
        WRITES.append("writelines")
        self._transport.writelines(lines)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class ObservedProtocol(Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(ObservedTransport(transport))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def port(make_dataset: type[Dataset]) -> Iterator[int]:
    """A served app with a day of downloads, and a limit, so that all headers are there."""
    dataset = make_dataset()
    dataset.load([event(country=f"A{chr(65 + n % 26)}") for n in range(99)])
    with served(dataset.app(rate_limit="1000000/second"), protocol=ObservedProtocol) as port:
        yield port


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_from_memory_it_is_the_same(port: int, request_: str) -> None:
    ends = "Host: localhost\r\n\r\n" + ("x" if "100-continue" in request_ else "")
    data = f"{request_}Connection: close\r\n{ends}".encode()
    first = _one(port, data)
    WRITES.clear()
    second = _one(port, data)

    assert first[0].split()[1] in {b"200", b"304", b"404"}
    assert second == first
    assert WRITES == ["writelines"]


def test_on_a_connection_that_stays_open(port: int) -> None:
    one = f"GET {OVERALL} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    _one(port, last)
    WRITES.clear()
    answers = exchange(port, one * 20 + last)

    assert len(answers) == 21
    assert {(status, body) for status, _, body in answers} == {(200, answers[0][2])}
    assert ["connection" in headers for _, headers, _ in answers] == [False] * 20 + [True]
    assert WRITES == ["writelines"] * 21


def _one(port: int, data: bytes) -> list[bytes]:
    """All that comes: the status line, the lines of headers but for what changes, the body."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(data)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    return [CHANGES.sub(rb"\1: ", line) for line in head.split(b"\r\n")] + [body]
