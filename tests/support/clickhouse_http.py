"""ClickHouse's HTTP interface, served from an embedded engine in a process of its own.

python -m tests.support.clickhouse_http --folder FOLDER [--port PORT] [--control-port PORT]

Prints both ports, and ends when its standard input does. What clickhouse-connect uses of the interface is there, as
ClickHouse documents it. The control port takes faults: see Faults. tests/support/facade.py starts one.
"""

import argparse
import asyncio
import inspect
import json
import os
import re
import shutil
import socket
import struct
import sys
import tempfile
import threading
import uuid
import zlib
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import brotli
import chdb
import lz4.frame
import msgspec
from aiohttp import web

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from tests.support.clickhouse_engine import Asked, Engine, EngineError, Quota, Result
from tests.support.clickhouse_old_engine import OldEngine
from tests.support.clickhouse_progress import ProgressHeaders
from tests.support.clickhouse_users import USERS

# Parameters of a URL that are neither settings nor parameters of the query.
RESERVED = {
    "query",
    "database",
    "default_format",
    "user",
    "password",
    "quota_key",
    "query_id",
    "session_id",
    "session_timeout",
    "session_check",
    "wait_end_of_query",
    "buffer_size",
    "compress",
    "decompress",
    "client_protocol_version",
    "role",
    "stacktrace",
    "close_session",
}
# As ClickHouse gives statuses to its codes; any other is 500.
STATUSES = {
    **dict.fromkeys((6, 25, 26, 27, 36, 38, 41, 42, 43, 53, 62, 72, 117), 400),
    **dict.fromkeys((192, 193, 516), 403),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115), 404),
    159: 408,
    48: 501,
    209: 503,
}
CONTENT_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
}
# The first that a client accepts, in ClickHouse's order.
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda data: brotli.compress(data, quality=3),
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
    "gzip": lambda data: (c := zlib.compressobj(3, zlib.DEFLATED, 31)).compress(data) + c.flush(),
    "deflate": zlib.compress,
}


class _Streams:
    """Decompresses several streams in a row, as ClickHouse does for gzip and zstd."""

    def __init__(self, start: Callable[[], Any]) -> None:
        self._start = start
        self._stream = start()

    def decompress(self, data: bytes) -> bytes:
        content = b""
        while data:
            if self._stream.eof:
                self._stream = self._start()
            content += self._stream.decompress(data)
            data = self._stream.unused_data if self._stream.eof else b""
        return content


DECOMPRESSORS: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "": lambda: bytes,
    "identity": lambda: bytes,
    "br": lambda: brotli.Decompressor().process,
    "lz4": lambda: lz4.frame.LZ4FrameDecompressor().decompress,
    "zstd": lambda: _Streams(zstd.ZstdDecompressor).decompress,
    "gzip": lambda: _Streams(lambda: zlib.decompressobj(31)).decompress,
    "deflate": lambda: zlib.decompressobj().decompress,
}
RETURNS_ROWS = re.compile(r"\s*\(*\s*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXISTS|EXPLAIN|KILL|CHECK)\b", re.IGNORECASE)
COMMENTS = re.compile(r"^(\s*(--[^\n]*\n|/\*.*?\*/))+", re.DOTALL)
FORMAT_AT_END = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
INSERT_OF_DATA = re.compile(
    rb"(?:\s*--[^\n]*\n)*\s*INSERT\s+INTO\b(?:(?!\bSELECT\b).)*?\bFORMAT\s+\w+[ \t\r]*\n?", re.IGNORECASE | re.DOTALL
)
INSERT_OF_INPUT = re.compile(
    rb"(?:\s*--[^\n]*\n)*\s*INSERT\s+INTO\b.*?\binput\s*\(.*?\bFORMAT\s+\w+[ \t\r]*\n?", re.IGNORECASE | re.DOTALL
)
INPUT = re.compile(r"\binput\s*\(\s*('(?:[^'\\]|\\.)*')\s*\)", re.IGNORECASE)
FORM_NAMES = re.compile(r'name="(?P<name>[^"]*)"(?:; filename="(?P<file>[^"]*)")?')
HEAD_BYTES = 1 << 20

# As ClickHouse has them by default: http_max_uri_size, http_max_fields (since 26.7; 1,000,000 before),
# http_max_field_name_size, http_max_field_value_size. A part with a file name is no field.
MAX_URI_BYTES = 1 << 20
MAX_FIELDS = 1_000
MAX_FIELD_NAME_BYTES = 4_096
MAX_FIELD_BYTES = 131_072
POCO_EXCEPTION = 1000


