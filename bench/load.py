"""A load that costs little itself: keep-alive connections, the next request as soon as an answer is there.

In a process of its own, on a core of its own where there are several: what is measured is the server.
"""

import os
import select
import socket
import time
from collections.abc import Iterable
from typing import Any, Self

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


class Clients:
    """So many open connections, as a browser or a badge service keeps them."""

    def __init__(self, port: int, connections: int) -> None:
        self._open = {client.socket.fileno(): client for client in (Connection(port) for _ in range(connections))}
        self._poll = select.epoll()
        for number in self._open:
            self._poll.register(number, select.EPOLLIN)
        self._buffer = memoryview(bytearray(BUFFER_BYTES))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._poll.close()
        for client in self._open.values():
            client.socket.close()

    def load(self, texts: Iterable[bytes], seconds: float = float("inf")) -> dict[str, Any]:
        """Ask until there are no more texts or the time is over: answers, their bytes, seconds, 99th percentile."""
        waiting = iter(texts)
        times: list[float] = []
        size, busy = 0, 0
        began = time.perf_counter()
        for client, text in zip(self._open.values(), waiting, strict=False):
            client.ask(text)
            busy += 1
        while busy:
            for number, _ in self._poll.poll():
                client = self._open[number]
                received = client.socket.recv_into(self._buffer)
                if not received:
                    raise RuntimeError("the server closed a connection")
                size += received
                took = client.received(self._buffer[:received])
                if took is None:
                    continue
                times.append(took)
                following = next(waiting, None) if time.perf_counter() - began < seconds else None
                if following is None:
                    busy -= 1
                else:
                    client.ask(following)
        return {
            "answers": len(times),
            "seconds": time.perf_counter() - began,
            "bytes": size,
            "p99": sorted(times)[int(len(times) * 0.99)],
        }


def load(port: int, texts: Iterable[bytes], connections: int, seconds: float = float("inf")) -> dict[str, Any]:
    """`Clients.load` by so many connections."""
    with Clients(port, connections) as clients:
        return clients.load(texts, seconds)
