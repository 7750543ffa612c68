"""Requests as a careless or hostile client sends them: byte for byte, with nothing tidied up on the way."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from litestar import Litestar

from app.serving.protocol import Protocol


@contextmanager
def served(app: Litestar) -> Iterator[int]:
    """The port on which an app is served by uvicorn, as `pypistats-server serve` does it."""
    with serving(app) as server:
        yield server.servers[0].sockets[0].getsockname()[1]


@contextmanager
def serving(app: Litestar) -> Iterator[uvicorn.Server]:
    """The same, with the server itself."""
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=0, http=Protocol, ws="none", log_level="critical", access_log=False, server_header=False
        )
    )
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
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        with suppress(ConnectionError):  # it may have been refused half-way
            connection.sendall(data)
            if then_close:
                connection.shutdown(socket.SHUT_WR)
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
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers["content-length"])
        assert len(rest) >= length, received
        answers.append((int(code), headers, rest[:length]))
        received = rest[length:]
    return answers