class Fault(msgspec.Struct, frozen=True):
    """What goes wrong from now on.

    `none`; `refuse` connections; `reset` them; `hang`: read the request and answer when mended, with a failure;
    `swallow`: never answer it; `slow`: answer after `seconds`, those requests that have `of` in their URL;
    `hold`: answer statements that have `of` in them when mended; `error`:
    answer `status` with the exception `code`, or as something that is no ClickHouse where `code` is 0; `cut`: break off
    half-way in the body; `drip`: a byte of the body each `seconds`; `exception`: half of the body, then an exception in
    it; `garbage`: 200 and a page of HTML.
    """

    kind: str = "none"
    code: int = 241
    status: int = 500
    seconds: float = 1.0
    of: str = ""


class Request(NamedTuple):
    """A request as it was understood, for who wants to know what a client sends."""

    method: str
    user: str
    parameters: dict[str, str]
    accepts: str
    encoding: str
    sql: str
    line: int
    """Bytes of the request line."""


class Limits(msgspec.Struct, frozen=True):
    """What may be asked from now on, beside what ClickHouse itself allows.

    `request_line`: bytes of a proxy's buffer for it, 0 without a proxy (nginx has 8,192, HAProxy 16,384). `user` may
    ask `queries` in an interval of `seconds`, 0 for as many as he likes.
    """

    request_line: int = 0
    user: str = "demo"
    queries: int = 0
    seconds: int = 3600


