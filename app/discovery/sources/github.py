"""Repositories and their files, from GitHub's REST API: https://docs.github.com/en/rest."""

import asyncio
import logging
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated, Any

import aiohttp
import msgspec
from yarl import URL

from app.discovery.sources.errors import MalformedResponseError
from app.discovery.sources.github_api import RAW, GitHubAPI
from app.discovery.sources.github_limits import Quota
from app.discovery.sources.http import Sleep
from app.discovery.sources.repository_names import ImpossibleRepositoryError, RepositoryName
from app.settings import Secret

CHANGELOG = "CHANGELOG.md"
CHANGELOG_STEMS = ("changelog", "changes", "history", "news", "release_notes", "release-notes", "releases")
CHANGELOG_SUFFIXES = (".md", ".markdown", ".rst", ".txt", "")
CHANGELOG_FOLDERS = ("docs", "doc")

logger = logging.getLogger(__name__)


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository. Times are UTC; `license` is an SPDX identifier, None where GitHub recognises no license."""

    full_name: str
    description: str | None
    stars: int
    forks: int
    open_issues: int
    license: str | None
    archived: bool
    topics: Sequence[str]
    created_at: datetime | None
    pushed_at: datetime | None
    homepage: str | None
    html_url: str

    @property
    def name(self) -> RepositoryName:
        return RepositoryName.parse(self.full_name)


class Document(msgspec.Struct, frozen=True):
    """A text file: its path in the repository, its text, and the URL of its page on GitHub."""

    path: str
    content: str
    source: str


class GitHub:
    """A client of GitHub's API, or of a GitHub Enterprise Server's.

    All methods raise RateLimitedError, BadTokenError and SourceUnavailableError. Up to `max_entries` responses are
    cached for conditional requests, which do not count against the quota.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        token: Secret,
        *,
        max_concurrent: int = 10,
        max_entries: int = 10_000,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._api = GitHubAPI(
            session,
            base_url,
            token,
            max_concurrent=max_concurrent,
            max_entries=max_entries,
            now=now,
            sleep=sleep,
        )

    @property
    def quota(self) -> Quota | None:
        """What is left of the quota of requests (searches have another); None before the first response."""
        return self._api.quota

    async def search(self, topic: str, pages: int, per_page: int) -> list[Repository]:
        """The repositories of a topic, by stars, most first; from at most so many pages."""
        query = {"q": f"topic:{topic}", "sort": "stars", "order": "desc", "per_page": str(per_page)}
        url: URL | None = self._api.client.url("search", "repositories").with_query(query)
        found: dict[RepositoryName, Repository] = {}
        while url and pages > 0:
            response = await self._api.get(url)
            if response is None:
                break
            page = self._api.client.decode(response, _SearchPage)
            if page.incomplete_results:
                logger.warning("GitHub's search for topic %r timed out: some repositories may be missing", topic)
            for raw in page.items:
                try:
                    repository = await self._repository(raw)
                except ImpossibleRepositoryError:
                    continue  # an old account, whose name today's rules do not allow
                found.setdefault(repository.name, repository)
            url, pages = self._api.next_page(response), pages - 1
        return list(found.values())

    async def repository(self, name: RepositoryName) -> Repository | None:
        """A repository, under its new name if it was renamed; None if it does not exist or is not visible."""
        response = await self._api.get(self._url(name))
        if response is None:
            return None
        try:
            return await self._repository(self._api.client.decode(response, _Repository))
        except ImpossibleRepositoryError:
            raise MalformedResponseError("GitHub gave a malformed response: an invalid `full_name`") from None

    async def readme(self, name: RepositoryName) -> Document | None:
        """The file that GitHub shows as the README; None if there is none."""
        return await self._document(self._url(name, "readme"))

    async def changelog(self, name: RepositoryName) -> Document | None:
        """CHANGELOG.md or a file of another usual name, in the root or in docs/; None if there is none.

        At most four requests: other names are looked up in listings of folders, not requested one by one.
        """
        document = await self._document(self._url(name, "contents", CHANGELOG))
        if document:
            return document
        root = await self._entries(name, "")
        path = _changelog_path(root)
        if path is None:
            docs = next((e.path for e in root if e.type == "dir" and e.name.lower() in CHANGELOG_FOLDERS), None)
            path = _changelog_path(await self._entries(name, docs)) if docs else None
        return await self._document(self._url(name, "contents", *path.split("/"))) if path else None

    async def folders(self, name: RepositoryName, path: str) -> list[str]:
        """The sorted names of the folders in a folder; empty if the folder or the repository does not exist."""
        return sorted(entry.name for entry in await self._entries(name, path) if entry.type == "dir")

    def _url(self, name: RepositoryName, *rest: str) -> URL:
        return self._api.client.url("repos", name.owner, name.name, *rest)

    async def _repository(self, raw: "_Repository") -> Repository:
        """The repository in a response. Raises ImpossibleRepositoryError."""
        name = RepositoryName.parse(raw.full_name)
        topics = raw.topics or await self._topics(name)
        license_id = raw.license.spdx_id if raw.license else None
        return Repository(
            full_name=raw.full_name,
            description=raw.description or None,
            stars=raw.stargazers_count,
            forks=raw.forks_count,
            open_issues=raw.open_issues_count,
            license=None if license_id == "NOASSERTION" else license_id,
            archived=raw.archived,
            topics=tuple(topics),
            created_at=raw.created_at,
            pushed_at=raw.pushed_at,
            homepage=raw.homepage if raw.homepage and raw.homepage.startswith(("http://", "https://")) else None,
            html_url=raw.html_url,
        )

    async def _topics(self, name: RepositoryName) -> list[str]:
        response = await self._api.get(self._url(name, "topics"))
        return self._api.client.decode(response, _Topics).names if response else []

    async def _document(self, url: URL) -> Document | None:
        response = await self._api.get(url)
        content = self._api.client.decode(response, _File | list[Any]) if response else None  # type: ignore[arg-type]
        if response is None or not isinstance(content, _File) or content.type != "file":
            return None
        if content.encoding == "base64" and (content.content or not content.size):
            try:
                body = b64decode(content.content)
            except Base64Error:
                raise MalformedResponseError("GitHub gave a malformed response: no base64") from None
        else:
            # Files beyond 1 MB come without content: https://docs.github.com/en/rest/repos/contents#get-repository-content
            raw = await self._api.get(response.url, accept=RAW)
            if raw is None:
                return None
            body = raw.body
        text = body.decode(errors="replace").removeprefix("\ufeff")
        return Document(path=content.path, content=text, source=content.html_url or "")

    async def _entries(self, name: RepositoryName, path: str) -> list["_Entry"]:
        """What a folder contains; nothing if it is not a folder."""
        response = await self._api.get(self._url(name, "contents", *filter(None, path.split("/"))))
        if response is None:
            return []
        entries: list[_Entry] | _Entry = self._api.client.decode(response, list[_Entry] | _Entry)  # type: ignore[arg-type]
        return entries if isinstance(entries, list) else []


