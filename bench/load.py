"""A load that costs little itself: keep-alive connections, the next request as soon as an answer is there.

In a process of its own, on a core of its own where there are several: what is measured is the server.
"""

import os
import select
import socket
import time
from collections.abc import Iterable
from itertools import islice
from typing import Any

BUFFER_BYTES = 1 << 18
SERVER_CORE, LOAD_CORE = 0, 1


def pin(core: int, process: int = 0) -> None:
    """Keep a process, or this one, on one core, where there are two and the system knows how."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(process, {core})


def request(path: str, **headers: str) -> bytes:
    """A request as it goes onto the wire."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\n{lines}\r\n".encode()


class Connection:
    """One connection, and the answer that it waits for."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = -1
        self._head = b""
        self._began = 0.0

    def ask(self, text: bytes) -> None:
        """Send a request."""
        self._left, self._head = -1, b""
        self._began = time.perf_counter()
        self.socket.sendall(text)

    def received(self, data: memoryview) -> float | None:
        """The seconds that the answer took, once it is whole."""
        if self._left < 0:
            self._head += bytes(data)
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return None
            self._left = _length(self._head[:end]) - (len(self._head) - end - 4)
        else:
            self._left -= len(data)
        return None if self._left else time.perf_counter() - self._began


def _length(head: bytes) -> int:
    status = head[9:12]
    if status == b"304":
        return 0
    if status != b"200":
        raise RuntimeError(f"the server answered {head[:40]!r}")
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])


def load(port: int, texts: Iterable[bytes], connections: int, seconds: float = float("inf")) -> dict[str, Any]:
    """Ask until there are no more texts, or the time is over: answers, their bytes, seconds, the 99th percentile."""
    waiting = iter(texts)
    buffer = memoryview(bytearray(BUFFER_BYTES))
    poll = select.epoll()
    open_: dict[int, Connection] = {}
    times: list[float] = []
    began = time.perf_counter()
    for text in islice(waiting, connections):
        connection = Connection(port)
        open_[connection.socket.fileno()] = connection
        poll.register(connection.socket.fileno(), select.EPOLLIN)
        connection.ask(text)
    size, busy = 0, len(open_)
    while busy:
        for number, _ in poll.poll():
            connection = open_[number]
            received = connection.socket.recv_into(buffer)
            if not received:
                raise RuntimeError("the server closed a connection")
            size += received
            took = connection.received(buffer[:received])
            if took is None:
                continue
            times.append(took)
            following = next(waiting, None) if time.perf_counter() - began < seconds else None
            if following is None:
                busy -= 1
            else:
                connection.ask(following)
    spent = time.perf_counter() - began
    for connection in open_.values():
        connection.socket.close()
    return {
        "answers": len(times),
        "seconds": spent,
        "bytes": size,
        "p99": sorted(times)[int(len(times) * 0.99)],
    }
