"""How GitHub's API wants to be asked: its limits kept, conditionally, and not again for what is missing.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import aiohttp
from yarl import URL

from app.discovery.sources.errors import BadTokenError, RateLimitedError, UnexpectedStatusError
from app.discovery.sources.etag_cache import ETagCache, Missing
from app.discovery.sources.github_limits import GitHubLimits, Quota
from app.discovery.sources.http import Sleep, SourceClient, SourceResponse
from app.settings import Secret

MAX_BYTES = 5 * 1024 * 1024
API_VERSION = "2022-11-28"
JSON = "application/vnd.github+json"
RAW = "application/vnd.github.raw+json"

OK = 200
NOT_MODIFIED = 304
UNAUTHORIZED = 401
GONE = frozenset({404, 410, 451})
"""Not there (or not for us), removed, or taken down."""

MAX_REFUSALS = 5
TOKEN_REFUSED_FOR = timedelta(minutes=5)
"""GitHub shuts out whoever goes on with a bad token."""

NEXT_LINK = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?')

logger = logging.getLogger(__name__)


class GitHubAPI:
    """The API at a base URL. See `GitHub` for the arguments."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        token: Secret,
        *,
        max_concurrent: int,
        missing_seconds: float,
        max_entries: int,
        now: Callable[[], datetime],
        sleep: Sleep,
    ) -> None:
        self.service = SourceClient("GitHub", session, base_url, max_bytes=MAX_BYTES, sleep=sleep)
        self._token = token
        self._slots = asyncio.Semaphore(max_concurrent)
        self._limits = GitHubLimits(now)
        self._known = ETagCache(max_entries)
        self._missing = Missing(missing_seconds, max_entries, now)
        self._token_refused_until: datetime | None = None
        self._now = now
        self._sleep = sleep

    @property
    def quota(self) -> Quota | None:
        """What is left of the quota of requests (searches have another); None before the first answer."""
        return self._limits.quotas.get("core")

    async def get(self, url: URL, *, accept: str = JSON, wait: bool) -> SourceResponse | None:
        """The answer to a URL below the base; None where there is nothing.

        Raises QuotaSpentError, BadTokenError and SourceUnavailableError.
        """
        answer = await self.service.follow(url, lambda url: self._ask_unless_known(url, accept, wait))
        if answer.status == OK:
            return answer
        if answer.status in GONE:
            return None
        if answer.status == UNAUTHORIZED:
            self._token_refused_until = self._now() + TOKEN_REFUSED_FOR
            raise BadTokenError("GitHub does not accept GITHUB_TOKEN")
        raise UnexpectedStatusError(f"GitHub answers {answer.status}", answer.status)

    def next_page(self, answer: SourceResponse) -> URL | None:
        """The next page, as the answer's own `Link` header says; None where there is none, or not below the base."""
        match = NEXT_LINK.search(answer.headers.get("Link", ""))
        return self.service.link(answer, match[1]) if match else None

    async def _ask_unless_known(self, url: URL, accept: str, wait: bool) -> SourceResponse:
        """An answer, from memory where GitHub says that it has not changed, or said lately that there is none."""
        key = (str(url), accept)
        if key in self._missing:
            return SourceResponse(url, 404, {}, b"")
        known = self._known.get(key)
        headers = {"Accept": accept, "X-GitHub-Api-Version": API_VERSION}
        if known:
            headers["If-None-Match"] = known.headers["ETag"]
        answer = await self._ask(url, headers, wait)
        if answer.status == NOT_MODIFIED and known:
            return known
        if answer.status == OK and "ETag" in answer.headers:
            self._known.put(key, answer)
        if answer.status in GONE:
            self._known.forget(key)
            self._missing.add(key)
        return answer

    async def _ask(self, url: URL, headers: dict[str, str], wait: bool) -> SourceResponse:
        """An answer that is no refusal because of a limit. Waits as long as GitHub wants, or raises QuotaSpentError."""
        resource = "search" if url.path.endswith("/search/repositories") else "core"
        refusals = 0
        while True:
            # Nobody waits for a limit inside: that would keep those out who only want to hear that it is reached.
            async with self._slots:
                until = self._limits.blocked_until(resource)
                if until is None:
                    answer = await self.service.get(url, headers | self._authorization())
                    if not self._limits.note(resource, answer):
                        return answer
                    refusals += 1
                    until = self._limits.blocked_until(resource) or self._now()
            if not wait or refusals >= MAX_REFUSALS:
                raise RateLimitedError("GitHub's limit of requests is reached", until)
            seconds = max(0.0, (until - self._now()).total_seconds()) + 1
            logger.info("GitHub's limit of requests is reached; going on in %d seconds", seconds)
            await self._sleep(seconds)

    def _authorization(self) -> dict[str, str]:
        if self._token_refused_until and self._token_refused_until > self._now():
            raise BadTokenError("GitHub does not accept GITHUB_TOKEN")
        token = self._token.reveal().strip()
        return {"Authorization": f"Bearer {token}"} if token else {}
