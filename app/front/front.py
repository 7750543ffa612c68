"""The ASGI layer before the API: sends what is finished, and gives every answer the headers that all have."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from app.front.answer import Headers, matches
from app.front.codings import Coding, preferred
from app.front.finder import Finder
from app.front.store import Kept, Line

# As ASGI has them; the servers' and the frameworks' own types for these do not agree.
Message: TypeAlias = Any
Scope: TypeAlias = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COMMON: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Link, Retry-After, X-Dataset"),
    (b"x-content-type-options", b"nosniff"),
]
DEMO: Headers = [*COMMON, (b"x-dataset", b"demo")]
PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-max-age", b"86400"),
]


class Front:
    """Answers from memory what it can, and passes on the rest. It has a `finder` from when the app has started."""

    finder: Finder

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        common = DEMO if self.finder.warehouse.is_demo else COMMON
        method = scope["method"]
        if method in {"GET", "HEAD"}:
            asked = Asked(scope)
            kept = self.finder.by_line(asked.line)
            if kept is not None and (lifetime := self.finder.lifetimes.of(kept)) is not None:
                await asked.send(self.finder, kept, [*lifetime, *common], send)
                return
        elif method == "OPTIONS":
            common = [*common, *PREFLIGHT]
        await self._app(scope, receive, with_headers(common, send))


class Asked:
    """What of a request decides which form of an answer it gets."""

    __slots__ = ("_condition", "_encoding", "_is_head", "line")

    def __init__(self, scope: Scope) -> None:
        accept = encoding = condition = b""
        for name, value in scope["headers"]:
            if name == b"accept":
                accept = b"%b,%b" % (accept, value) if accept else value
            elif name == b"accept-encoding":
                encoding = b"%b,%b" % (encoding, value) if encoding else value
            elif name == b"if-none-match":
                condition = b"%b,%b" % (condition, value) if condition else value
        self.line: Line = (scope["raw_path"], scope["query_string"], accept)
        self._encoding = encoding
        self._condition = condition
        self._is_head = scope["method"] == "HEAD"

    async def send(self, finder: Finder, kept: Kept, headers: Headers, send: Send) -> None:
        """Send an answer, with these headers and its own: the variant that the client likes best, or a 304."""
        answer = kept.answer
        coding: Coding = preferred(self._encoding) if answer.is_compressible and self._encoding else "identity"
        # A condition is about a success (RFC 9110, section 13.2.1).
        if self._condition and not answer.is_error and matches(self._condition.decode("latin-1"), answer.etag(coding)):
            await send(_start(304, [*answer.unmodified(coding), *headers]))
            await send({"type": "http.response.body", "body": b""})
            return
        variant = answer.variant(coding) or await finder.compressed(kept, coding)
        await send(_start(answer.status, [*variant.headers, *headers]))
        await send({"type": "http.response.body", "body": b"" if self._is_head else variant.content})


def _start(status: int, headers: Headers) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def with_headers(headers: Headers, send: Send) -> Send:
    """A `send` that adds headers to the answer that passes through it."""

    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return add
