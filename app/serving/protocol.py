"""HTTP on the socket: uvicorn's protocol, with limits on what a client sends and for how long it may take.

uvicorn 0.54 limits neither the head of a request nor the time for it to arrive, does not require `Host`, answers an
invalid request before the ones that came earlier, and does so in plain text. It closes a connection right after the
last response, which resets it where input is unread. tests/test_uvicorn_names.py lists the private names used here.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any

import httptools
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.serving.client import network
from app.serving.headers import SEND_WHOLE, WHILE_CONNECTED, Headers, head
from app.serving.limits import Limits
from app.serving.problems import closing_problem, send_closing_problem

DEFAULT_LIMITS = Limits()

ABORTED_BEYOND = 2
"""Times the limit of connections."""

HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{0,5})?")
"""RFC 9110, section 7.2, for URLs of HTTP, whose host is not empty."""


class _RefusedError(Exception):
    """Makes the parser stop."""


class Protocol(HttpToolsProtocol):
    """One connection. An invalid request is answered with a problem, after the requests before it, and is the last."""

    def __init__(
        self, *args: Any, limits: Limits = DEFAULT_LIMITS, clients: Counter[str] | None = None, **kwargs: Any
    ) -> None:
        """`clients` are the connections of each client, which all protocols of a server share."""
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._clients: Counter[str] = Counter() if clients is None else clients
        self._client = ""
        self._arrival_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._response_transport = SimpleNamespace()
        self._active_cycle: RequestResponseCycle = None  # type: ignore[assignment]
        self._answering: asyncio.Task[None] | None = None
        self._extensions = {SEND_WHOLE: self._send_whole, WHILE_CONNECTED: self._while_connected}
        self._in_head = self._in_body = False
        self._head_bytes = self._body_bytes = self._framing_bytes = self._fed_bytes = 0
        self._trailers = self._trailer_bytes = 0
        self._refusal_status = 400
        self._is_refused = self._is_half_closed = self._is_stopping = False
        self._default_headers: Headers = []
        self._default_wire = b""

    # Called by the event loop and by the server.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # What uvicorn sends responses through: where it would close the connection, half-close it.
        self._response_transport = SimpleNamespace(
            write=transport.write, is_closing=transport.is_closing, close=self._half_close
        )
        self._expect_request()
        excess = len(self.connections) / self._limits.max_connections
        if self.client and not self._limits.is_proxy(self.client[0]):
            self._client = network(self.client[0])
            self._clients[self._client] += 1
            excess = max(excess, self._clients[self._client] / self._limits.max_connections_per_client)
        if excess > ABORTED_BEYOND:
            transport.abort()
        elif excess > 1:
            self.app = self._too_busy

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._client:
            self._clients[self._client] -= 1
            if not self._clients[self._client]:
                del self._clients[self._client]
        self._unset_keepalive_if_required()
        self._stop_expecting_request()
        self._stop_expecting_reads()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        if self._active_cycle is not None:
            # uvicorn notifies only the newest of several requests.
            self._active_cycle.disconnected = True
            self._active_cycle.message_event.set()
        if self._answering is not None:
            self._answering.cancel()

    def data_received(self, data: bytes) -> None:
        if self._is_refused or self._is_half_closed:
            return
        self._unset_keepalive_if_required()
        self._fed_bytes = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # Not granted: the request is answered like any other, and is the last one.
        except httptools.HttpParserError:
            self._refuse(self._refusal_status)
            return
        if self._in_head:
            # The parser passes on a header only when it is complete.
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.max_url_bytes + self._limits.max_header_bytes:
                self._refuse(431)
                return
        elif self._in_body:
            self._framing_bytes += len(data)
            if self._framing_bytes > self._limits.max_framing_bytes:
                self._refuse(400)
                return
        # Empty lines alone are no request, and do not keep a connection open.
        if self._arrival_timer is None and (self._in_head or self._in_body or self._is_idle()):
            self._expect_request()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to keep the connection: a client that sends no more may still wait for responses."""
        if self._is_half_closed or self._is_idle():
            return False
        if not self._is_refused:
            self.cycle.keep_alive = False
        self.loop.call_later(self._limits.probe_seconds, self._probe)
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reads()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_expecting_reads()

    def timeout_keep_alive_handler(self) -> None:
        self._close_if_idle()

    def shutdown(self) -> None:
        """Called once, when the server stops: requests that are being answered, or are on their way, are the last."""
        self._is_stopping = True
        if self._is_half_closed:
            self._linger()
        elif self._is_idle():
            self.loop.call_later(self._limits.stop_seconds, self._close_if_idle)
        else:
            self.cycle.keep_alive = False

    # Called by the parser, which turns any exception raised here into one of its own.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._body_bytes = self._framing_bytes = 0
        self._trailers = self._trailer_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._limits.max_url_bytes:
            self._stop_parser(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_body:
            super().on_header(name, value)
            return
        # A trailer: what follows a chunked body is no header of its request (RFC 9110, section 6.5.1).
        self._trailers += 1
        self._trailer_bytes += len(name) + len(value)
        if self._trailers > self._limits.max_headers or self._trailer_bytes > self._limits.max_header_bytes:
            self._stop_parser(431)

    def on_headers_complete(self) -> None:
        limits = self._limits
        if len(self.headers) > limits.max_headers or (
            # Counted only where they may be too long.
            self._head_bytes + self._fed_bytes > limits.max_header_bytes
            and sum(len(name) + len(value) for name, value in self.headers) > limits.max_header_bytes
        ):
            self._stop_parser(431)
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) != 1 and (hosts or self.parser.get_http_version() == "1.1"):
            # RFC 9112, section 3.2.
            self._stop_parser(400)
        if hosts and not HOST.fullmatch(hosts[0]):
            self._stop_parser(400)
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if codings and codings[-1].rpartition(b",")[2].strip().lower() != b"chunked":
            # RFC 9112, section 6.3: nothing says where the body ends.
            self._stop_parser(400)
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]
        super().on_headers_complete()
        self._in_head, self._in_body = False, True
        self.cycle.transport = self._response_transport  # type: ignore[assignment]
        self.cycle.send_500_response = self._send_failure  # type: ignore[method-assign]
        if self._is_stopping or self.parser.should_upgrade():
            # After a request to change the protocol, the parser reads no more HTTP.
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > self._limits.max_body_bytes:
            self._stop_parser(400)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_body = False
        self._stop_expecting_request()

    # Responses.

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._active_cycle = cycle
        super()._start_asgi_task(cycle, app)

    def _probe(self) -> None:
        """Find out whether a client that has sent an end of file waits for its answer: to one that has gone, the second
        write fails, and connection_lost is called. HTTP/1.0 has no interim responses."""
        cycle = self._active_cycle
        if self._answering is not None and not cycle.response_started and self.scope["http_version"] == "1.1":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.loop.call_later(self._limits.probe_seconds, self._probe)

    async def _while_connected(self, answering: Awaitable[None]) -> None:
        cycle, self._answering = self._active_cycle, asyncio.current_task()
        try:
            await answering
        except asyncio.CancelledError:
            # The server may have cancelled it too, which stops.
            if not cycle.disconnected:
                raise
        finally:
            self._answering = None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_refused and self._is_idle():
            self._send_refusal()

    async def _send_failure(self) -> None:
        """Answer a request that the app did not: it failed, or was cancelled when the time for stopping was over."""
        await self._send_problem(self._active_cycle.send, 503 if self._is_stopping else 500)

    async def _too_busy(self, _: Scope, __: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """An ASGI app that takes the place of ours."""
        await self._send_problem(send, 503)

    async def _send_problem(self, send: ASGISendCallable, status: int) -> None:
        await send_closing_problem(send, status, self._limits.detail(status))

    async def _send_whole(self, status: int, wire: bytes, body: bytes) -> None:
        """Do in one write what uvicorn's `send` does with the two messages of a response."""
        cycle = self._active_cycle
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
            self._half_close()
        cycle.on_response()

    def _default_lines(self, headers: Headers) -> bytes:
        """uvicorn's own headers on the wire; it makes a new list of them once a second."""
        if headers is not self._default_headers:
            self._default_headers, self._default_wire = headers, head(headers).wire
        return self._default_wire

    # Refusals.

    def _stop_parser(self, status: int) -> None:
        self._refusal_status = status
        raise _RefusedError

    def _refuse(self, status: int) -> None:
        self._refusal_status, self._is_refused = status, True
        if self._is_idle():
            self._send_refusal()

    def _send_refusal(self) -> None:
        # A request with an invalid body has had its response by now.
        if not (self._in_body or self._is_half_closed or self.transport.is_closing()):
            status = self._refusal_status
            headers, body = closing_problem(status, self._limits.detail(status))
            wire = head([*self.server_state.default_headers, *headers]).wire
            self.transport.write(b"".join([STATUS_LINE[status], wire, b"\r\n", body]))
        self._half_close()

    # Timers, and the end of the connection.

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_request(self) -> None:
        self._arrival_timer = self.loop.call_later(self._limits.request_seconds, self._request_is_late)

    def _stop_expecting_request(self) -> None:
        if self._arrival_timer is not None:
            self._arrival_timer.cancel()
            self._arrival_timer = None

    def _request_is_late(self) -> None:
        self._arrival_timer = None
        if not self._is_idle():
            self._expect_request()
        elif self._in_head and not self._is_refused:
            self._refuse(408)
        else:
            self._half_close()

    def _expect_reads(self) -> None:
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(self._limits.unread_seconds, self.transport.abort)

    def _stop_expecting_reads(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _half_close(self) -> None:
        """Send no more; discard what the client still sends, until it closes the connection too or time is up."""
        if self._is_half_closed or self.transport.is_closing():
            return
        self._is_half_closed = True
        self.pipeline.clear()
        self._stop_expecting_request()
        self.flow.resume_reading()
        try:
            self.transport.write_eof()
        except OSError:
            self.transport.close()  # The client has reset the connection.
        else:
            self._linger()

    def _linger(self) -> None:
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        seconds = self._limits.stop_seconds if self._is_stopping else self._limits.linger_seconds
        self._linger_timer = self.loop.call_later(seconds, self._stop_lingering)

    def _stop_lingering(self) -> None:
        if self.transport.get_write_buffer_size():
            self._expect_reads()
            self._linger()
        else:
            self.transport.close()

    def _close_if_idle(self) -> None:
        if self._is_idle() and not self._is_half_closed and not self.transport.is_closing():
            self.transport.close()
            if self.transport.get_write_buffer_size():
                self._expect_reads()
