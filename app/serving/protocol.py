"""HTTP on the socket: uvicorn's protocol, with limits on what a stranger sends, and for how long.

uvicorn 0.54 bounds neither the head of a request nor the time in which it has to arrive, asks for no `Host`, lets a
request that it cannot read answer for the one before it, and speaks plain text then.
"""

import asyncio
import resource
from functools import cache
from typing import Any

import httptools
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.serving.headers import SEND_WHOLE, Headers, head
from app.serving.problems import problem_response, send_problem

REQUEST_SECONDS = 10.0
"""In which a request has to arrive: from its first byte, or the opening of its connection, to its last."""
UNREAD_SECONDS = 60.0
"""In which a client has to read what waits for it, before it is given up."""
LINGER_SECONDS = 0.5
"""How long open connections are still listened to by a server that stops: a request may be on its way."""
MAX_URL_BYTES = 64_000
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768
MAX_BODY_BYTES = 65_536
"""No path takes a body; a small one is read over."""
MAX_CONNECTIONS = 5_000

DETAILS = {
    400: "the request is not HTTP/1.1 as RFC 9112 has it",
    408: f"a request has {REQUEST_SECONDS:.0f} seconds to arrive",
    414: f"a URL may have {MAX_URL_BYTES:,} bytes",
    431: f"a request may have {MAX_HEADERS} headers, of {MAX_HEADER_BYTES:,} bytes together",
    500: "the server failed to answer; its log says why",
    503: "the server is stopping, or has too many connections",
}


class _RefusedError(Exception):
    """Makes the parser stop."""


class Protocol(HttpToolsProtocol):
    """One connection. What is wrong with a request is said after the answers to those before it, and ends it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arrival: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle = None  # type: ignore[assignment]
        self._extensions = {SEND_WHOLE: self._send_whole}
        self._in_head = self._in_body = False
        self._head_bytes = self._body_bytes = self._fed_bytes = 0
        self._reason = 400
        self._refused = False
        self._stopping = False
        self._defaults: Headers = []
        self._default_wire = b""

    # What happens to the connection.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_request()
        if len(self.connections) > 2 * most_connections():
            transport.abort()
        elif len(self.connections) > most_connections():
            self.app = _too_busy

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._request_has_arrived()
        self._reading_goes_on()
        if self._answering is not None:
            # uvicorn tells the newest of several requests only.
            self._answering.disconnected = True
            self._answering.message_event.set()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._unset_keepalive_if_required()
        self._fed_bytes = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # Not granted: the request is answered as any other, and is the last one.
        except httptools.HttpParserError:
            self._refuse(self._reason)
            return
        if self._in_head:
            # The parser hands out a header only when it has the whole of it.
            self._head_bytes += len(data)
            if self._head_bytes > MAX_URL_BYTES + MAX_HEADER_BYTES:
                self._refuse(431)
                return
        # Empty lines alone are no request; nor may they keep a connection for ever.
        if self._arrival is None and (self._in_head or self._in_body or self._is_idle()):
            self._expect_request()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to keep the connection: who sends no more may still wait for answers."""
        if self._is_idle():
            return False
        if not self._refused:
            self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reading_goes_on()

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def shutdown(self) -> None:
        """Called once, when the server stops: no more than what is being answered, or on its way."""
        self._stopping = True
        if self._is_idle():
            self.loop.call_later(LINGER_SECONDS, self._close_if_idle)
        else:
            self.cycle.keep_alive = False

    # What the parser finds. It turns what is raised here into an error of its own.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_URL_BYTES:
            self._stop_parser(414)

    def on_headers_complete(self) -> None:
        if len(self.headers) > MAX_HEADERS or (
            # Counted only where they may be too much.
            self._head_bytes + self._fed_bytes > MAX_HEADER_BYTES
            and sum(len(name) + len(value) for name, value in self.headers) > MAX_HEADER_BYTES
        ):
            self._stop_parser(431)
        hosts = [name for name, _ in self.headers].count(b"host")
        if hosts != 1 and (hosts or self.parser.get_http_version() == "1.1"):
            # RFC 9112, section 3.2.
            self._stop_parser(400)
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]
        super().on_headers_complete()
        self._in_head, self._in_body = False, True
        self.cycle.send_500_response = self._send_failure  # type: ignore[method-assign]
        if self._stopping or self.parser.should_upgrade():
            # After a wish for another protocol the parser takes nothing more for HTTP.
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > MAX_BODY_BYTES:
            self._stop_parser(400)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_body = False
        self._request_has_arrived()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._expect_reading()
        if self._refused and self._is_idle():
            self._say_refused()

    # What is done about it.

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _stop_parser(self, reason: int) -> None:
        self._reason = reason
        raise _RefusedError

    def _refuse(self, reason: int) -> None:
        self._reason, self._refused = reason, True
        if self._is_idle():
            self._say_refused()

    def _say_refused(self) -> None:
        # Where it was its body that is wrong, the request has had its answer by now.
        if not self._in_body and not self.transport.is_closing():
            headers, body = problem_response(self._reason, DETAILS[self._reason])
            wire = head([*self.server_state.default_headers, *headers]).wire
            self.transport.write(b"".join([STATUS_LINE[self._reason], wire, b"\r\n", body]))
        self._close_gently()

    async def _send_failure(self) -> None:
        """What a request gets that the app has not answered: it failed, or was ended with the time for stopping."""
        status = 503 if self._stopping else 500
        await send_problem(self._answering.send, status, DETAILS[status])

    async def _send_whole(self, status: int, wire: bytes, body: bytes) -> None:
        """What uvicorn's `send` does with an answer's two messages, in one piece."""
        cycle = self._answering
        if self.flow.write_paused and not cycle.disconnected:
            await self.flow.drain()
        if cycle.disconnected:
            return
        lines = [STATUS_LINE[status], self._default_lines(cycle.default_headers), wire]
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        self.transport.writelines([*lines, b"\r\n", body])
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def _default_lines(self, headers: Headers) -> bytes:
        """Those of uvicorn's own headers, which it makes anew once a second."""
        if headers is not self._defaults:
            self._defaults, self._default_wire = headers, head(headers).wire
        return self._default_wire

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_request(self) -> None:
        self._arrival = self.loop.call_later(REQUEST_SECONDS, self._request_is_late)

    def _request_has_arrived(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _request_is_late(self) -> None:
        self._arrival = None
        if not self._is_idle():
            self._expect_request()
        elif self._in_head and not self._refused:
            self._refuse(408)
        else:
            self._close()

    def _close_if_idle(self) -> None:
        if self._is_idle():
            self._close()

    def _close_gently(self) -> None:
        """Read on for a moment: to close with something unread makes the kernel take back what was sent last."""
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self._close)

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
            if self.transport.get_write_buffer_size():
                self._expect_reading()

    def _expect_reading(self) -> None:
        if self._reading is None:
            self._reading = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def _reading_goes_on(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None


@cache
def most_connections() -> int:
    """How many connections get answers, by what this process may open: ClickHouse opens files too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * MAX_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, soft // 4)


async def _too_busy(_: Scope, __: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """An app in the place of ours."""
    await send_problem(send, 503, DETAILS[503])
