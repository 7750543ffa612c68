"""What one client may send, for how long the server waits for it, and how many connections are served."""

import resource
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import msgspec

from app.serving.problems import SERVER_FAILED

MAX_CONNECTIONS = 5_000
CLIENT_SHARE = 5
"""A client may have one in so many of all connections."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of `app.serving.protocol.Protocol`; `functools.partial(Protocol, limits=…)` binds others."""

    request_seconds: float = 10.0
    """Time for a request to arrive: from its first byte, or from the start of its connection, to its last byte."""
    unread_seconds: float = 60.0
    """Time for a client to read what waits for it; then the connection is aborted."""
    linger_seconds: float = 5.0
    """Time for which input is read and discarded after the last response (RFC 9112, section 9.6): closing with unread
    input makes the kernel reset the connection, and the client may lose that response."""
    probe_seconds: float = 0.25
    """Time between interim responses to a client that has closed its side of the connection and waits, or has gone:
    what is sent to one that has gone is refused."""
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

    max_connections_per_client: int = MAX_CONNECTIONS // CLIENT_SHARE
    """Of one network (`app.serving.client.network`). Beyond, each gets a 503; beyond twice as many, it is aborted."""
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Clients that this does not apply to: the connections of a proxy are those of all its clients."""

    def is_proxy(self, address: str) -> bool:
        """Whether an address is one of the proxies."""
        return bool(self.proxies) and any(ip_address(address) in proxy for proxy in self.proxies)

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


def process_limits(proxies: Sequence[str] = ()) -> Limits:
    """The limits that suit the number of files this process may open, after raising its soft limit where possible.

    Connections get a quarter of the open files: ClickHouse opens files too. `proxies` are addresses and networks.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * MAX_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    connections = MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, soft // 4)
    return Limits(
        max_connections=connections,
        max_connections_per_client=connections // CLIENT_SHARE,
        proxies=tuple(ip_network(proxy) for proxy in proxies),
    )
