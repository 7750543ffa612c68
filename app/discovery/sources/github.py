"""What GitHub knows of repositories: https://docs.github.com/en/rest."""

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
from app.discovery.sources.repository_names import ImpossibleRepositoryError, RepositoryName, repository_in_url
from app.settings import Secret

__all__ = ["Document", "GitHub", "Quota", "Repository", "RepositoryName", "repository_in_url"]

CHANGELOG = "CHANGELOG.md"
CHANGELOG_STEMS = ("changelog", "changes", "history", "news", "release_notes", "release-notes", "releases")
CHANGELOG_SUFFIXES = (".md", ".markdown", ".rst", ".txt", "")
CHANGELOG_FOLDERS = ("docs", "doc")

logger = logging.getLogger(__name__)


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository. Moments are UTC; `license` is an SPDX id, None where there is none or GitHub cannot tell."""

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
        """Its owner and name."""
        return RepositoryName.parse(self.full_name)


class Document(msgspec.Struct, frozen=True):
    """A text file: its path in the repository, its text, and the page on GitHub that shows it."""

    path: str
    content: str
    source: str


class GitHub:
    """A client of GitHub's API, or of a GitHub Enterprise Server's.

    Where a limit is reached, methods raise QuotaSpentError at once, or with `wait=True` go on when it is over. All
    raise BadTokenError and SourceUnavailableError. `missing_seconds` is how long a 404 is taken for granted,
    `max_entries` how many answers are remembered.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        token: Secret,
        *,
        max_concurrent: int = 10,
        missing_seconds: float = 86400,
        max_entries: int = 10_000,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._api = GitHubAPI(
            session,
            base_url,
            token,
            max_concurrent=max_concurrent,
            missing_seconds=missing_seconds,
            max_entries=max_entries,
            now=now,
            sleep=sleep,
        )

    @property
    def quota(self) -> Quota | None:
        """What is left of the quota of requests (searches have another); None before the first answer."""
        return self._api.quota

    async def search(self, topic: str, pages: int, per_page: int, *, wait: bool = False) -> list[Repository]:
        """The repositories of a topic, those with the most stars first; at most so many pages."""
        query = {"q": f"topic:{topic}", "sort": "stars", "order": "desc", "per_page": str(per_page)}
        url: URL | None = self._api.service.url("search", "repositories").with_query(query)
        found: dict[RepositoryName, Repository] = {}
        while url and pages > 0:
            answer = await self._api.get(url, wait=wait)
            if answer is None:
                break
            page = self._api.service.decode(answer, _SearchPage)
            if page.incomplete_results:
                logger.warning(
                    "GitHub ran out of time in a search for topic %r: some repositories may be missing", topic
                )
            for raw in page.items:
                try:
                    repository = await self._repository(raw, wait)
                except ImpossibleRepositoryError:
                    continue  # an account from before today's rules
                found.setdefault(repository.name, repository)
            url, pages = self._api.next_page(answer), pages - 1
        return list(found.values())

    async def repository(self, name: RepositoryName, *, wait: bool = False) -> Repository | None:
        """A repository, under its new name where it has been renamed; None where there is none that we may see."""
        answer = await self._api.get(self._url(name), wait=wait)
        if answer is None:
            return None
        try:
            return await self._repository(self._api.service.decode(answer, _Repository), wait)
        except ImpossibleRepositoryError:
            raise MalformedResponseError("GitHub answers not what it should: an impossible `full_name`") from None

    async def readme(self, name: RepositoryName, *, wait: bool = False) -> Document | None:
        """What GitHub takes for the README; None where there is none."""
        return await self._document(self._url(name, "readme"), wait)

    async def changelog(self, name: RepositoryName, *, wait: bool = False) -> Document | None:
        """CHANGELOG.md or a file of another usual name, at the top or in docs/; None where there is none.

        At most four requests: names are looked for in listings, not tried one after the other.
        """
        document = await self._document(self._url(name, "contents", CHANGELOG), wait)
        if document:
            return document
        top = await self._entries(name, "", wait)
        path = _changelog_among(top)
        if path is None:
            docs = next((e.path for e in top if e.type == "dir" and e.name.lower() in CHANGELOG_FOLDERS), None)
            path = _changelog_among(await self._entries(name, docs, wait)) if docs else None
        return await self._document(self._url(name, "contents", *path.split("/")), wait) if path else None

    async def folders(self, name: RepositoryName, path: str, *, wait: bool = False) -> list[str]:
        """The names of the folders in a folder, sorted; empty where there is no such folder, or repository."""
        return sorted(entry.name for entry in await self._entries(name, path, wait) if entry.type == "dir")

    def _url(self, name: RepositoryName, *rest: str) -> URL:
        return self._api.service.url("repos", name.owner, name.name, *rest)

    async def _repository(self, raw: "_Repository", wait: bool) -> Repository:
        """What the API's repository says. Raises ImpossibleRepositoryError."""
        name = RepositoryName.parse(raw.full_name)
        topics = raw.topics or await self._topics(name, wait)
        licence = raw.license.spdx_id if raw.license else None
        return Repository(
            full_name=raw.full_name,
            description=raw.description or None,
            stars=raw.stargazers_count,
            forks=raw.forks_count,
            open_issues=raw.open_issues_count,
            license=None if licence == "NOASSERTION" else licence,
            archived=raw.archived,
            topics=tuple(topics),
            created_at=raw.created_at,
            pushed_at=raw.pushed_at,
            homepage=raw.homepage if raw.homepage and raw.homepage.startswith(("http://", "https://")) else None,
            html_url=raw.html_url,
        )

    async def _topics(self, name: RepositoryName, wait: bool) -> list[str]:
        answer = await self._api.get(self._url(name, "topics"), wait=wait)
        return self._api.service.decode(answer, _Topics).names if answer else []

    async def _document(self, url: URL, wait: bool) -> Document | None:
        answer = await self._api.get(url, wait=wait)
        content = self._api.service.decode(answer, _File | list[Any]) if answer else None  # type: ignore[arg-type]
        if answer is None or not isinstance(content, _File) or content.type != "file":
            return None
        if content.encoding == "base64" and (content.content or not content.size):
            try:
                body = b64decode(content.content)
            except Base64Error:
                raise MalformedResponseError("GitHub answers not what it should: no base64") from None
        else:
            # Beyond 1 MB it has no content: https://docs.github.com/en/rest/repos/contents#get-repository-content
            raw = await self._api.get(answer.url, accept=RAW, wait=wait)
            if raw is None:
                return None
            body = raw.body
        text = body.decode(errors="replace").removeprefix("\ufeff")
        return Document(path=content.path, content=text, source=content.html_url or "")

    async def _entries(self, name: RepositoryName, path: str, wait: bool) -> list["_Entry"]:
        """What is in a folder; nothing where it is none."""
        answer = await self._api.get(self._url(name, "contents", *filter(None, path.split("/"))), wait=wait)
        if answer is None:
            return []
        entries: list[_Entry] | _Entry = self._api.service.decode(answer, list[_Entry] | _Entry)  # type: ignore[arg-type]
        return entries if isinstance(entries, list) else []


_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


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
    created_at: _Moment | None = None
    pushed_at: _Moment | None = None
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


def _changelog_among(entries: Sequence[_Entry]) -> str | None:
    """The path of the file that is most usual for a changelog."""

    def rank(entry: _Entry) -> tuple[int, int] | None:
        name = PurePosixPath(entry.name.lower())
        if entry.type != "file" or name.stem not in CHANGELOG_STEMS or name.suffix not in CHANGELOG_SUFFIXES:
            return None
        return CHANGELOG_STEMS.index(name.stem), CHANGELOG_SUFFIXES.index(name.suffix)

    ranked = [(rank(entry), entry.path) for entry in entries]
    return min(((r, path) for r, path in ranked if r is not None), default=(None, None))[1]
