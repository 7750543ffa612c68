"""What the socket says to a request that the app has not answered: a problem (RFC 9457); then the connection ends."""

from functools import cache
from http import HTTPStatus

import msgspec
from uvicorn._types import ASGISendCallable

from app.serving.headers import COMMON, Headers

RETRY_SECONDS = 5


@cache
def problem_response(status: int, detail: str) -> tuple[Headers, bytes]:
    """The headers and the body."""
    body = msgspec.json.encode({"status": status, "title": HTTPStatus(status).phrase, "detail": detail})
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *COMMON.headers,
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", b"%d" % RETRY_SECONDS))
    return [*headers, (b"connection", b"close")], body


async def send_problem(send: ASGISendCallable, status: int, detail: str) -> None:
    """Send it as ASGI has it."""
    headers, body = problem_response(status, detail)
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})
