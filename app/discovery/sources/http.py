"""Outgoing HTTP: one session for all, and `SourceClient`, which asks one base URL and nothing else.

The driver's errors become ours here, and are dropped as causes: aiohttp's hold the request's headers, so the token.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import aiohttp
import msgspec
from yarl import URL

from app import __version__
from app.discovery.sources.errors import (
    DiscoveryError,
    MalformedResponseError,
    RedirectError,
    ResponseTooLargeError,
    SourceUnavailableError,
)

USER_AGENT = f"pypistats-server/{__version__} (self-hosted JSON API for PyPI download statistics)"
CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 20.0
TRIES = 3
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 4.0
MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 307, 308})
SERVER_FAILURES = 500
CHUNK_BYTES = 64 * 1024

Shape = TypeVar("Shape")
Sleep = Callable[[float], Awaitable[None]]


def open_session(
    *, connect_seconds: float = CONNECT_SECONDS, total_seconds: float = TOTAL_SECONDS
) -> aiohttp.ClientSession:
    """The session of all clients; whoever opens it closes it. Needs a running event loop."""
    return aiohttp.ClientSession(
        headers={"User-Agent": USER_AGENT},
        timeout=aiohttp.ClientTimeout(total=total_seconds, connect=connect_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


class SourceResponse(msgspec.Struct, frozen=True, eq=False):
    """An answer with its whole body. Header names are case-insensitive; `url` is what was asked."""

    url: URL
    status: int
    headers: Mapping[str, str]
    body: bytes


class SourceClient:
    """A service at a base URL. `name` stands for it in messages; a body beyond `max_bytes` is not read on."""

    def __init__(
        self, name: str, session: aiohttp.ClientSession, base_url: str, *, max_bytes: int, sleep: Sleep = asyncio.sleep
    ) -> None:
        self.name = name
        self._session = session
        self._base = URL(base_url.rstrip("/"))
        self._max_bytes = max_bytes
        self._sleep = sleep

    def url(self, *segments: str) -> URL:
        """The URL of a path below the base."""
        return self._base.joinpath(*segments)

    def link(self, answer: SourceResponse, link: str) -> URL | None:
        """The URL of a link in an answer; None where that is not below the base: its scheme, host, port and path."""
        try:
            url = answer.url.join(URL(link))
        except ValueError:
            return None
        below = url.path.startswith(self._base.path.rstrip("/") + "/")
        if not url.is_absolute() or not below or url.origin() != self._base.origin():
            return None
        return url.with_user(self._base.user).with_password(self._base.password)

    async def get(self, url: URL, headers: Mapping[str, str] = {}) -> SourceResponse:
        """The answer, whatever its status below 500. Failures that may pass are tried again, after a pause.

        Raises SourceUnavailableError and AnswerTooLargeError.
        """
        failure = ""
        for number in range(TRIES):
            if number:
                # Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
                longest = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (number - 1))
                await self._sleep(random.uniform(0, longest))  # noqa: S311, nothing secret about it
            try:
                answer = await self._exchange(url, headers)
            except ValueError:
                # Not even sent: an address that is none, or a header that cannot be one.
                raise DiscoveryError(f"{self.name} cannot be asked: its URL or its token is not usable") from None
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                failure = f"does not answer ({type(error).__name__})"
                continue
            if answer.status < SERVER_FAILURES:
                return answer
            failure = f"answers {answer.status}"
        raise SourceUnavailableError(f"{self.name} {failure}") from None

    async def follow(self, url: URL, ask: Callable[[URL], Awaitable[SourceResponse]]) -> SourceResponse:
        """What `ask` answers about a URL, or about where it redirects to, as long as that stays below the base.

        Raises RedirectedAwayError where it does not.
        """
        for _ in range(MAX_REDIRECTS + 1):
            answer = await ask(url)
            if answer.status not in REDIRECTS:
                return answer
            target = self.link(answer, answer.headers.get("Location", ""))
            if target is None:
                raise RedirectError(f"{self.name} redirects to another place")
            url = target
        raise RedirectError(f"{self.name} redirects more than {MAX_REDIRECTS} times")

    def decode(self, answer: SourceResponse, shape: type[Shape]) -> Shape:
        """A JSON body. Raises MalformedAnswerError where it is not of this shape; unknown keys are ignored."""
        try:
            return msgspec.json.decode(answer.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            reason = str(error) if isinstance(error, msgspec.ValidationError) else "not JSON"
            raise MalformedResponseError(f"{self.name} answers not what it should: {reason}") from None

    async def _exchange(self, url: URL, headers: Mapping[str, str]) -> SourceResponse:
        async with self._session.get(url, headers=headers, allow_redirects=False) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                body += chunk
                if len(body) > self._max_bytes:
                    raise ResponseTooLargeError(f"{self.name} answers with more than {self._max_bytes} bytes")
            return SourceResponse(url, response.status, response.headers, bytes(body))
