"""Projects, from PyPI's JSON API: `GET {base}/{name}/json`.

The base is distlib's constant, so that this project names no registry host and follows distlib if PyPI moves.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice

import aiohttp
import msgspec
from distlib.index import DEFAULT_INDEX
from yarl import URL

from app.discovery.sources.errors import MalformedResponseError, SourceUnavailableError, UnexpectedStatusError
from app.discovery.sources.http import Sleep, SourceClient, SourceResponse
from app.discovery.sources.licenses import normalise_license
from app.discovery.sources.repository_names import RepositoryName, repository_in_url
from app.discovery.sources.requirements import required_package
from app.names import ALL_PACKAGES, ImpossibleNameError, normalise

MAX_RESPONSE_BYTES = 32 << 20
"""The largest projects have some 10,000 files, at about 1 KB each."""
MAX_CONCURRENT = 8
MAX_VALUES = 500
"""Of the keywords, links, classifiers and requirements of a project; further ones are left out."""
MAX_TEXT_LENGTH = 2_000
"""Characters of a summary, a keyword or a link, and of any other text that a project states."""

OK = 200
NOT_FOUND = 404
TOO_MANY_REQUESTS = 429

HOMEPAGE = "Homepage"
REPOSITORY_LABELS = ("source", "repository", "sourcecode", "code", "github", "homepage")
"""Labels of repository links, as PEP 753 normalises them, best first; links with other labels come last."""


class Release(msgspec.Struct, frozen=True):
    """A release that has files. `uploaded_at` (UTC) is that of its first file; `yanked`: all of its files are."""

    version: str
    uploaded_at: datetime
    yanked: bool


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project. Times are UTC; releases are in the order of uploads; see `normalise_license` for `license`."""

    name: str
    display_name: str
    version: str | None
    summary: str | None
    license: str | None
    requires_python: str | None
    keywords: Sequence[str]
    links: Mapping[str, str]
    project_url: str | None
    dependencies: Sequence[str]
    releases: Sequence[Release]
    created_at: datetime | None
    updated_at: datetime | None
    repository: RepositoryName | None


