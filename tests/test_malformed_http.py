"""Whatever bytes come: no answer of 500 and up, no hang, nothing of the inside in an answer, and the server goes on."""

import json
import logging
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from ipaddress import ip_network

import pytest
import uvicorn

from app.serving.limits import Limits
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.load import wait_until
from tests.support.raw_http import Answer, exchange, exchange_at_once, get, paused, port_of, read_answers, serving

HOST = b"Host: localhost\r\n"
NUMPY = b"/api/packages/numpy/recent"
LIMITS = Limits()


def request(
    target: bytes = b"/health",
    headers: bytes = HOST,
    body: bytes = b"",
    method: bytes = b"GET",
    version: bytes = b"1.1",
) -> bytes:
    return method + b" " + target + b" HTTP/" + version + b"\r\n" + headers + b"\r\n" + body


CHUNKED = HOST + b"Transfer-Encoding: chunked\r\n"

LAST = request(headers=HOST + b"Connection: close\r\n")
"""Follows each request that leaves its connection open: it is answered as if nothing had been."""

WEBSOCKET = (
    HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
H2C = HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
HELLO = bytes.fromhex("16030100c8010000c40303") + b"\x11" * 189

# Bytes, and the statuses of the answers: the server ends the connection after the last one.
CORPUS: dict[str, tuple[bytes, list[int]]] = {
    # not HTTP
    "nothing but an end": (b"", []),
    "empty lines": (b"\r\n" * 50 + LAST, [200]),
    "noise": (bytes(range(256)), [400]),
    "a TLS hello": (HELLO, [400]),
    "HTTP/2 by prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", [400]),
    "HTTP/2 by upgrade": (request(headers=H2C), [200]),
    "a websocket": (request(headers=WEBSOCKET), [200]),
    "a websocket and frames": (request(headers=WEBSOCKET) + b"\x81\x85\1\2\3\4\5\6\7\x08\x09", [200]),
    "a proxy's line": (b"PROXY TCP4 192.0.2.1 192.0.2.2 5 80\r\n" + LAST, [400]),
    # the request line
    "no version": (b"GET /health\r\n\r\n", [200]),
    "HTTP/1.0": (request(version=b"1.0"), [200]),
    "HTTP/3.7": (request(version=b"3.7"), [400]),
    "HTTP/x.y": (request(version=b"x.y"), [400]),
    "a method of nobody": (request(method=b"FROB"), [400]),
    "a method in lower case": (request(method=b"get"), [400]),
    "TRACE": (request(method=b"TRACE") + LAST, [405, 200]),
    "CONNECT": (request(b"example.org:443", method=b"CONNECT"), [400]),
    "an absolute form": (request(b"http://example.org/health") + LAST, [200, 200]),
    "an absolute form without a path": (request(b"http://example.org"), [400]),
    "an absolute form without a host": (request(b"http://"), [400]),
    "an authority": (request(b"example.org:80"), [400]),
    "an asterisk": (request(b"*", method=b"OPTIONS") + LAST, [404, 200]),
    "no slash": (request(b"health"), [400]),
    "a backslash": (request(b"\\health"), [400]),
    "two slashes": (request(b"//health") + LAST, [200, 200]),
    "dots": (request(b"/../../etc/passwd") + LAST, [404, 200]),
    "a fragment": (request(b"/health#x") + LAST, [200, 200]),
    "a NUL": (request(b"/api/packages/a\0b/recent"), [400]),
    "a NUL, encoded": (request(b"/api/packages/a%00b/recent") + LAST, [400, 200]),
    "half an encoded byte": (request(NUMPY + b"?period=%f&%") + LAST, [400, 200]),
    "no encoded byte": (request(b"/api/packages/a%zzb/recent") + LAST, [400, 200]),
    "encoded bytes that are no UTF-8": (request(b"/api/packages/%ff%fe/recent?period=%ff") + LAST, [400, 200]),
    "an encoded surrogate": (request(b"/api/search?q=%ed%a0%80") + LAST, [400, 200]),
    "bytes that are no ASCII": (request(b"/api/search?q=\xff\xfe"), [400]),
    "control characters": (request(b"/api/search?q=\x01\x7f"), [400]),
    "a line's end, encoded": (request(b"/api/package/a%0d%0aX-Evil:%201/recent") + LAST, [308, 200]),
    "a line's end in the query, encoded": (request(b"/api/package/a/recent?%0d%0aX-Evil:%201") + LAST, [308, 200]),
    "a parameter, repeated": (request(NUMPY + b"?period=day&period=week") + LAST, [400, 200]),
    "a parameter, repeated without end": (request(NUMPY + b"?" + b"period=day&" * 5_000) + LAST, [400, 200]),
    "parameters of nobody": (request(NUMPY + b"?" + b"&".join(b"%d=" % n for n in range(5_000))) + LAST, [400, 200]),
    "the longest URL": (request(b"/health?x=".ljust(LIMITS.max_url_bytes, b"x")) + LAST, [200, 200]),
    "a longer URL": (request(b"/health?x=".ljust(LIMITS.max_url_bytes + 1, b"x")), [414]),
    "an endless URL": (b"GET /" + b"x" * 5_000_000, [414]),
    # headers
    "no host": (request(headers=b"X: x\r\n") + LAST, [400]),
    "no host after a request": (request() + request(headers=b"") + LAST, [200, 400]),
    "no host in an absolute form": (request(b"http://example.org/health", headers=b""), [400]),
    "no host in HTTP/1.0": (request(headers=b"", version=b"1.0"), [200]),
    "two hosts": (request(headers=HOST + HOST), [400]),
    "two hosts in HTTP/1.0": (request(headers=HOST + b"HOST: x\r\n", version=b"1.0"), [400]),
    "an empty host": (request(headers=b"Host:\r\n") + LAST, [400]),
    "a host of two words": (request(headers=b"Host: a b\r\n") + LAST, [400]),
    "a host with a user": (request(headers=b"Host: user@x\r\n") + LAST, [400]),
    "a host with a path": (request(headers=b"Host: x/y\r\n") + LAST, [400]),
    "a host that is a port": (request(headers=b"Host: :80\r\n") + LAST, [400]),
    "a host that is not ASCII": (request(headers=b"Host: \xc3\xa9\r\n") + LAST, [400]),
    "an open bracket as a host": (request(headers=b"Host: [::1\r\n") + LAST, [400]),
    "an IPv6 address as a host": (request(headers=b"Host: [::1]:8000\r\n") + LAST, [200, 200]),
    "a host with an underscore": (request(headers=b"Host: my_stats.local:8000\r\n") + LAST, [200, 200]),
    "headers that are no ASCII": (
        request(NUMPY, HOST + b"If-None-Match: \xff\xfe\r\nAccept: \xff\r\nOrigin: \xff\r\n") + LAST,
        [200, 200],
    ),
    "a header with a NUL": (request(headers=HOST + b"X: a\0b\r\n"), [400]),
    "a header without a name": (request(headers=HOST + b": x\r\n"), [400]),
    "a header with a space in its name": (request(headers=HOST + b"X Y: x\r\n"), [400]),
    "a header with a space after its name": (request(headers=HOST + b"X : x\r\n"), [400]),
    "a header on two lines": (request(headers=HOST + b"X: a\r\n b\r\n"), [400]),
    "a header without its line's end": (request(headers=HOST + b"X: a\rY: b\r\n"), [400]),
    "lines without a carriage return": (b"GET /health HTTP/1.1\nHost: x\n\n", [400]),
    "as many headers as may be": (
        request(headers=HOST + b"X: x\r\n" * (LIMITS.max_headers - 1)) + LAST,
        [200] * 2,
    ),
    "too many headers": (request(headers=HOST + b"X: x\r\n" * LIMITS.max_headers), [431]),
    "a long header": (request(headers=HOST + b"X: " + b"x" * 30_000 + b"\r\n") + LAST, [200, 200]),
    "too long a header": (
        request(headers=HOST + b"X: " + b"x" * LIMITS.max_header_bytes + b"\r\n"),
        [431],
    ),
    "an endless header": (b"GET /health HTTP/1.1\r\nX: " + b"x" * 5_000_000, [431]),
    "endless headers": (b"GET /health HTTP/1.1\r\n" + b"X: x\r\n" * 500_000, [431]),
    "an endless name of a header": (b"GET /health HTTP/1.1\r\n" + b"x" * 5_000_000, [431]),
    # bodies, and where they end
    "a body": (request(method=b"POST", headers=HOST + b"Content-Length: 5\r\n", body=b"hello") + LAST, [405, 200]),
    "a body of a GET": (request(headers=HOST + b"Content-Length: 5\r\n", body=b"hello") + LAST, [200, 200]),
    "a large body": (request(headers=HOST + b"Content-Length: 5000000\r\n", body=b"x" * 5_000_000) + LAST, [200]),
    "a negative length": (request(headers=HOST + b"Content-Length: -5\r\n"), [400]),
    "an immense length": (request(headers=HOST + b"Content-Length: " + b"9" * 30 + b"\r\n"), [400]),
    "no length": (request(headers=HOST + b"Content-Length: x\r\n"), [400]),
    "two lengths": (request(headers=HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n", body=b"hello!"), [400]),
    "a length and chunks": (
        request(headers=HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body=b"0\r\n\r\n" + LAST),
        [400],
    ),
    "chunks": (
        request(headers=HOST + b"Transfer-Encoding: chunked\r\n", body=b"2\r\nhi\r\n0\r\n\r\n") + LAST,
        [200] * 2,
    ),
    "trailers": (request(headers=CHUNKED, body=b"0\r\nX-Later: 1\r\nHost: evil\r\n\r\n") + LAST, [200] * 2),
    "too many trailers": (request(headers=CHUNKED, body=b"0\r\n" + b"X: 1\r\n" * 101 + b"\r\n") + LAST, [200]),
    "a long trailer": (request(headers=CHUNKED, body=b"0\r\nX: " + b"x" * 33_000 + b"\r\n\r\n") + LAST, [200]),
    "a trailer without an end": (request(headers=CHUNKED, body=b"0\r\nX: " + b"x" * 3_000_000), [200]),
    "an extension without an end": (request(headers=CHUNKED, body=b"1;x=" + b"x" * 3_000_000), [200]),
    "many small trailers": (request(headers=CHUNKED, body=b"0\r\n" + b"X: 1\r\n" * 500_000), [200]),
    "chunks that are none": (request(headers=HOST + b"Transfer-Encoding: chunked\r\n", body=b"zz\r\nhi\r\n"), [200]),
    "an immense chunk": (request(headers=HOST + b"Transfer-Encoding: chunked\r\n", body=b"f" * 40 + b"\r\n"), [200]),
    "chunks twice": (request(headers=HOST + b"Transfer-Encoding: chunked, chunked\r\n", body=b"0\r\n\r\n"), [400]),
    "an unknown coding": (request(headers=HOST + b"Transfer-Encoding: xchunked\r\n", body=b"0\r\n\r\n"), [400]),
    "chunks that are compressed": (
        request(headers=HOST + b"Transfer-Encoding: gzip, chunked\r\n", body=b"0\r\n\r\n") + LAST,
        [200, 200],
    ),
    "compressed chunks": (request(headers=HOST + b"Transfer-Encoding: chunked, gzip\r\n", body=b"0\r\n\r\n"), [400]),
    "no chunks in the last of two headers": (
        request(headers=HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", body=b"0\r\n\r\n"),
        [400],
    ),
    "no coding": (request(headers=HOST + b"Transfer-Encoding:\r\n") + LAST, [400]),
    "a request in a body": (
        request(headers=HOST + b"Content-Length: %d\r\n" % len(request(NUMPY)), body=request(NUMPY)) + LAST,
        [200, 200],
    ),
    "a promise of a body": (
        request(headers=HOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n", body=b"hello") + LAST,
        [200, 200],
    ),
    # one after the other
    "a hundred at once": (request() * 99 + LAST, [200] * 100),
    "answers in order": (request() + request(b"/nowhere") + request(NUMPY) + LAST, [200, 404, 200, 200]),
    "noise after a request": (request(NUMPY) + b"\0\1\2\r\n\r\n", [200, 400]),
    "noise after two": (request(NUMPY) + request() + b"noise\r\n\r\n" + LAST, [200, 200, 400]),
    "too long a URL after a request": (request(NUMPY) + request(b"/" + b"x" * 70_000), [200, 414]),
    "a request after the last one": (LAST + request(NUMPY), [200]),
}


@pytest.fixture(scope="module")
def dataset(make_dataset: Callable[[], Dataset]) -> Dataset:
    dataset = make_dataset()
    dataset.load([event("2026-03-10 12:00:00 UTC")])
    return dataset


@pytest.fixture(scope="module")
def port(dataset: Dataset) -> Iterator[int]:
    with serving(dataset.app()) as server:
        yield port_of(server)


@pytest.fixture(scope="module")
def hurried(dataset: Dataset) -> Iterator[uvicorn.Server]:
    """A server that does not wait long for anything but the end of a connection."""
    with serving(dataset.app(), Limits(request_seconds=0.2, unread_seconds=0.2, linger_seconds=600)) as server:
        yield server


@pytest.fixture(scope="module")
def brief(dataset: Dataset) -> Iterator[uvicorn.Server]:
    """A server that soon ends a connection whose last response it has sent."""
    with serving(dataset.app(), Limits(request_seconds=600, linger_seconds=0.2)) as server:
        yield server


@pytest.fixture(scope="module")
def small(dataset: Dataset) -> Iterator[uvicorn.Server]:
    """A server of few connections."""
    with serving(dataset.app(), Limits(request_seconds=600, linger_seconds=600, max_connections=4)) as server:
        yield server


@pytest.fixture(scope="module")
def few(dataset: Dataset) -> Iterator[uvicorn.Server]:
    """A server of few connections for each client."""
    limits = Limits(request_seconds=600, linger_seconds=600, max_connections_per_client=2)
    with serving(dataset.app(), limits) as server:
        yield server


@pytest.fixture(scope="module")
def few_by_proxy(dataset: Dataset) -> Iterator[uvicorn.Server]:
    """The same, behind a proxy."""
    proxies = (ip_network("127.0.0.1"),)
    limits = Limits(request_seconds=600, linger_seconds=600, max_connections_per_client=2, proxies=proxies)
    with serving(dataset.app(), limits) as server:
        yield server


class Collected(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(autouse=True)
def nothing_is_logged(
    port: int,
    hurried: uvicorn.Server,
    brief: uvicorn.Server,
    small: uvicorn.Server,
    few: uvicorn.Server,
    few_by_proxy: uvicorn.Server,
) -> Iterator[None]:
    """No client can fill the log, and nothing fails behind the answers."""
    collected = Collected()
    loggers = [logging.getLogger(name) for name in ("asyncio", "uvicorn.error", "app")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(collected)
        logger.setLevel(logging.INFO)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(collected)
        logger.setLevel(level)
    assert collected.lines == []


def well_formed(answers: list[Answer]) -> None:
    """Every answer is one of ours: an error is a problem, and shows nothing of the inside."""
    for status, headers, body in answers:
        assert status < 500
        assert "x-evil" not in headers
        assert not any(word in body for word in (b"Traceback", b'File "', b"Internal Server Error", b"Error("))
        if status >= 400:
            assert headers["content-type"] == "application/problem+json"
            assert headers["access-control-allow-origin"] == "*"
            problem = json.loads(body)
            is_unknown_path = problem["detail"].startswith("there is nothing at this path")
            assert headers["cache-control"] == ("public, max-age=60" if is_unknown_path else "no-store")
            assert problem["status"] == status
            assert problem["detail"]


def goes_on(port: int) -> None:
    assert get(port, NUMPY)[0] == 200


def goes_on_at_once(server: uvicorn.Server) -> None:
    assert [status for status, _, _ in exchange_at_once(server, LAST)] == [200]


@pytest.mark.parametrize("name", CORPUS)
def test_each_is_answered_and_the_server_goes_on(port: int, name: str) -> None:
    data, statuses = CORPUS[name]

    answers = exchange(port, data, then_close=not data)

    well_formed(answers)
    assert [status for status, _, _ in answers] == statuses
    goes_on(port)


@pytest.mark.parametrize("name", [name for name, (data, _) in CORPUS.items() if len(data) < 2_000])
def test_byte_by_byte_is_no_different(port: int, name: str) -> None:
    """However the bytes come, the answers are the same: the parser's state is all that is kept between two pieces."""
    data, statuses = CORPUS[name]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(len(data)):
            connection.sendall(data[number : number + 1])
        connection.shutdown(socket.SHUT_WR)
        answers = read_answers(connection)

    well_formed(answers)
    assert [status for status, _, _ in answers] == statuses
    goes_on(port)


def test_a_trailer_is_no_header(brief: uvicorn.Server) -> None:
    body = b"0\r\nX-Request-Id: from-a-trailer\r\n\r\n"
    answers = exchange_at_once(brief, request(headers=CHUNKED, body=body) + LAST)

    assert [status for status, _, _ in answers] == [200, 200]
    assert all(headers["x-request-id"] != "from-a-trailer" for _, headers, _ in answers)


def test_damaged_requests(port: int) -> None:
    """Cut, doubled, spliced and with bits turned over, at random, from a fixed seed."""
    rng = random.Random(6)
    sound = [data for data, _ in CORPUS.values() if len(data) < 2_000]
    for _ in range(400):
        data = bytearray(rng.choice(sound) + rng.choice(sound))
        for _ in range(rng.randint(1, 4)):
            at, length = rng.randrange(len(data) + 1), rng.randint(0, 20)
            damage = rng.choice([b"", data[:length], rng.randbytes(3), b"\r\n", b"\0", b"%", data[at : at + 1] * 300])
            data[at : at + rng.randint(0, length)] = damage
        well_formed(exchange(port, bytes(data), then_close=True))
    goes_on(port)


def test_half_a_request_has_so_long_to_become_one(hurried: uvicorn.Server) -> None:
    half = request(NUMPY)[:-10]

    assert exchange(port_of(hurried), b"") == []
    for before, statuses in [(b"", [408]), (request(), [200, 408])]:
        answers = exchange_at_once(hurried, before + half)
        well_formed(answers)
        assert [status for status, _, _ in answers] == statuses
    # A body that never comes: its request was answered long ago.
    answers = exchange_at_once(hurried, request(headers=HOST + b"Content-Length: 5\r\n"))
    assert [status for status, _, _ in answers] == [200]
    goes_on_at_once(hurried)


@pytest.mark.parametrize("piece", [b"X: x\r\n", b"x", b"\r\n"])
def test_who_sends_slowly_is_not_waited_for(hurried: uvicorn.Server, piece: bytes) -> None:
    """A little now and then for ever: of a head, of a URL, or nothing but empty lines."""
    begun = {b"X: x\r\n": b"GET /health HTTP/1.1\r\n", b"x": b"GET /", b"\r\n": b""}[piece]
    with paused(hurried):
        connection = socket.create_connection(("127.0.0.1", port_of(hurried)), timeout=0.05)
        connection.sendall(begun)
    with connection:
        received, ended = b"", False
        while not ended:
            try:
                chunk = connection.recv(65536)
                received, ended = received + chunk, not chunk
            except TimeoutError:
                connection.sendall(piece)
    assert received.startswith(b"HTTP/1.1 408 " if begun else b"")
    goes_on_at_once(hurried)


def test_who_reads_nothing_is_given_up(hurried: uvicorn.Server) -> None:
    """More than the kernel takes for it: the server stops taking requests, and then ends the connection."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port_of(hurried)))
        connection.settimeout(60)
        connected = True
        while connected:
            try:
                connection.sendall(request(b"/openapi.yaml") * 100)
            except ConnectionError:
                connected = False
    goes_on_at_once(hurried)


def test_who_sends_no_more_gets_the_answer_still(port: int) -> None:
    ((status, _, body),) = exchange(port, request(NUMPY), then_close=True)

    assert status == 200
    assert json.loads(body)["package"] == "numpy"


def test_who_still_sends_gets_the_last_answer(port: int) -> None:
    """To close with something unread would reset the connection, and take back what the client has not read."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(LAST)
        connection.recv(1, socket.MSG_PEEK)
        for _ in range(100):
            connection.sendall(b"x" * 100_000)
        ((status, _, _),) = read_answers(connection)

    assert status == 200


def test_who_never_ends_a_connection_is_not_waited_for(brief: uvicorn.Server) -> None:
    """After the last answer the server reads on, but for a while only."""
    with socket.create_connection(("127.0.0.1", port_of(brief)), timeout=60) as connection:
        connection.sendall(LAST)
        ((status, _, _),) = read_answers(connection)
        with pytest.raises(ConnectionError):
            send_for_ever(connection)

    assert status == 200


def send_for_ever(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x")


def test_there_is_an_end_to_connections(small: uvicorn.Server) -> None:
    """Beyond as many as may be, each gets a 503 that says when to come again; beyond twice as many, nothing."""
    port = port_of(small)
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)) for _ in range(4)]
        for connection in held:
            connection.sendall(request())
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        status, headers, body = get(port, NUMPY)
        assert (status, headers["retry-after"], headers["connection"]) == (503, "5", "close")
        assert json.loads(body)["detail"] == "the server is stopping, or has too many connections"
        more = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)) for _ in range(5)]
        with suppress(ConnectionError):
            assert more[-1].recv(65536) == b""
    wait_until(lambda: get(port, NUMPY)[0] == 200, what="room for a connection")


def test_one_client_cannot_take_all_connections(few: uvicorn.Server) -> None:
    port = port_of(few)
    with ExitStack() as stack:
        held = [stack.enter_context(connected(port)) for _ in range(2)]
        third = get(port, NUMPY)[0]
        stack.enter_context(connected(port, "127.0.0.2"))
        assert third == 503
        for connection in held:
            connection.close()
        wait_until(lambda: get(port, NUMPY)[0] == 200, what="room for a connection")


def test_a_proxy_has_the_connections_of_all_its_clients(few_by_proxy: uvicorn.Server) -> None:
    port = port_of(few_by_proxy)
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(connected(port))


def connected(port: int, address: str = "127.0.0.1") -> socket.socket:
    """A connection from an address, which has been answered a request and stays open."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(address, 0))
    connection.sendall(request())
    assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    return connection
