"""Finished answers: made once for a question and a state of the data, kept, and sent with their ETag.

The one place that sets ETag and Cache-Control on what is answered.
"""

import hashlib
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Self

import msgspec
from async_lru import alru_cache
from litestar import Request, Response

from app.settings import Settings
from app.stats.windows import next_day_due
from app.warehouse.layout import Published
from app.warehouse.warehouse import Warehouse

MAX_KEPT_BYTES = 1 << 20
"""An answer longer than this is not kept: one package's releases over years can have a hundred times the usual."""

JSON = "application/json"
CSV = "text/csv"  # Litestar adds the charset to text.


class Body(msgspec.Struct, frozen=True):
    """An encoded body, what it is, its status, and further headers that belong to it."""

    content: bytes
    media_type: str
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 200


class Answer(msgspec.Struct, frozen=True):
    """A body ready to be sent."""

    body: Body
    etag: str

    @classmethod
    def of(cls, body: Body) -> Self:
        """A body with its ETag."""
        return cls(body, f'"{hashlib.blake2b(body.content, digest_size=16).hexdigest()}"')


Make = Callable[[Warehouse, Published, Any], Awaitable[Body]]


class Answers:
    """Answers to questions. However many ask the same at once, it is worked out once."""

    def __init__(self, warehouse: Warehouse, settings: Settings, now: Callable[[], datetime]) -> None:
        self.warehouse = warehouse
        self.settings = settings
        self.now = now
        self._kept = alru_cache(maxsize=settings.cache_max_entries)(self._make)

    async def _make(self, make: Callable[..., Awaitable[Body]], *parts: Any) -> Answer:
        return Answer.of(await make(*parts))

    async def kept(self, make: Callable[..., Awaitable[Body]], *parts: Any) -> Answer:
        """What `make` works out from hashable parts, on which alone it depends; nothing is kept where it raises."""
        answer = await self._kept(make, *parts)
        if len(answer.body.content) > MAX_KEPT_BYTES:
            self._kept.cache_invalidate(make, *parts)
        return answer

    async def respond(
        self,
        request: Request[Any, Any, Any],
        make: Make,
        question: Any,
        *,
        fresh: bool = False,
        min_age: int = 0,
    ) -> Response[bytes]:
        """The answer to a question about downloads that `make` works out, as the request asks for it.

        `fresh` has it worked out again; HTTP caches may keep it for at least `min_age` seconds.
        """
        published = await self.warehouse.published()
        work_out = self._make if fresh else self.kept
        answer = await work_out(make, self.warehouse, published, question)
        return self.send(request, answer, max(min_age, self.seconds_until_new_day(published)))

    def send(self, request: Request[Any, Any, Any], answer: Answer, max_age: int) -> Response[bytes]:
        """An answer that an HTTP cache may keep for `max_age` seconds, as the request asks for it."""
        headers = {
            "ETag": answer.etag,
            "Cache-Control": f"public, max-age={max_age}",
            "Vary": "Accept",
            **dict(answer.body.headers),
        }
        body = answer.body
        # A condition is about a success (RFC 9110, section 13.2.1).
        if body.status == HTTPStatus.OK and matches(request.headers.get("if-none-match"), answer.etag):
            return Response(b"", status_code=304, headers=headers, media_type=body.media_type)
        return Response(body.content, status_code=body.status, headers=headers, media_type=body.media_type)

    def seconds_until_new_day(self, published: Published) -> int:
        """Until the next day is due; from then on it may come at any moment."""
        until_due = 0
        if published.newest_day is not None:
            until_due = math.ceil((next_day_due(published.newest_day) - self.now().astimezone(UTC)).total_seconds())
        return until_due if until_due > 0 else self.settings.cache_ttl_seconds


def matches(if_none_match: str | None, etag: str) -> bool:
    """RFC 9110, section 13.1.2: any of a list, compared weakly, or `*`."""
    if if_none_match is None:
        return False
    candidates = [candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")]
    return etag in candidates or "*" in candidates
