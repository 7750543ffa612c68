"""Outgoing HTTP: the session of all clients, and `SourceClient`, which sends requests below one base URL only.

aiohttp's errors are translated here, and dropped as causes: they hold the request's headers, and so the token.
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
MAX_ATTEMPTS = 3
FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 4.0
MAX_REDIRECTS = 3
REDIRECT_STATUSES = frozenset({301, 302, 307, 308})
SERVER_ERROR = 500
CHUNK_BYTES = 64 * 1024

Body = TypeVar("Body")
Sleep = Callable[[float], Awaitable[None]]


def open_session(
    *, connect_seconds: float = CONNECT_SECONDS, total_seconds: float = TOTAL_SECONDS
) -> aiohttp.ClientSession:
    """The session of all clients, which the caller closes. Needs a running event loop."""
    return aiohttp.ClientSession(
        headers={"User-Agent": USER_AGENT},
        timeout=aiohttp.ClientTimeout(total=total_seconds, connect=connect_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        # HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as for ClickHouse.
        trust_env=True,
    )


class SourceResponse(msgspec.Struct, frozen=True, eq=False):
    """A response with its whole body. Header names are case-insensitive; `url` is that of the request."""

    url: URL
    status: int
    headers: Mapping[str, str]
    body: bytes


class SourceClient:
    """A client of the service at a base URL. Messages call it `name`; a body beyond `max_bytes` is an error."""

    def __init__(
        self, name: str, session: aiohttp.ClientSession, base_url: str, *, max_bytes: int, sleep: Sleep = asyncio.sleep
    ) -> None:
        self.name = name
        self._session = session
        self._base = URL(base_url.rstrip("/"))
        self._max_bytes = max_bytes
        self._sleep = sleep

    def url(self, *segments: str) -> URL:
        return self._base.joinpath(*segments)

    def link(self, response: SourceResponse, link: str) -> URL | None:
        """The URL of a link in a response; None unless it is below the base: its scheme, host, port and path."""
        try:
            url = response.url.join(URL(link))
        except ValueError:
            return None
        below = url.path.startswith(self._base.path.rstrip("/") + "/")
        if not url.is_absolute() or not below or url.origin() != self._base.origin():
            return None
        return url.with_user(self._base.user).with_password(self._base.password)

    async def get(self, url: URL, headers: Mapping[str, str] = {}) -> SourceResponse:
        """The response, whatever its status below 500. Transient failures are retried, with exponential backoff.

        Raises SourceUnavailableError and ResponseTooLargeError.
        """
        failure = ""
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                # Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
                longest = min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** (attempt - 1))
                await self._sleep(random.uniform(0, longest))  # noqa: S311, not for cryptography
            try:
                response = await self._send(url, headers)
            except ValueError:
                # Raised before anything is sent: by an invalid URL, or by a token that is no valid header.
                raise DiscoveryError(f"{self.name} cannot be asked: its URL or its token is not valid") from None
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                failure = f"does not answer ({type(error).__name__})"
                continue
            if response.status < SERVER_ERROR:
                return response
            failure = f"answers {response.status}"
        raise SourceUnavailableError(f"{self.name} {failure}") from None

    async def follow(self, url: URL, get: Callable[[URL], Awaitable[SourceResponse]]) -> SourceResponse:
        """The response of `get` to a URL, after redirects below the base. Raises RedirectError for any other one."""
        for _ in range(MAX_REDIRECTS + 1):
            response = await get(url)
            if response.status not in REDIRECT_STATUSES:
                return response
            target = self.link(response, response.headers.get("Location", ""))
            if target is None:
                raise RedirectError(f"{self.name} redirects to another place")
            url = target
        raise RedirectError(f"{self.name} redirects more than {MAX_REDIRECTS} times")

    def decode(self, response: SourceResponse, body_type: type[Body]) -> Body:
        """The JSON body; unknown keys are ignored. Raises MalformedResponseError if it is not of this type."""
        try:
            return msgspec.json.decode(response.body, type=body_type)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            reason = str(error) if isinstance(error, msgspec.ValidationError) else "not JSON"
            raise MalformedResponseError(f"{self.name} gave a malformed response: {reason}") from None

    async def _send(self, url: URL, headers: Mapping[str, str]) -> SourceResponse:
        async with self._session.get(url, headers=headers, allow_redirects=False) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                body += chunk
                if len(body) > self._max_bytes:
                    raise ResponseTooLargeError(f"{self.name} gave a response of more than {self._max_bytes} bytes")
            return SourceResponse(url, response.status, response.headers, bytes(body))
