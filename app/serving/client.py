"""Who sends a request. What a client may use is shared out by network: one IPv4 address, or one IPv6 network."""

from contextvars import ContextVar
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

IPV6_PREFIX = 64
"""An IPv6 client has a network of at least this size."""
MAX_ADDRESS_LENGTH = 45

current_client: ContextVar[str] = ContextVar("current_client", default="")
"""The network of the client whose request is being answered; empty for what the server does by itself."""


def network(address: str) -> str:
    """The key of a client: an IPv4 address or an IPv6 network. All invalid addresses together are one client."""
    # Cut before it is remembered: a proxy may pass on whatever a client calls its address.
    return _network(address[: MAX_ADDRESS_LENGTH + 1])


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return f"{int(parsed) >> (128 - IPV6_PREFIX):x}/{IPV6_PREFIX}"
