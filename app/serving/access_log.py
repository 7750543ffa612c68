"""What is recorded of every response that was sent: counters, and a log line where ACCESS_LOG asks for it."""

import logging
from time import perf_counter
from typing import Any, TypeAlias

from app.serving.counters import Cached, RequestCounters

Scope: TypeAlias = Any

logger = logging.getLogger("app.access")


class AccessLog:
    """Counts responses, and logs them if it is enabled."""

    def __init__(self, *, enabled: bool) -> None:
        self.counters = RequestCounters()
        self._enabled = enabled

    def record(
        self, scope: Scope, request_id: bytes, operation: str, status: int, cached: Cached, started: float
    ) -> None:
        """Record a response that has been sent; `started` is the time of `perf_counter` at which its request came."""
        seconds = perf_counter() - started
        self.counters.count(operation, status, cached, seconds)
        if not self._enabled:
            return
        query = scope["query_string"]
        # Servers do not agree on whether the query is part of raw_path.
        path = scope["raw_path"].partition(b"?")[0]
        target = path + b"?" + query if query else path
        facts = {
            "status": status,
            "seconds": round(seconds, 6),
            "client": client_address(scope),
            "operation": operation,
            "cached": cached,
            "request_id": request_id.decode(),
        }
        logger.info("%s %s", scope["method"], target.decode("latin-1"), extra=facts)


def client_address(scope: Scope) -> str:
    """The client's address; empty if there is none, as on a Unix socket."""
    return str(scope["client"][0]) if scope["client"] else ""
