"""Requests to GitHub's API: authorised, conditional, and within its rate limits.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import aiohttp
from yarl import URL

from app.discovery.sources.errors import BadTokenError, RateLimitedError, UnexpectedStatusError
from app.discovery.sources.github_limits import GitHubLimits, Quota
from app.discovery.sources.http import Sleep, SourceClient, SourceResponse
from app.discovery.sources.lookup_cache import LookupCache
from app.settings import Secret

MAX_RESPONSE_BYTES = 5 << 20
MAX_CACHED_BYTES = 64 << 20
API_VERSION = "2022-11-28"
JSON = "application/vnd.github+json"
RAW = "application/vnd.github.raw+json"

OK = 200
NOT_MODIFIED = 304
UNAUTHORIZED = 401
GONE_STATUSES = frozenset({404, 410, 451})
"""Not found (or not visible to the token), removed, or taken down."""

BAD_TOKEN_PAUSE = timedelta(minutes=5)
"""No requests for so long after a 401: GitHub blocks clients that go on with a bad token."""

NEXT_LINK = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?')


class GitHubAPI:
    """The API at a base URL. See `GitHub` for the arguments."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        token: Secret,
        *,
        max_concurrent: int,
        max_entries: int,
        now: Callable[[], datetime],
        sleep: Sleep,
    ) -> None:
        self.client = SourceClient("GitHub", session, base_url, max_bytes=MAX_RESPONSE_BYTES, sleep=sleep)
        self._token = token
        self._slots = asyncio.Semaphore(max_concurrent)
        self._limits = GitHubLimits(now)
        # Without a lifetime: each response is validated by its ETag before it is used again.
        self._responses: LookupCache[tuple[str, str], SourceResponse] = LookupCache(
            lifetime=timedelta(0),
            negative_lifetime=timedelta(0),
            max_entries=max_entries,
            max_bytes=MAX_CACHED_BYTES,
            size_of=lambda response: len(response.body),
            now=now,
        )
        self._token_refused_until: datetime | None = None
        self._now = now

    @property
    def quota(self) -> Quota | None:
        """What is left of the quota of requests (searches have another); None before the first response."""
        return self._limits.quotas.get("core")

    async def get(self, url: URL, *, accept: str = JSON) -> SourceResponse | None:
        """The 200 response to a URL below the base; None if the resource does not exist.

        Raises RateLimitedError, BadTokenError and SourceUnavailableError.
        """
        response = await self.client.follow(url, lambda url: self._get_conditionally(url, accept))
        if response.status == OK:
            return response
        if response.status in GONE_STATUSES:
            return None
        if response.status == UNAUTHORIZED:
            self._token_refused_until = self._now() + BAD_TOKEN_PAUSE
            raise BadTokenError("GitHub does not accept GITHUB_TOKEN")
        raise UnexpectedStatusError(f"GitHub answers {response.status}", response.status)

    def next_page(self, response: SourceResponse) -> URL | None:
        """The next page, from the `Link` header; None if there is none, or if it is not below the base."""
        match = NEXT_LINK.search(response.headers.get("Link", ""))
        return self.client.link(response, match[1]) if match else None

    async def _get_conditionally(self, url: URL, accept: str) -> SourceResponse:
        """The response; the cached one where GitHub answers that it has not changed."""
        key = (str(url), accept)
        cached = self._responses.peek(key)
        headers = {"Accept": accept, "X-GitHub-Api-Version": API_VERSION}
        if cached:
            headers["If-None-Match"] = cached.headers["ETag"]
        response = await self._get_within_limits(url, headers)
        if response.status == NOT_MODIFIED and cached:
            return cached
        if response.status == OK and "ETag" in response.headers:
            self._responses.put(key, response)
        return response

    async def _get_within_limits(self, url: URL, headers: dict[str, str]) -> SourceResponse:
        """The response. Raises RateLimitedError, without a request while a limit is known to be reached."""
        resource = "search" if url.path.endswith("/search/repositories") else "core"
        async with self._slots:
            until = self._limits.blocked_until(resource)
            if until is None:
                response = await self.client.get(url, headers | self._authorization())
                if not self._limits.update(resource, response):
                    return response
                until = self._limits.blocked_until(resource) or self._now()
        raise RateLimitedError("GitHub's rate limit is reached", until)

    def _authorization(self) -> dict[str, str]:
        if self._token_refused_until and self._token_refused_until > self._now():
            raise BadTokenError("GitHub does not accept GITHUB_TOKEN")
        token = self._token.reveal().strip()
        return {"Authorization": f"Bearer {token}"} if token else {}
