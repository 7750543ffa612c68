"""An entry of the cache: a response, how it was computed, and when it expires."""

from collections.abc import Awaitable, Callable, Hashable
from math import inf
from typing import Any, NamedTuple

from app.cache.data_versions import DataVersion
from app.cache.response import CachedResponse, ResponseContent

RequestKey = tuple[bytes, bytes, bytes]
"""What identifies a request: path, query, Accept."""

Compute = Callable[..., Awaitable[ResponseContent]]
"""Called with a snapshot, a question, and what else the computation needs."""

ErrorContent = Callable[[Exception], ResponseContent | None]
"""The content of an error that lasts until the next day, as an unknown package does; None for any other error."""

NO_OPERATION = "none"
"""The operation of a request that no operation of the contract answers."""


class Computation(NamedTuple):
    """How a response is computed: by `compute(snapshot, question, *context)`. `key` identifies the response."""

    compute: Compute
    question: Any
    context: tuple[Any, ...]
    key: Hashable
    error_content: ErrorContent
    by_accept: bool


class CacheEntry:
    """A response under its key. `version` is that of the downloads in it; `expires` is a time of the clock of `now`.

    `period` is the store's at the last use.
    """

    __slots__ = ("bytes", "computation", "expires", "key", "operation", "period", "request_keys", "response", "version")

    def __init__(
        self,
        key: Hashable,
        response: CachedResponse,
        now: float,
        version: DataVersion | None = None,
        computation: Computation | None = None,
    ) -> None:
        self.key = key
        self.response = response
        self.version = version
        self.computation = computation
        self.expires = now + response.content.lifetime.seconds
        self.request_keys: list[RequestKey] = []
        self.bytes = 0
        self.period = 0
        self.operation = NO_OPERATION

    def renew(self, other: "CacheEntry") -> None:
        """Take over the response of another entry with the same key."""
        self.response, self.version, self.expires = other.response, other.version, other.expires
        self.computation = other.computation

    @property
    def is_refreshed(self) -> bool:
        """Whether the response is computed again after a new day. Responses with a time limit expire instead."""
        return self.computation is not None and self.expires == inf
