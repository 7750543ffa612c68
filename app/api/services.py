"""What handlers work with, and how they respond: with content that is computed from downloads, or that is at hand."""

from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Any, NamedTuple

from litestar import Request, Response
from litestar.datastructures import State
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from app.api.errors import lasting_problem_content
from app.cache.answers import AnswerCache
from app.cache.data_versions import DataVersion
from app.cache.entry import CacheEntry, Computation, Compute, ErrorContent
from app.cache.middleware import RequestHeaders, operation_of, send_response
from app.cache.response import ResponseContent
from app.charts.render import Renderer
from app.discovery.service import Discovery
from app.metrics import Metrics
from app.public_url import PublicUrl
from app.serving.worker_pool import WorkerPool
from app.settings import Settings
from app.warehouse.sources.service import SyncService


class Services(NamedTuple):
    """The dependency of every handler.

    One dependency, because Litestar starts a task for each if there are several, which doubles the time of a request.
    """

    settings: Settings
    public_url: PublicUrl
    now: Callable[[], datetime]
    answers: AnswerCache
    discovery: Discovery
    renderer: Renderer
    readmes: WorkerPool
    metrics: Metrics
    sync: SyncService | None

    async def compute(
        self,
        compute: Compute,
        question: Any,
        *context: Any,
        key: Hashable = None,
        error_content: ErrorContent = lasting_problem_content,
        by_accept: bool = False,
        fresh: bool = False,
    ) -> CacheEntry:
        """The cache entry with what `compute(snapshot, question, *context)` returns.

        It is cached by `compute` and the question, or the key if there is one. `error_content` gives the content of
        errors that are cached too; `by_accept` says that `Accept` may have chosen it; `fresh` computes it in any case.
        """
        computation = Computation(compute, question, context, (compute, key or question), error_content, by_accept)
        return await self.answers.get(computation, fresh=fresh)

    async def respond(
        self, request: Request[Any, Any, Any], compute: Compute, question: Any, *context: Any, **options: Any
    ) -> Response[bytes]:
        """The response of that cache entry."""
        entry = await self.compute(compute, question, *context, **options)
        return self.send_entry(request, entry, is_found_again=not options.get("fresh"))

    def send(
        self,
        request: Request[Any, Any, Any],
        content: ResponseContent,
        key: Hashable = None,
        version: DataVersion | None = None,
    ) -> Response[bytes]:
        """The response with this content, which is cached by the key as long as its lifetime says."""
        return self.send_entry(request, self.answers.put(key, content, version))

    def send_entry(
        self, request: Request[Any, Any, Any], entry: CacheEntry, *, is_found_again: bool = True
    ) -> Response[bytes]:
        """The response of a cache entry, which the same request finds again without coming here."""
        headers = RequestHeaders(request.scope)
        entry.operation = operation_of(request.scope)
        if is_found_again:
            self.answers.remember(headers.key, entry)
        return FinishedResponse(self.answers, entry, headers)


def provide_services(state: State) -> Services:
    """The services that the app made when it started."""
    services: Services = state.services
    return services


class FinishedResponse(Response[bytes]):
    """A response that is sent as the cache has it: Litestar adds nothing to it."""

    def __init__(self, answers: AnswerCache, entry: CacheEntry, headers: RequestHeaders) -> None:
        super().__init__(b"")
        self._sender = _Sender(answers, entry, headers)

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        return self._sender


class _Sender(ASGIResponse):
    def __init__(self, answers: AnswerCache, entry: CacheEntry, headers: RequestHeaders) -> None:
        self._answers, self._entry, self._headers = answers, entry, headers

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        freshness = self._answers.policy.check_or_stale(self._entry)
        response = await self._headers.negotiate(self._answers, self._entry, freshness)
        headers = [header for head in response.heads for header in head.headers]
        await send_response(send, response.status, headers, response.body)