class PyPI:
    """A client of PyPI's JSON API, or of a compatible one at `base_url`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str = "",
        *,
        max_concurrent: int = MAX_CONCURRENT,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        base_url = base_url or DEFAULT_INDEX
        self._client = SourceClient("PyPI", session, base_url, max_bytes=MAX_RESPONSE_BYTES, sleep=sleep)
        self._slots = asyncio.Semaphore(max_concurrent)

    def url(self, name: str) -> URL:
        """The URL of a project, by its normalised name."""
        return self._client.url(name, "json")

    async def project(self, name: str) -> Project | None:
        """A project by its name, in any spelling; None if it does not exist. Raises SourceUnavailableError."""
        try:
            name = normalise(name)
        except ImpossibleNameError:
            return None
        if name == ALL_PACKAGES:
            return None
        response = await self._client.follow(self.url(name), self._get)
        if response.status == NOT_FOUND:
            return None
        if response.status == TOO_MANY_REQUESTS:
            raise SourceUnavailableError("PyPI limits the rate of requests")
        if response.status != OK:
            raise UnexpectedStatusError(f"PyPI answers {response.status}", response.status)
        body = self._client.decode(response, _Body)
        try:
            received_name = normalise(body.info.name)
        except ImpossibleNameError:
            received_name = ""
        if received_name != name:
            raise MalformedResponseError("PyPI gave a malformed response: another project")
        try:
            return _project(name, body)
        except (OverflowError, RecursionError, ValueError):
            # For example a time of upload that is before the year 1 in UTC.
            raise MalformedResponseError("PyPI gave a malformed response: a value that is not possible") from None

    async def _get(self, url: URL) -> SourceResponse:
        async with self._slots:
            return await self._client.get(url, {"Accept": "application/json"})


class _Info(msgspec.Struct):
    name: str
    version: str | None = None
    summary: str | None = None
    license: str | None = None
    license_expression: str | None = None
    classifiers: list[str] = []
    requires_python: str | None = None
    keywords: str | None = None
    home_page: str | None = None
    project_url: str | None = None
    package_url: str | None = None
    project_urls: dict[str, str | None] | None = None
    requires_dist: list[str] | None = None


class _File(msgspec.Struct):
    upload_time: datetime
    upload_time_iso_8601: datetime | None = None
    yanked: bool = False

    @property
    def uploaded_at(self) -> datetime:
        """The time in UTC. `upload_time` is UTC as well, but without an offset and without fractions of seconds."""
        time = self.upload_time_iso_8601 or self.upload_time
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


class _Body(msgspec.Struct):
    info: _Info
    releases: dict[str, list[_File]] | None = None
    urls: list[_File] = []


def _project(name: str, body: _Body) -> Project:
    info, files = body.info, body.releases
    if files is None:
        # PyPI has deprecated `releases`; without it, only the files of the newest release are known.
        files = {info.version: body.urls} if info.version else {}
    releases = _releases(files)
    urls = _urls(info)
    return Project(
        name=name,
        display_name=info.name,
        version=_text(info.version),
        summary=_text(info.summary),
        license=normalise_license(_text(info.license_expression), info.classifiers[:MAX_VALUES], info.license),
        requires_python=_text(info.requires_python),
        keywords=_keywords(info.keywords or ""),
        links={label: url for label, url in urls.items() if _is_http(url)},
        project_url=next((url for url in (info.project_url, info.package_url) if _is_http(url)), None),
        dependencies=tuple(filter(required_package, (info.requires_dist or ())[:MAX_VALUES])),
        releases=releases,
        created_at=releases[0].uploaded_at if releases else None,
        updated_at=max((file.uploaded_at for uploads in files.values() for file in uploads), default=None),
        repository=_repository(urls),
    )


def _releases(files: Mapping[str, Sequence[_File]]) -> tuple[Release, ...]:
    """The releases that have files: others cannot be installed and have no date."""
    releases = (
        Release(version, min(file.uploaded_at for file in uploads), all(file.yanked for file in uploads))
        for version, uploads in files.items()
        if uploads
    )
    return tuple(sorted(releases, key=lambda release: (release.uploaded_at, release.version)))


def _keywords(text: str) -> tuple[str, ...]:
    """Keywords, separated by commas or, if there is no comma, by whitespace."""
    words = text.split(",") if "," in text else text.split()
    return tuple(dict.fromkeys(filter(None, map(_text, words[:MAX_VALUES]))))


def _urls(info: _Info) -> dict[str, str]:
    """All links of the project by label, unchecked; `home_page` is the deprecated field for one of them."""
    stated = islice((info.project_urls or {}).items(), MAX_VALUES)
    urls = {label: url.strip() for label, url in stated if url and len(label) + len(url) <= MAX_TEXT_LENGTH}
    if (
        info.home_page
        and len(info.home_page) <= MAX_TEXT_LENGTH
        and HOMEPAGE.lower() not in map(_normalise_label, urls)
    ):
        urls[HOMEPAGE] = info.home_page.strip()
    return urls


def _repository(urls: Mapping[str, str]) -> RepositoryName | None:
    """The repository of the link with the best label."""

    def rank(label: str) -> int:
        label = _normalise_label(label)
        return REPOSITORY_LABELS.index(label) if label in REPOSITORY_LABELS else len(REPOSITORY_LABELS)

    # Sorting is stable: links of the same rank stay in the project's order.
    candidates = (repository_in_url(urls[label]) for label in sorted(urls, key=rank))
    return next((name for name in candidates if name is not None), None)


def _normalise_label(label: str) -> str:
    """A label without whitespace and punctuation, in lower case, as PEP 753 compares them."""
    return "".join(character for character in label.lower() if character.isalnum())


def _is_http(url: str | None) -> bool:
    """Whether this is an HTTP(S) URL with a host."""
    try:
        parsed = URL((url or "").strip())
    except ValueError:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host)


def _text(text: str | None) -> str | None:
    """The text without surrounding white space, cut to MAX_TEXT_LENGTH; None if there is none."""
    return (text or "").strip()[:MAX_TEXT_LENGTH] or None