_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class _License(msgspec.Struct):
    spdx_id: str | None = None


class _Repository(msgspec.Struct):
    full_name: str
    html_url: str
    stargazers_count: int
    forks_count: int
    open_issues_count: int
    description: str | None = None
    license: _License | None = None
    archived: bool = False
    topics: list[str] = []
    created_at: _Time | None = None
    pushed_at: _Time | None = None
    homepage: str | None = None


class _SearchPage(msgspec.Struct):
    items: list[_Repository]
    incomplete_results: bool = False


class _Topics(msgspec.Struct):
    names: list[str]


class _Entry(msgspec.Struct):
    type: str
    name: str
    path: str


class _File(_Entry):
    html_url: str | None = None
    encoding: str = ""
    content: str = ""
    size: int = 0


def _changelog_path(entries: Sequence[_Entry]) -> str | None:
    """The path of the file whose name is the most usual one for a changelog."""

    def rank(entry: _Entry) -> tuple[int, int] | None:
        name = PurePosixPath(entry.name.lower())
        if entry.type != "file" or name.stem not in CHANGELOG_STEMS or name.suffix not in CHANGELOG_SUFFIXES:
            return None
        return CHANGELOG_STEMS.index(name.stem), CHANGELOG_SUFFIXES.index(name.suffix)

    ranked = [(rank(entry), entry.path) for entry in entries]
    return min(((r, path) for r, path in ranked if r is not None), default=(None, None))[1]
