"""Requests as a careless or hostile client sends them: byte for byte, with nothing tidied up on the way."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import uvicorn
from litestar import Litestar

from app.serving.limits import Limits
from app.serving.protocol import Protocol

TIMEOUT_SECONDS = 60
PATIENT = Limits(request_seconds=600, linger_seconds=600)
"""Limits under which a slow machine decides no test."""


@contextmanager
def served(app: Litestar, limits: Limits = PATIENT, protocol: type[Protocol] = Protocol) -> Iterator[int]:
    """The port on which an app is served by uvicorn, as `pypistats-server serve` does it, but with these limits."""
    with serving(app, limits, protocol) as server:
        yield port_of(server)


def port_of(server: uvicorn.Server) -> int:
    """The port that a server listens on."""
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


@contextmanager
def serving(app: Litestar, limits: Limits = PATIENT, protocol: type[Protocol] = Protocol) -> Iterator[uvicorn.Server]:
    """The same, with the server itself."""
    config = uvicorn.Config(
        app,
        port=0,
        http=partial(protocol, limits=limits, clients=Counter()),  # type: ignore[arg-type]  # uvicorn only calls it
        ws="none",
        log_level="critical",
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="uvicorn")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield server
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def paused(server: uvicorn.Server) -> Iterator[None]:
    """Keep a server's event loop from running while the block runs: what is sent meanwhile arrives at one instant."""
    waiting, resuming = threading.Event(), threading.Event()

    def wait() -> None:
        waiting.set()
        resuming.wait()

    server.servers[0].get_loop().call_soon_threadsafe(wait)
    waiting.wait()
    try:
        yield
    finally:
        resuming.set()


Answer = tuple[int, dict[str, str], bytes]
"""Status, headers (names in lower case), body."""


def get(port: int, target: bytes) -> Answer:
    """The answer to `GET target`."""
    (answer,) = exchange(port, b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return answer


def exchange(port: int, data: bytes, *, then_close: bool = False) -> list[Answer]:
    """All answers to these bytes, until the server ends the connection; `then_close` says that no more will come.

    A server that neither answers nor ends the connection makes it a TimeoutError.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
        with suppress(ConnectionError):  # it may have been refused half-way
            connection.sendall(data)
            if then_close:
                connection.shutdown(socket.SHUT_WR)
        return read_answers(connection)


def exchange_at_once(server: uvicorn.Server, data: bytes) -> list[Answer]:
    """The same, where the bytes have arrived before the server accepts the connection."""
    with paused(server):
        connection = socket.create_connection(("127.0.0.1", port_of(server)), timeout=TIMEOUT_SECONDS)
        connection.sendall(data)
    with connection:
        return read_answers(connection)


def read_answers(connection: socket.socket) -> list[Answer]:
    """The answers up to the end of the connection, none of them a HEAD's or a 304."""
    received = b"".join(iter(lambda: connection.recv(65536), b""))
    answers = []
    while received:
        head, end, rest = received.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        version, code, _ = status.split(" ", 2)
        assert (version, bool(end)) == ("HTTP/1.1", True), received
        if code == "100":
            # Sent to a client that has closed its side, while it waits.
            received = rest
            continue
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers["content-length"])
        assert len(rest) >= length, received
        answers.append((int(code), headers, rest[:length]))
        received = rest[length:]
    return answers
