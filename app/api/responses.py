"""From a request to an answer: what handlers ask of the front (app/front), and how Litestar comes to send it."""

from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Any

from litestar import Request, Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from app.api.errors import lasting_problem_body
from app.cache.answers import AnswerCache, AsBody, Make
from app.cache.middleware import RequestHeaders, operation_of, send_answer
from app.cache.response import CachedResponse, ResponseContent
from app.cache.store import CacheEntry
from app.settings import Settings
from app.warehouse.reading.warehouse import Warehouse


class Answers:
    """Answers to questions, as responses."""

    def __init__(self, warehouse: Warehouse, settings: Settings, now: Callable[[], datetime]) -> None:
        self.warehouse = warehouse
        self.settings = settings
        self.now = now
        self.finder = AnswerCache(warehouse, settings, now)

    async def respond(
        self,
        request: Request[Any, Any, Any],
        make: Make,
        question: Hashable,
        *,
        as_body: AsBody = lasting_problem_body,
        by_accept: bool = False,
        fresh: bool = False,
    ) -> Response[bytes]:
        """The answer to a question about downloads that `make` works out; `as_body` is for the errors that last.

        `by_accept` says that `Accept` may have chosen `make`; `fresh` has it worked out for every such request.
        """
        kept = await self.finder.find(make, question, as_body=as_body, by_accept=by_accept, fresh=fresh)
        return self.send(request, kept, is_named=not fresh)

    def keep(
        self, request: Request[Any, Any, Any], key: Hashable, body: ResponseContent, seconds: float
    ) -> Response[bytes]:
        """An answer that has nothing to do with downloads: kept, here and by HTTP caches, for some seconds."""
        return self.send(request, self.finder.keep(CacheEntry.until(seconds, key, CachedResponse(body))))

    def send(self, request: Request[Any, Any, Any], kept: CacheEntry, *, is_named: bool = True) -> Response[bytes]:
        """An answer, in the form that the request asks for. If it is kept, the next such request need not come here."""
        asked = RequestHeaders(request.scope)
        kept.operation = operation_of(request.scope)
        if is_named:
            self.finder.name(asked.line, kept)
        return FinishedResponse(self.finder, kept, asked)


class FinishedResponse(Response[bytes]):
    """A finished answer: Litestar adds nothing to it."""

    def __init__(self, finder: AnswerCache, kept: CacheEntry, asked: RequestHeaders) -> None:
        super().__init__(b"")
        self._sender = _Sender(finder, kept, asked)

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        """What sends it."""
        return self._sender


class _Sender(ASGIResponse):
    def __init__(self, finder: AnswerCache, kept: CacheEntry, asked: RequestHeaders) -> None:
        self._finder, self._kept, self._asked = finder, kept, asked

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        lifetime = self._finder.lifetimes.now(self._kept)
        status, form, body = await self._asked.form(self._finder, self._kept, lifetime)
        await send_answer(send, status, [*form.headers, *lifetime.headers], body)
