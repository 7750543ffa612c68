"""The headers that every response has, including errors, preflights and the refusals of the socket."""

from typing import NamedTuple

Headers = list[tuple[bytes, bytes]]

SEND_WHOLE = "pypistats-server.send-whole"
"""An ASGI extension that app/serving/protocol.py provides: `await extension(status, wire, body)` writes a response
in one piece, and no layer between reads its headers again."""

WHILE_CONNECTED = "pypistats-server.while-connected"
"""Likewise: `await extension(answering)` awaits what answers the request, and cancels it when the client has gone."""


class Head(NamedTuple):
    """Headers of a response, as an ASGI list and as bytes on the wire."""

    headers: Headers
    wire: bytes


def head(headers: Headers) -> Head:
    """Both forms of these headers. Raises ValueError for a line break in one."""
    wire = b"".join([b"%b: %b\r\n" % header for header in headers])
    if wire.count(b"\n") != len(headers) or wire.count(b"\r") != len(headers):
        raise ValueError("a header contains a line break")
    return Head(headers, wire)


EXPOSED = [
    "Content-Disposition",
    "ETag",
    "Link",
    "RateLimit",
    "RateLimit-Limit",
    "RateLimit-Policy",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Dataset",
    "X-Request-ID",
]
COMMON = head(
    [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-expose-headers", ", ".join(EXPOSED).encode()),
        # Any page may embed a response, as it may read it.
        (b"cross-origin-resource-policy", b"cross-origin"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    ]
)
DEMO = head([*COMMON.headers, (b"x-dataset", b"demo")])
PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-max-age", b"86400"),
]
