"""What PyPI knows of a project: its JSON API, `GET {base}/{name}/json`.

The base is distlib's constant, because distlib follows PyPI wherever it goes. It is written nowhere in this project.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import aiohttp
import msgspec
from distlib.index import DEFAULT_INDEX
from packaging.requirements import InvalidRequirement, Requirement
from yarl import URL

from app.discovery.sources.errors import MalformedResponseError, SourceUnavailableError, UnexpectedStatusError
from app.discovery.sources.etag_cache import Missing
from app.discovery.sources.http import Sleep, SourceClient, SourceResponse
from app.discovery.sources.licenses import normalise_license
from app.discovery.sources.repository_names import RepositoryName, repository_in_url
from app.names import ALL_PACKAGES, ImpossibleNameError, normalise

MAX_BYTES = 32 * 1024 * 1024
"""The largest projects have some 10,000 files, at about 1 KB each."""
MAX_CONCURRENT = 8
MAX_MISSING = 10_000

OK = 200
NOT_FOUND = 404
TOO_MANY_REQUESTS = 429

HOMEPAGE = "Homepage"
REPOSITORY_LABELS = ("source", "repository", "sourcecode", "code", "github", "homepage")
"""Labels that say what a repository is, best first, as PEP 753 writes them; any other link comes after them."""


class Release(msgspec.Struct, frozen=True):
    """A release that has files. `uploaded_at` (UTC) is when its first one came; `yanked`: all of them are."""

    version: str
    uploaded_at: datetime
    yanked: bool


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project. Moments are UTC; releases are in the order of their uploads; `license` is SPDX where that is known."""

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
    """A client of PyPI's JSON API, or of one like it at `base_url`; empty is PyPI's own.

    `missing_seconds` is how long a 404 is taken for granted.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str = "",
        *,
        max_concurrent: int = MAX_CONCURRENT,
        missing_seconds: float = 3600,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._service = SourceClient("PyPI", session, base_url or DEFAULT_INDEX, max_bytes=MAX_BYTES, sleep=sleep)
        self._slots = asyncio.Semaphore(max_concurrent)
        self._missing = Missing(missing_seconds, MAX_MISSING, now)

    async def project(self, name: str) -> Project | None:
        """A project by its name, in any spelling; None where there is none. Raises SourceUnavailableError."""
        try:
            name = normalise(name)
        except ImpossibleNameError:
            return None
        if name == ALL_PACKAGES or name in self._missing:
            return None
        answer = await self._service.follow(self._service.url(name, "json"), self._ask)
        if answer.status == NOT_FOUND:
            self._missing.add(name)
            return None
        if answer.status == TOO_MANY_REQUESTS:
            raise SourceUnavailableError("PyPI has had too many requests")
        if answer.status != OK:
            raise UnexpectedStatusError(f"PyPI answers {answer.status}", answer.status)
        raw = self._service.decode(answer, _Answer)
        try:
            about = normalise(raw.info.name)
        except ImpossibleNameError:
            about = ""
        if about != name:
            raise MalformedResponseError("PyPI answers not what it should: another project")
        return _project(name, raw)

    async def _ask(self, url: URL) -> SourceResponse:
        async with self._slots:
            return await self._service.get(url, {"Accept": "application/json"})


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
        """The moment; `upload_time` is UTC too, but says it not, and has no fractions of seconds."""
        moment = self.upload_time_iso_8601 or self.upload_time
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class _Answer(msgspec.Struct):
    info: _Info
    releases: dict[str, list[_File]] | None = None
    urls: list[_File] = []


def _project(name: str, raw: _Answer) -> Project:
    info, files = raw.info, raw.releases
    if files is None:
        # PyPI has said that `releases` may go; then there is only the newest one.
        files = {info.version: raw.urls} if info.version else {}
    releases = _releases(files)
    urls = _urls(info)
    return Project(
        name=name,
        display_name=info.name,
        version=info.version,
        summary=_text(info.summary),
        license=normalise_license(info.license_expression, info.classifiers, info.license),
        requires_python=_text(info.requires_python),
        keywords=_keywords(info.keywords or ""),
        links={label: url for label, url in urls.items() if _is_web(url)},
        project_url=next((url for url in (info.project_url, info.package_url) if _is_web(url)), None),
        dependencies=tuple(filter(_is_requirement, info.requires_dist or ())),
        releases=releases,
        created_at=releases[0].uploaded_at if releases else None,
        updated_at=max((file.uploaded_at for uploads in files.values() for file in uploads), default=None),
        repository=_repository(urls),
    )


def _releases(files: Mapping[str, Sequence[_File]]) -> tuple[Release, ...]:
    """The releases that have files: others cannot be installed, and nobody knows when they were made."""
    releases = (
        Release(version, min(file.uploaded_at for file in uploads), all(file.yanked for file in uploads))
        for version, uploads in files.items()
        if uploads
    )
    return tuple(sorted(releases, key=lambda release: (release.uploaded_at, release.version)))


def _keywords(text: str) -> tuple[str, ...]:
    """Keywords, which are separated by commas, or else by blanks."""
    words = text.split(",") if "," in text else text.split()
    return tuple(dict.fromkeys(word.strip() for word in words if word.strip()))


def _urls(info: _Info) -> dict[str, str]:
    """The project's links, whatever they are; `home_page` is the old way to write one."""
    urls = {label: url.strip() for label, url in (info.project_urls or {}).items() if url}
    if info.home_page and HOMEPAGE.lower() not in map(_plain, urls):
        urls[HOMEPAGE] = info.home_page.strip()
    return urls


def _repository(urls: Mapping[str, str]) -> RepositoryName | None:
    """The repository that the best link of all points to."""

    def rank(label: str) -> int:
        plain = _plain(label)
        return REPOSITORY_LABELS.index(plain) if plain in REPOSITORY_LABELS else len(REPOSITORY_LABELS)

    # Sorting keeps the project's own order among equals.
    candidates = (repository_in_url(urls[label]) for label in sorted(urls, key=rank))
    return next((name for name in candidates if name is not None), None)


def _plain(label: str) -> str:
    """A label as PEP 753 compares them: no blanks or punctuation, in lower case."""
    return "".join(letter for letter in label.lower() if letter.isalnum())


def _is_web(url: str | None) -> bool:
    """Whether this is an http(s) URL with a host."""
    try:
        parsed = URL((url or "").strip())
    except ValueError:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host)


def _is_requirement(text: str) -> bool:
    try:
        Requirement(text)
    except InvalidRequirement:
        return False
    return True


def _text(text: str | None) -> str | None:
    return (text or "").strip() or None