class Facade:
    """The HTTP interface."""

    def __init__(self, engine: Engine | OldEngine) -> None:
        self.engine = engine
        self.fault = Fault()
        self.limits = Limits()
        self._mended = asyncio.Event()
        self.requests: deque[Request] = deque(maxlen=1000)
        self.asked = 0
        self.most_at_once = 0
        self.slowed = 0
        self._running = 0
        self._threads = ThreadPoolExecutor(64, thread_name_prefix="query")

    def set_fault(self, fault: Fault) -> None:
        """Break from now on, and let go of what hangs."""
        self._mended.set()
        self._mended = asyncio.Event()
        self.fault = fault

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """`/`: a statement in the URL, the body or both."""
        self.asked += 1
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        try:
            return await self._answer(request)
        except ConnectionResetError:
            # Who asked has given up, as our readers do in an outage.
            return web.Response(status=499)
        finally:
            self._running -= 1

    def set_limits(self, limits: Limits) -> None:
        """Refuse more from now on, and count anew."""
        self.limits = limits
        self.engine.quota = Quota(limits.user, limits.queries, limits.seconds) if limits.queries else None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if (refused := self._refused(request)) is not None:
            return refused
        if (broken := await self._break(request)) is not None:
            return broken
        query_id = request.query.get("query_id") or str(uuid.uuid4())
        headers = {"X-ClickHouse-Server-Display-Name": "facade", "X-ClickHouse-Query-Id": query_id}
        progress = ProgressHeaders(request, self.engine)
        with tempfile.TemporaryDirectory(prefix="facade-") as folder:
            try:
                asked, named = await self._read(request, Path(folder, "body"))
                # It runs to its end whether or not a client still waits for it.
                running = asyncio.get_running_loop().run_in_executor(self._threads, self.engine.run, asked)
                await progress.send_while(running, asked, headers)
                result = await running
            except EngineError as error:
                return progress.complete(self._exception(error, headers))
        if named:
            headers["X-ClickHouse-Format"] = named
        return progress.complete(await self._send(request, asked, result, headers))

    def _refused(self, request: web.Request) -> web.Response | None:
        """The answer to a request line that is too long: of a proxy, or of ClickHouse's server (without a code)."""
        uri = request.raw_path
        if 0 < self.limits.request_line < _line(request):
            return web.Response(status=414, text="<h1>414 Request-URI Too Large</h1>", content_type="text/html")
        return web.Response(status=400) if len(uri) > MAX_URI_BYTES else None

    async def ping(self, request: web.Request) -> web.StreamResponse:
        """`/ping`."""
        return await self._break(request) or web.Response(text="Ok.\n", content_type="text/html")

    async def _read(self, request: web.Request, body: Path) -> tuple[Asked, str]:
        """What a request asks, and the format of its result; none where it has no result."""
        user = _authenticated(request)
        parameters = _fields_of_url(request)
        encoding = request.headers.get("Content-Encoding", "")
        if request.content_type.startswith("multipart/"):
            parameters |= await _fields_of_form(request, body.parent)
        else:
            await _spool(request, encoding, body)
        sql = _statement(parameters.get("query", ""), body)
        accepts = request.headers.get("Accept-Encoding", "")
        self.requests.append(Request(request.method, user, parameters, accepts, encoding, sql, _line(request)))
        at_end = FORMAT_AT_END.search(sql)
        default = parameters.get("default_format") or request.headers.get("X-ClickHouse-Format") or "TabSeparated"
        asked = Asked(
            user=user,
            database=parameters.get("database") or request.headers.get("X-ClickHouse-Database", ""),
            settings={n: v for n, v in parameters.items() if n not in RESERVED and not n.startswith("param_")},
            parameters={n.removeprefix("param_"): v for n, v in parameters.items() if n.startswith("param_")},
            sql=sql,
            format=default,
            session=parameters.get("session_id", ""),
            by_get=request.method == "GET",
        )
        returns_rows = RETURNS_ROWS.match(COMMENTS.sub("", sql))
        return asked, (at_end[1] if at_end else default) if returns_rows else ""

    async def _send(
        self, request: web.Request, asked: Asked, result: Result, headers: dict[str, str]
    ) -> web.StreamResponse:
        body = result.body
        if self.fault.kind == "hold" and self.fault.of in asked.sql:
            self.slowed += 1
            await self._mended.wait()
            self.slowed -= 1
        headers["X-ClickHouse-Timezone"] = result.timezone
        headers["X-ClickHouse-Summary"] = json.dumps(result.summary)
        headers["Content-Type"] = CONTENT_TYPES.get(headers.get("X-ClickHouse-Format", ""), "application/octet-stream")
        if self.fault.kind == "exception":
            body, headers = _with_exception(body, headers, self.fault.code)
        accepted = [part.split(";")[0].strip() for part in request.headers.get("Accept-Encoding", "").split(",")]
        chosen = next((name for name in COMPRESSORS if name in accepted), None)
        if chosen and asked.settings.get("enable_http_compression", self.engine.compresses) in {"1", "true"}:
            body = COMPRESSORS[chosen](body)
            headers["Content-Encoding"] = chosen
        if self.fault.kind == "cut":
            return await _half(request, body, headers)
        if self.fault.kind == "drip":
            self.slowed += 1
            try:
                return await _dripping(request, body, headers, self.fault.seconds)
            finally:
                self.slowed -= 1
        return web.Response(body=body, headers=headers)

    def _exception(self, error: EngineError, headers: dict[str, str]) -> web.Response:
        text = str(error) if error.is_foreign else f"Code: {error.code}. DB::Exception: {error}"
        text += f" (version {self.engine.version} (official build))\n"
        return web.Response(
            text=text,
            status=STATUSES.get(error.code, 500),
            headers=headers | {"X-ClickHouse-Exception-Code": str(error.code)},
        )

    async def _break(self, request: web.Request) -> web.Response | None:
        """What the fault makes of a request, if it has its say before the engine."""
        fault = self.fault
        match fault.kind:
            case "hang":
                await request.read()
                await self._mended.wait()
                return web.Response(status=504)
            case "swallow":
                await request.read()
                while request.transport:  # noqa: ASYNC110  (aiohttp signals its end to nobody)
                    await asyncio.sleep(0.05)
            case "reset":
                _reset(request)
                return web.Response()
            case "slow" if fault.of in request.query_string:
                self.slowed += 1
                with suppress(TimeoutError):
                    async with asyncio.timeout(fault.seconds):
                        await self._mended.wait()
                self.slowed -= 1
            case "error" if fault.code:
                error = self._exception(EngineError(fault.code, "Something is wrong. (AS_IT_WAS_TOLD)"), {})
                error.set_status(fault.status)
                return error
            case "error":
                return web.Response(status=fault.status, text="<h1>Bad Gateway</h1>", content_type="text/html")
            case "garbage":
                return web.Response(text="<h1>Welcome</h1>" * 1000, content_type="text/html")
        return None


