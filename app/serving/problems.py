"""Problem details (RFC 9457): the one place that makes the body of an error response, and its headers."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from uvicorn._types import ASGISendCallable

from app.serving.headers import COMMON, Headers

PROBLEM = "application/problem+json"
SERVER_FAILED = "the server failed to answer; its log says why"
"""The detail of a 500."""
RETRY_SECONDS = 5
"""`Retry-After` of a 503. A whole number: clients parse it as an integer."""


def problem_body(status: int, detail: str, extra: Mapping[str, Any] | None = None) -> bytes:
    """The JSON of a problem whose title is the status's phrase; `extra` are further members."""
    return msgspec.json.encode(
        {"status": status, "title": HTTPStatus(status).phrase, "detail": detail, **(extra or {})}
    )


def problem_headers(body: bytes, retry_after: int | None = None) -> Headers:
    """The headers of a problem, without those that all responses have. `retry_after` is in seconds."""
    headers = [
        (b"content-type", PROBLEM.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    if retry_after is not None:
        headers.append((b"retry-after", b"%d" % retry_after))
    return headers


@cache
def closing_problem(status: int, detail: str) -> tuple[Headers, bytes]:
    """All headers, and the body, of a problem that the socket sends itself; the connection ends after it."""
    body = problem_body(status, detail)
    retry_after = RETRY_SECONDS if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return [*problem_headers(body, retry_after), *COMMON.headers, (b"connection", b"close")], body


async def send_closing_problem(send: ASGISendCallable, status: int, detail: str) -> None:
    """Send such a problem as an ASGI app does."""
    headers, body = closing_problem(status, detail)
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})
