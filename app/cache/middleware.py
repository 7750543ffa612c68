"""The ASGI middleware around the app: request id, common headers, rate limit, cached responses, access log."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias

from app.cache.answers import AnswerCache
from app.cache.compression import Coding, preferred
from app.cache.entry import NO_OPERATION, CacheEntry, RequestKey
from app.cache.policy import Freshness
from app.cache.response import ERROR, matches
from app.public_url import ANY_HOST, PublicUrl
from app.serving.access_log import AccessLog, client_address
from app.serving.client import current_client, network
from app.serving.headers import COMMON, DEMO, PREFLIGHT, SEND_WHOLE, WHILE_CONNECTED, Head, Headers, head
from app.serving.logs import request_id as current_request_id
from app.serving.problems import RETRY_SECONDS, problem_body, problem_headers
from app.serving.rate_limiter import RateLimitDecision, RateLimiter
from app.serving.request_id import accepted, new_id
from app.serving.turns import FairQueue, NoTurnError

# As ASGI has them; the servers' and the frameworks' own types for these do not agree.
Message: TypeAlias = Any
Scope: TypeAlias = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

UNLIMITED_PATHS = frozenset({"/health", "/metrics"})
"""Exempt from the rate limit: operators need them most while there are too many requests."""

MAX_COMPUTED = 5_000
MAX_COMPUTED_OF_CLIENT = 32
"""Requests that are not answered from the cache and are handled at once; the others wait, and are dropped where their
clients have gone. Each takes some milliseconds of the event loop, in which no cached response is sent."""

logger = logging.getLogger(__name__)


class CacheMiddleware:
    """Sends cached responses, and passes other requests on to the app.

    The layers of a request, in order: the path of PUBLIC_URL (`PublicUrl`), request id (`RequestHeaders`), rate limit
    (`RateLimiter`), cache (`AnswerCache`), conditional requests and compression (`RequestHeaders.negotiate`), and the
    access log (`AccessLog`). They are one class because a cached response takes some 25 µs, of which every ASGI wrapper
    would add several.
    """

    def __init__(
        self,
        app: App,
        answers: AnswerCache,
        access_log: AccessLog,
        limiter: RateLimiter | None = None,
        public_url: PublicUrl = ANY_HOST,
        *,
        knows_proxies: bool = False,
    ) -> None:
        self._app = app
        self._answers = answers
        self._access_log = access_log
        self._limiter = limiter
        self._public_url = public_url
        self._knows_proxies = knows_proxies
        self._computed = FairQueue(MAX_COMPUTED, MAX_COMPUTED, MAX_COMPUTED_OF_CLIENT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        if self._public_url.root:
            scope = self._public_url.without_root(scope)
        request = RequestHeaders(scope)
        request_id = request.request_id or new_id()
        common = DEMO if self._answers.warehouse.is_demo else COMMON
        own = [(b"x-request-id", request_id)]
        if self._limiter is not None and scope["path"] not in UNLIMITED_PATHS:
            decision = self._limiter.take(client_address(scope))
            own += decision.headers
            if not decision.is_accepted:
                await self._refuse(scope, decision, [*common.headers, *own], send)
                self._access_log.record(scope, request_id, NO_OPERATION, 429, "miss", started)
                return
        entry = self._answers.find(request.key) if request.is_read else None
        if entry is not None and (freshness := self._answers.policy.check(entry)) is not None:
            response = await request.negotiate(self._answers, entry, freshness)
            await _send_whole(scope, send, response, [*response.heads, common, head(own)])
            self._access_log.record(scope, request_id, entry.operation, response.status, "hit", started)
            return
        headers = [*common.headers, *own]
        recorder = ResponseRecorder(headers if scope["method"] != "OPTIONS" else headers + PREFLIGHT, send)
        current_request_id.set(request_id.decode())
        current_client.set(network(client_address(scope)))
        try:
            while_connected = scope["extensions"].get(WHILE_CONNECTED) if "extensions" in scope else None
            answering = self._compute(scope, receive, recorder)
            await (while_connected(answering) if while_connected is not None else answering)
        finally:
            # Status 0: the client has gone, and nothing was sent.
            if recorder.status:
                operation = operation_of(scope)
                self._access_log.record(scope, request_id, operation, recorder.status, "miss", started)

    async def _compute(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in UNLIMITED_PATHS:
            await self._app(scope, receive, send)
            return
        try:
            async with self._computed.turn():
                await self._app(scope, receive, send)
        except NoTurnError:
            body = problem_body(503, "too many requests wait for an answer")
            await send_response(send, 503, problem_headers(body, RETRY_SECONDS), body)

    async def _refuse(self, scope: Scope, decision: RateLimitDecision, headers: Headers, send: Send) -> None:
        self._access_log.counters.limited += 1
        if not self._knows_proxies and any(name == b"x-forwarded-for" for name, _ in scope["headers"]):
            self._knows_proxies = True
            logger.warning(
                "%s sends X-Forwarded-For and is limited as one client: if it is your proxy, "
                "name it in FORWARDED_ALLOW_IPS",
                client_address(scope),
            )
        refusal, body = decision.refusal()
        await send_response(send, 429, [*refusal, *headers], b"" if scope["method"] == "HEAD" else body)


def operation_of(scope: Scope) -> str:
    """The operationId of the operation that answered."""
    handler = scope.get("route_handler")
    return getattr(handler, "operation_id", None) or NO_OPERATION


class NegotiatedResponse(NamedTuple):
    """What is sent of a cached response."""

    status: int
    heads: tuple[Head, Head]
    body: bytes


class RequestHeaders:
    """What of a request decides which response it gets, and in which form."""

    __slots__ = ("_accept_encoding", "_if_none_match", "_is_head", "is_read", "key", "request_id")

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
        self.key: RequestKey = (scope["raw_path"], scope["query_string"], accept)
        self._accept_encoding = encoding
        self._if_none_match = condition
        method = scope["method"]
        self._is_head = method == "HEAD"
        self.is_read = self._is_head or method == "GET"

    async def negotiate(self, answers: AnswerCache, entry: CacheEntry, freshness: Freshness) -> NegotiatedResponse:
        """The response as a 304, or in the content coding that the client prefers."""
        response = entry.response
        answers.stale_responses += freshness.is_stale
        accepts = response.is_compressible and self._accept_encoding
        coding: Coding = preferred(self._accept_encoding) if accepts else "identity"
        # A condition applies to a successful response only (RFC 9110, section 13.2.1).
        if self._if_none_match and response.status < ERROR and matches(self._if_none_match, response.etag(coding)):
            return NegotiatedResponse(304, (response.unmodified(coding), freshness.head), b"")
        variant = response.variant(coding) or await answers.compress(entry, coding)
        body = b"" if self._is_head else variant.body
        return NegotiatedResponse(response.status, (variant.head, freshness.head), body)


async def _send_whole(scope: Scope, send: Send, response: NegotiatedResponse, heads: Sequence[Head]) -> None:
    """Send a response in one write if the server has the extension for it, else as ASGI messages."""
    send_whole = scope["extensions"].get(SEND_WHOLE) if "extensions" in scope else None
    if send_whole is not None:
        await send_whole(response.status, b"".join([part.wire for part in heads]), response.body)
    else:
        await send_response(send, response.status, [header for part in heads for header in part.headers], response.body)


async def send_response(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a response as ASGI messages."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class ResponseRecorder:
    """A `send` that adds headers to the response and records its status; the status is 0 before it starts."""

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
