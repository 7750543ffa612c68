"""The headers that ClickHouse sends while a statement runs, if it is asked to (send_progress_in_http_headers).

As in src/Server/HTTP/WriteBufferFromHTTPServerResponse.cpp: a header comes when there is progress, and not more often
than http_headers_progress_interval_ms. The status is sent with the first, so it is 200 whatever follows; an exception
is another header at the end.
"""

import asyncio
import json
from email.utils import formatdate
from typing import Any

from aiohttp import web

from tests.support.clickhouse_engine import Asked, Engine

DEFAULT_INTERVAL_MS = "100"


class ProgressHeaders:
    """The head of one answer, from when on it is sent."""

    def __init__(self, request: web.Request, engine: Engine) -> None:
        self._request = request
        self._engine = engine
        self._sent: set[str] = set()
        """The names of headers that are sent; none as long as no progress was."""

    async def send_while(self, running: "asyncio.Future[Any]", asked: Asked, headers: dict[str, str]) -> None:
        """Send headers until the statement has ended."""
        if asked.settings.get("send_progress_in_http_headers") not in {"1", "true"}:
            return
        seconds = int(asked.settings.get("http_headers_progress_interval_ms", DEFAULT_INTERVAL_MS)) / 1000
        last = None
        while not (await asyncio.wait([running], timeout=seconds))[0]:
            progress = await asyncio.to_thread(self._engine.progress, asked)
            if progress and progress != last and not running.done():
                self._begin(headers)
                self._write(f"X-ClickHouse-Progress: {json.dumps(progress)}\r\n")
                last = progress

    def _begin(self, headers: dict[str, str]) -> None:
        if not self._sent:
            begun = {"Date": formatdate(usegmt=True), "Connection": "close", "Transfer-Encoding": "chunked", **headers}
            self._write("HTTP/1.1 200 OK\r\n" + "".join(f"{name}: {value}\r\n" for name, value in begun.items()))
            self._sent = {name.lower() for name in begun}

    def complete(self, response: web.StreamResponse) -> web.StreamResponse:
        """Send the rest of a response whose head was sent; the connection is not used again."""
        if self._sent and isinstance(response, web.Response):
            rest = {name: value for name, value in response.headers.items() if name.lower() not in self._sent}
            self._write("".join(f"{name}: {value}\r\n" for name, value in rest.items()) + "\r\n")
            body = response.body if isinstance(response.body, bytes) else b""
            self._write(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n" if body else b"0\r\n\r\n")
            if self._request.transport:
                self._request.transport.close()
        return response

    def _write(self, data: str | bytes) -> None:
        transport = self._request.transport
        if transport and not transport.is_closing():
            transport.write(data if isinstance(data, bytes) else data.encode())
