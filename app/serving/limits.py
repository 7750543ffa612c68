"""What one client may send, for how long the server waits for it, and how many connections are served."""

import resource

import msgspec

from app.serving.problems import SERVER_FAILED

MAX_CONNECTIONS = 5_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of `app.serving.protocol.Protocol`; `functools.partial(Protocol, limits=…)` binds others."""

    request_seconds: float = 10.0
    """Time for a request to arrive: from its first byte, or from the start of its connection, to its last byte."""
    unread_seconds: float = 60.0
    """Time for a client to read what waits for it; then the connection is aborted."""
    linger_seconds: float = 5.0
    """Time for which input is read and discarded after the last response (RFC 9112, section 9.6): closing with unread
    input makes the kernel reset the connection, and the client may lose that response."""
    stop_seconds: float = 0.5
    """Time for which a stopping server reads from open connections: a request may be on its way."""
    max_url_bytes: int = 64_000
    max_headers: int = 100
    max_header_bytes: int = 32_768
    """Of all headers of a request together."""
    max_body_bytes: int = 65_536
    """No path takes a body; a small one is read and ignored."""
    max_framing_bytes: int = 1 << 20
    """Of a body as it is sent: with the sizes and extensions of its chunks, and its trailers."""
    max_connections: int = MAX_CONNECTIONS
    """Connections that get responses. Beyond, each gets a 503; beyond twice as many, it is aborted."""

    def detail(self, status: int) -> str:
        """The detail of the problem that the socket sends with a status."""
        return {
            400: "the request is not HTTP/1.1 as defined by RFC 9112",
            408: f"a request must arrive within {self.request_seconds:g} seconds",
            414: f"a URL may have up to {self.max_url_bytes:,} bytes",
            431: f"a request may have up to {self.max_headers} headers of {self.max_header_bytes:,} bytes in total",
            500: SERVER_FAILED,
            503: "the server is stopping, or has too many connections",
        }[status]


def process_limits() -> Limits:
    """The limits that suit the number of files this process may open, after raising its soft limit where possible.

    Connections get a quarter of the open files: ClickHouse opens files too.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * MAX_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return Limits(
        max_connections=MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, soft // 4)
    )
