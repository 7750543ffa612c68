"""The sockets that `serve` listens on, their URLs, and the server that answers on them."""

import logging
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

import uvicorn
from uvicorn.supervisors import Multiprocess

from app.settings import SettingError

FAILED_TO_START = 3
"""The exit status of uvicorn for it."""

logger = logging.getLogger(__name__)

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (what a user asked for)
"""Addresses that stand for all of a machine's, and one of these that a browser can open."""


def listening_sockets(host: str, port: int) -> list[socket.socket]:
    """A bound socket for each address of a host, all with one port; `::` takes IPv4 connections too.

    The host may be in brackets. Raises SettingError if it has no address that can be bound.
    """
    host = without_brackets(host)
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            sockets.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                # asyncio would set it in any case; whether it is set without that depends on the system.
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
            listener.bind((address[0], port or sockets[0].getsockname()[1], *address[2:]))
            listener.set_inheritable(True)
    except OSError as error:
        for listener in sockets:
            listener.close()
        raise SettingError(f"--host {host}, --port {port}: nothing can listen there: {error.strerror}") from None
    return sockets


def local_url(host: str, sockets: Sequence[socket.socket]) -> str:
    """A URL that a browser on this machine can open."""
    host = without_brackets(host)
    return _url(WILDCARDS.get(host, host), sockets[0].getsockname()[1])


def without_brackets(host: str) -> str:
    """`::1` for `[::1]`, as it is written in a URL."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn says where it listens only if it has opened the sockets itself."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        _say_where(sockets or ())


def _say_where(sockets: Sequence[socket.socket]) -> None:
    urls = " and ".join(_url(*listener.getsockname()[:2]) for listener in sockets)
    logger.info("running on %s (Ctrl-C to quit)", urls)


def run_server(config: uvicorn.Config, sockets: list[socket.socket]) -> None:
    """Serve until a signal ends it. uvicorn raises the signal again when the server has stopped."""
    server = _Server(config)
    with suppress(KeyboardInterrupt):
        if config.workers > 1:
            _say_where(sockets)
            Multiprocess(config, sockets).run()
        else:
            server.run(sockets)
    if config.workers == 1 and not server.started:
        sys.exit(FAILED_TO_START)