def _authenticated(request: web.Request) -> str:
    """The user of a request. Raises EngineError."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        user, _, password = b64decode(credentials).decode().partition(":")
    elif "X-ClickHouse-User" in request.headers:
        user, password = request.headers["X-ClickHouse-User"], request.headers.get("X-ClickHouse-Key", "")
    else:
        user, password = request.query.get("user", "default"), request.query.get("password", "")
    if user not in USERS or USERS[user].password != password:
        raise EngineError(
            516,
            f"{user}: Authentication failed: password is incorrect, or there is no user with such name. "
            "(AUTHENTICATION_FAILED)",
        )
    return user


def _line(request: web.Request) -> int:
    """Bytes of the request line."""
    return len(f"{request.method} {request.raw_path} HTTP/1.1\r\n")


def _fields_of_url(request: web.Request) -> dict[str, str]:
    """The fields of a URL, as long as ClickHouse accepts them: it counts their bytes before it decodes them."""
    pairs = [pair.partition("=") for pair in request.raw_path.partition("?")[2].split("&")]
    _limit_fields((name, len(name), len(value)) for name, _, value in pairs)
    return dict(request.query)


async def _fields_of_form(request: web.Request, folder: Path) -> dict[str, str]:
    """The fields of a form. A part with a file name is a table in its query, for the engine a file."""
    fields: dict[str, str] = {}
    sizes = []
    boundary = request.headers["Content-Type"].partition("boundary=")[2].strip('"').encode()
    for part in (b"\r\n" + await request.read()).split(b"\r\n--" + boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        found = FORM_NAMES.search(head.decode())
        assert found
        name = found["name"]
        if found["file"] is not None:
            sizes.append((name, 0, 0))
            fields |= _external_table(fields, name, folder / name)
            (folder / name).write_bytes(value)
            continue
        sizes.append((name, len(name), len(value)))
        fields[name] = value.decode()
    _limit_fields(sizes)
    return {name: value for name, value in fields.items() if not name.endswith(("_format", "_structure"))}


def _external_table(fields: dict[str, str], name: str, path: Path) -> dict[str, str]:
    """The query, and the structure as a parameter: as src/Core/ExternalTable.cpp, the format comes before its file."""
    if f"{name}_structure" not in fields:
        text = f"Neither structure nor types have not been provided for external table {name}. (BAD_ARGUMENTS)"
        raise EngineError(36, text)
    structure = fields[f"{name}_structure"]
    parameter = f"structure_{zlib.crc32(structure.encode())}"
    table = f"file('{path}', '{fields.get(f'{name}_format', 'TabSeparated')}', {{{parameter}:String}})"
    return {"query": re.sub(rf"\bFROM {name}\b", f"FROM {table}", fields["query"]), f"param_{parameter}": structure}


def _limit_fields(fields: Iterable[tuple[str, int, int]]) -> None:
    """Raise what ClickHouse (src/Server/HTTP/HTMLForm.cpp) does for too many fields, or one that is too long."""
    for number, (_, name_bytes, value_bytes) in enumerate(fields):
        for is_too_much, text in (
            (number == MAX_FIELDS, "Too many form fields"),
            (name_bytes > MAX_FIELD_NAME_BYTES, "Field name too long"),
            (value_bytes > MAX_FIELD_BYTES, "Field value too long"),
        ):
            if is_too_much:
                raise EngineError(
                    POCO_EXCEPTION,
                    f"Poco::Exception. Code: 1000, e.code() = 0, HTML Form Exception: {text}",
                    is_foreign=True,
                )


async def _spool(request: web.Request, encoding: str, path: Path) -> None:
    """Write the body, decompressed, to a file: it may be longer than memory is."""
    if request.query.get("decompress") == "1" or encoding not in DECOMPRESSORS:
        raise EngineError(48, f"This compression is not supported: {encoding}. (NOT_IMPLEMENTED)")
    decompress = DECOMPRESSORS[encoding]()
    with path.open("wb") as spooled:
        async for chunk in request.content.iter_chunked(1 << 18):
            spooled.write(decompress(chunk))


def _statement(in_url: str, body: Path) -> str:
    """The statement of a request for the engine, which reads what is to be inserted from a file."""
    if FORMAT_AT_END.search(in_url) and re.match(r"\s*INSERT\b", in_url, re.IGNORECASE):
        return _insert_from(in_url, body)
    with body.open("a+b") as spooled:
        spooled.seek(0)
        head = spooled.read(HEAD_BYTES)
        insert = INSERT_OF_DATA.match(head) or INSERT_OF_INPUT.match(head)
        if insert and not in_url:
            spooled.seek(insert.end())
            data = body.with_name("data")
            with data.open("wb") as rest:
                shutil.copyfileobj(spooled, rest)
            return _insert_from(insert[0].decode(), data)
        text = "\n".join(part for part in (in_url, (head + spooled.read()).decode()) if part)
    if not text.strip():
        raise EngineError(62, "Syntax error: failed at position 1 (end of query): . Empty query. (SYNTAX_ERROR)")
    return text


def _insert_from(insert: str, data: Path) -> str:
    """An insert of what comes with the request, as an insert of a file; of `input()` too."""
    named = FORMAT_AT_END.search(insert)
    assert named
    if INPUT.search(insert):
        return INPUT.sub(lambda structure: f"file('{data}', '{named[1]}', {structure[1]})", insert[: named.start()])
    before, settings, after = insert.partition(" SETTINGS ")
    if not settings:
        before, after = insert[: named.start()], insert[named.start() :]
    return f"{before} FROM INFILE '{data}' {settings}{after}"


def _with_exception(body: bytes, headers: dict[str, str], code: int) -> tuple[bytes, dict[str, str]]:
    """Half of a body, and an exception in it as ClickHouse writes it since 25.11, when the status is long sent."""
    tag, text = "abcdefghijklmnop", f"Code: {code}. DB::Exception: Something is wrong. (AS_IT_WAS_TOLD)\n"
    end = f"\r\n__exception__\r\n{tag}\r\n{text}{len(text)} {tag}\r\n__exception__\r\n"
    return body[: len(body) // 2] + end.encode(), headers | {"X-ClickHouse-Exception-Tag": tag}


async def _half(request: web.Request, body: bytes, headers: dict[str, str]) -> web.StreamResponse:
    """Promise a body, and break off in the middle of it."""
    response = web.StreamResponse(headers=headers | {"Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport:
        request.transport.close()
    return response


async def _dripping(request: web.Request, body: bytes, headers: dict[str, str], seconds: float) -> web.StreamResponse:
    """Send a body byte by byte, for as long as the client reads it."""
    response = web.StreamResponse(headers=headers | {"Content-Length": str(len(body))})
    await response.prepare(request)
    with suppress(ConnectionError):
        for byte in body:
            await response.write(bytes([byte]))
            await asyncio.sleep(seconds)
    return response


def _reset(request: web.Request) -> None:
    """End the connection as a host does that has forgotten it."""
    if request.transport:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


class Listener:
    """The port of the interface, which can be closed and opened again."""

    def __init__(self, facade: Facade, port: int) -> None:
        self.facade = facade
        self.port = port
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Accept connections."""
        app = web.Application(client_max_size=1 << 40)
        app.router.add_get("/ping", self.facade.ping)
        app.router.add_route("*", "/", self.facade.handle)
        self._runner = web.AppRunner(
            app, access_log=None, auto_decompress=False, max_line_size=1 << 22, max_field_size=1 << 20
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, shutdown_timeout=0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Refuse connections, and drop those that there are."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def set_fault(self, request: web.Request) -> web.Response:
        """`POST /fault` of the control port."""
        fault = msgspec.json.decode(await request.read(), type=Fault)
        self.facade.set_fault(fault)
        if fault.kind == "refuse":
            await self.close()
        elif self._runner is None:
            await self.open()
        return web.Response(status=204)

    async def set_limits(self, request: web.Request) -> web.Response:
        """`POST /limits` of the control port."""
        self.facade.set_limits(msgspec.json.decode(await request.read(), type=Limits))
        return web.Response(status=204)

    async def get_requests(self, request: web.Request) -> web.Response:
        """`GET /requests` of the control port: those since it was asked last."""
        body = msgspec.json.encode([seen._asdict() for seen in self.facade.requests])
        self.facade.requests.clear()
        return web.Response(body=body, content_type="application/json")

    async def get_counts(self, request: web.Request) -> web.Response:
        """`GET /counts` of the control port: how many requests, and at most at once, since it was asked last; and how
        many are slow now.
        """
        facade = self.facade
        counts = {"asked": facade.asked, "most_at_once": facade.most_at_once, "slowed": facade.slowed}
        body = msgspec.json.encode(counts)
        facade.asked = facade.most_at_once = 0
        return web.Response(body=body, content_type="application/json")


def _engine(folder: Path) -> Engine | OldEngine:
    """The engine in a folder, of whichever version of chDB is found."""
    if "params" in inspect.signature(chdb.query).parameters:
        return Engine(folder)
    return OldEngine(folder)


async def serve(folder: Path, port: int, control_port: int) -> None:
    """Serve until the standard input ends."""
    listener = Listener(Facade(_engine(folder)), port)
    await listener.open()
    control = web.Application()
    control.router.add_post("/fault", listener.set_fault)
    control.router.add_post("/limits", listener.set_limits)
    control.router.add_get("/requests", listener.get_requests)
    control.router.add_get("/counts", listener.get_counts)
    runner = web.AppRunner(control, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", control_port).start()
    print(listener.port, runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def _end_with_input() -> None:
    """The parent's death closes the pipe; nothing here is worth a tidy end."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    arguments = parser.parse_args()
    threading.Thread(target=_end_with_input, daemon=True).start()
    asyncio.run(serve(arguments.folder, arguments.port, arguments.control_port))


if __name__ == "__main__":
    main()
