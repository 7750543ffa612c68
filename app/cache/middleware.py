"""The ASGI layer before the API: sends what is finished, gives every answer the headers that all have, counts it."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, TypeAlias

from app.cache.answers import AnswerCache
from app.cache.compression import Coding, preferred
from app.cache.response import matches
from app.cache.store import NO_OPERATION, CacheEntry, RequestKey
from app.serving.counters import Cached, RequestCounters
from app.serving.headers import COMMON, DEMO, PREFLIGHT, SEND_WHOLE, Head, Headers, head
from app.serving.logs import request_id
from app.serving.rate_limiter import RateLimitDecision, RateLimiter
from app.serving.request_id import accepted, new_id
from app.settings import Settings

# As ASGI has them; the servers' and the frameworks' own types for these do not agree.
Message: TypeAlias = Any
Scope: TypeAlias = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

UNLIMITED = frozenset({"/health", "/metrics"})
"""What operators ask, and have to know most of all when there are too many requests."""

logger = logging.getLogger(__name__)
access = logging.getLogger("app.access")


class CacheMiddleware:
    """Answers from memory what it can, and passes on the rest. It has a `finder` from when the app has started."""

    finder: AnswerCache

    def __init__(self, app: App, settings: Settings) -> None:
        self.requests = RequestCounters()
        self.limiter = RateLimiter.of(settings.rate_limit)
        self._app = app
        self._logs_access = settings.access_log
        self._hears_proxies = bool(settings.forwarded_allow_ips)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        asked = RequestHeaders(scope)
        name = asked.request_id or new_id()
        common = DEMO if self.finder.warehouse.is_demo else COMMON
        own = [(b"x-request-id", name)]
        if self.limiter is not None and scope["path"] not in UNLIMITED:
            verdict = self.limiter.take(_client(scope))
            own += verdict.headers
            if not verdict.is_accepted:
                await self._refuse(scope, verdict, [*common.headers, *own], send)
                self._note(scope, name, NO_OPERATION, 429, "miss", began)
                return
        kept = self.finder.by_line(asked.line) if asked.is_read else None
        if kept is not None and (lifetime := self.finder.lifetimes.of(kept)) is not None:
            status, form, body = await asked.form(self.finder, kept, lifetime)
            await _send_whole(scope, send, status, (form, lifetime, common, head(own)), body)
            self._note(scope, name, kept.operation, status, "hit", began)
            return
        headers = [*common.headers, *own]
        passed_on = ResponseRecorder(headers if scope["method"] != "OPTIONS" else headers + PREFLIGHT, send)
        request_id.set(name.decode())
        try:
            await self._app(scope, receive, passed_on)
        finally:
            # Nothing was sent to a client that has gone.
            if passed_on.status:
                self._note(scope, name, operation_of(scope), passed_on.status, "miss", began)

    async def _refuse(self, scope: Scope, verdict: RateLimitDecision, headers: Headers, send: Send) -> None:
        """Say that it is too much, and from when on it is not."""
        self.requests.limited += 1
        if not self._hears_proxies and any(name == b"x-forwarded-for" for name, _ in scope["headers"]):
            self._hears_proxies = True
            logger.warning(
                "%s sends X-Forwarded-For and is limited as one client: if it is your proxy, "
                "name it in FORWARDED_ALLOW_IPS",
                _client(scope),
            )
        refusal, body = verdict.refusal()
        await send_answer(send, 429, [*refusal, *headers], b"" if scope["method"] == "HEAD" else body)

    def _note(self, scope: Scope, name: bytes, operation: str, status: int, cached: Cached, began: float) -> None:
        """Count an answer that has been sent, and log it where that is asked for."""
        seconds = perf_counter() - began
        self.requests.count(operation, status, cached, seconds)
        if self._logs_access:
            query = scope["query_string"]
            # Servers do not agree on whether the query is part of it.
            path = scope["raw_path"].partition(b"?")[0]
            target = path + b"?" + query if query else path
            facts = {
                "status": status,
                "seconds": round(seconds, 6),
                "client": _client(scope),
                "operation": operation,
                "cached": cached,
                "request_id": name.decode(),
            }
            access.info("%s %s", scope["method"], target.decode("latin-1"), extra=facts)


def _client(scope: Scope) -> str:
    """The client's address; where there is none, as on a Unix socket, nothing."""
    return str(scope["client"][0]) if scope["client"] else ""


def operation_of(scope: Scope) -> str:
    """The operation that answered, as openapi.yaml calls it."""
    handler = scope.get("route_handler")
    return getattr(handler, "operation_id", None) or NO_OPERATION


class RequestHeaders:
    """What of a request decides which form of an answer it gets."""

    __slots__ = ("_condition", "_encoding", "_is_head", "is_read", "line", "request_id")

    def __init__(self, scope: Scope) -> None:
        accept = encoding = condition = b""
        self.request_id = b""
        for name, value in scope["headers"]:
            if name == b"accept":
                accept = b"%b,%b" % (accept, value) if accept else value
            elif name == b"accept-encoding":
                encoding = b"%b,%b" % (encoding, value) if encoding else value
            elif name == b"if-none-match":
                condition = b"%b,%b" % (condition, value) if condition else value
            elif name == b"x-request-id" and accepted(value):
                self.request_id = value
        self.line: RequestKey = (scope["raw_path"], scope["query_string"], accept)
        self._encoding = encoding
        self._condition = condition
        method = scope["method"]
        self._is_head = method == "HEAD"
        self.is_read = self._is_head or method == "GET"

    async def form(self, finder: AnswerCache, kept: CacheEntry, lifetime: Head) -> tuple[int, Head, bytes]:
        """The status, headers and body of an answer: of the variant that the client likes best, or of a 304."""
        answer = kept.answer
        if lifetime.headers[0][0] == b"age":
            finder.stale += 1
        coding: Coding = preferred(self._encoding) if answer.is_compressible and self._encoding else "identity"
        # A condition is about a success (RFC 9110, section 13.2.1).
        if self._condition and not answer.is_error and matches(self._condition, answer.etag(coding)):
            return 304, answer.unmodified(coding), b""
        variant = answer.variant(coding) or await finder.compressed(kept, coding)
        return answer.status, variant.head, b"" if self._is_head else variant.content


async def _send_whole(scope: Scope, send: Send, status: int, heads: Sequence[Head], body: bytes) -> None:
    """Send a finished answer: past the server's look at its headers, where that is ours."""
    at_once = scope["extensions"].get(SEND_WHOLE) if "extensions" in scope else None
    if at_once is not None:
        await at_once(status, b"".join([part.wire for part in heads]), body)
    else:
        await send_answer(send, status, [header for part in heads for header in part.headers], body)


async def send_answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send an answer as ASGI has it."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class ResponseRecorder:
    """A `send` that adds headers to the answer that passes through it, and notes its status; 0 where there is none."""

    __slots__ = ("_headers", "_send", "status")

    def __init__(self, headers: Headers, send: Send) -> None:
        self._headers = headers
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._headers]
        await self._send(message)
