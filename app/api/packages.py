"""Packages as PyPI and GitHub know them: the index to search, one package, its README and its changelog."""

from collections.abc import Hashable
from pathlib import PurePosixPath
from typing import Any, Literal
from urllib.parse import unquote_to_bytes, urlencode
from weakref import ref

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from app.api.errors import lasting_problem_body, problem, unavailable
from app.api.parameters import NoQuery, PackagesQuery, package_name, parse_query
from app.api.responses import Answers
from app.api.routes import Services, endpoint
from app.cache.policy import SHORT_SECONDS
from app.cache.response import JSON, CachedResponse, ResponseContent
from app.cache.store import CacheEntry
from app.discovery.index.entries import Entry
from app.discovery.index.search import Index, IndexQuery
from app.discovery.package import Package, PackageDownloads, PackageQuestion, make_package, package_downloads
from app.discovery.service import OFF_REASON, Discovery
from app.discovery.sources.github import Document
from app.stats.questions import NothingLoadedError
from app.warehouse.engines.errors import WarehouseError
from app.warehouse.reading.layout import Published
from app.warehouse.reading.warehouse import Warehouse

FORMATS = {".md": "markdown", ".markdown": "markdown", ".rst": "restructuredtext"}
SWITCH = {"true": True, "false": False}


class PackageList(msgspec.Struct, kw_only=True):
    """One page of the packages that match."""

    type: str = "packages"
    data: list[Entry]
    total: int
    page: int
    per_page: int
    pages: int


@endpoint("/api/packages", PackagesQuery)
async def list_packages(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """The packages of the ecosystem: searched, filtered, sorted."""
    answers, discovery = services
    _refuse_empty_segments(request)
    query = parse_query(request, PackagesQuery)
    if discovery.index is None:
        raise unavailable(f"there is no index: {OFF_REASON}" if discovery.is_off else "the index is being built")
    body = packages_json(discovery.index, query)
    return answers.send(request, keep_with_index(answers, discovery, (list_packages, query), body))


def keep_with_index(answers: Answers, discovery: Discovery, key: Hashable, body: ResponseContent) -> CacheEntry:
    """Keep an answer from the index, until there is another."""
    # Weak: answers from an old index may stay for long, and it is not to stay with them.
    index = ref(discovery.index)
    seconds = answers.settings.cache_ttl_seconds
    kept = CacheEntry.until(seconds, key, CachedResponse(body), still=lambda: discovery.index is index())
    return answers.finder.keep(kept)


def packages_json(index: Index, query: PackagesQuery) -> ResponseContent:
    """One page, with links to others (RFC 8288)."""
    asked = IndexQuery(
        q=query.q or "",
        topic=query.topic,
        official=SWITCH.get(query.official or ""),
        verified=SWITCH.get(query.verified or ""),
        new=SWITCH.get(query.new or ""),
        sort=query.sort,
    )
    data, total = index.find(asked, (query.page - 1) * query.per_page, query.per_page)
    pages = -(-total // query.per_page)
    links = _links(query, pages)
    body = msgspec.json.encode(
        PackageList(data=data, total=total, page=query.page, per_page=query.per_page, pages=pages)
    )
    return ResponseContent(body, JSON, (("Link", links),) if links else ())


def _links(query: PackagesQuery, pages: int) -> str:
    """The first, previous, next and last page, as far as there are any."""
    if not pages:
        return ""
    targets = {"first": 1}
    if query.page > 1:
        targets["prev"] = min(query.page - 1, pages)
    if query.page < pages:
        targets["next"] = query.page + 1
    targets["last"] = pages
    defaults = msgspec.structs.asdict(PackagesQuery())
    given = {name: value for name, value in msgspec.structs.asdict(query).items() if value != defaults[name]}
    return ", ".join(
        f'</api/packages?{urlencode(given | {"page": page})}>; rel="{relation}"' for relation, page in targets.items()
    )


@endpoint("/api/packages/{package:str}")
async def get_package(
    request: Request[Any, Any, Any],
    package: FromPath[str],
    services: NamedDependency[Services],
) -> Response[bytes]:
    """What PyPI, GitHub and ClickHouse know of a package, indexed or not."""
    answers, discovery = services
    _refuse_empty_segments(request)
    parse_query(request, NoQuery)
    name = package_name(package)
    question = PackageQuestion(
        name=name,
        metadata=await discovery.lookups.metadata(name),
        index=discovery.index,
        download_days=answers.settings.index_download_days,
        # An answer that is kept goes by the day, and so do its flags.
        now=answers.now().replace(hour=0, minute=0, second=0, microsecond=0),
    )
    is_final = discovery.lookups.is_complete(question.metadata)
    seconds = answers.settings.cache_ttl_seconds if is_final else SHORT_SECONDS
    try:
        kept = await answers.finder.find(
            package_json, question, as_body=lasting_problem_body, key=name, seconds=seconds, keep=is_final
        )
    except WarehouseError:
        kept = CacheEntry.until(SHORT_SECONDS, None, CachedResponse(_package_body(question, None)))
    return answers.send(request, kept)


async def package_json(warehouse: Warehouse, published: Published, question: PackageQuestion) -> ResponseContent:
    """A package with its downloads. Where no day is loaded, ClickHouse knows no package."""
    try:
        downloads = await package_downloads(warehouse, published, question)
    except NothingLoadedError:
        downloads = PackageDownloads()
    return _package_body(question, downloads)


def _package_body(question: PackageQuestion, downloads: PackageDownloads | None) -> ResponseContent:
    return ResponseContent(msgspec.json.encode(known_package(question, downloads)), JSON)


def known_package(question: PackageQuestion, downloads: PackageDownloads | None) -> Package:
    """All that is known of a package. Raises a 404 where nobody knows it, and a 503 where that cannot be told."""
    package = make_package(question, downloads)
    if package is None:
        if downloads is None or "pypi" in question.metadata.unavailable:
            raise unavailable("neither PyPI nor the statistics can say at the moment whether there is this package")
        raise problem(404, f"package: neither PyPI nor any download that has been loaded knows {question.name!r}")
    return package


class PackageDocument(msgspec.Struct):
    """A document from a package's repository, as it is."""

    package: str
    type: Literal["readme", "changelog"]
    format: str
    content: str
    source: str


@endpoint("/api/packages/{package:str}/readme")
async def get_readme(
    request: Request[Any, Any, Any],
    package: FromPath[str],
    services: NamedDependency[Services],
) -> Response[bytes]:
    """A package's README."""
    answers, discovery = services
    parse_query(request, NoQuery)
    name = package_name(package)
    return _document(request, answers, name, "readme", await discovery.readme(name))


@endpoint("/api/packages/{package:str}/changelog")
async def get_changelog(
    request: Request[Any, Any, Any],
    package: FromPath[str],
    services: NamedDependency[Services],
) -> Response[bytes]:
    """A package's changelog."""
    answers, discovery = services
    parse_query(request, NoQuery)
    name = package_name(package)
    return _document(request, answers, name, "changelog", await discovery.changelog(name))


def _document(
    request: Request[Any, Any, Any],
    answers: Answers,
    package: str,
    kind: Literal["readme", "changelog"],
    document: Document | None,
) -> Response[bytes]:
    if document is None:
        raise problem(404, f"package: no {kind} of {package!r} is known")
    suffix = PurePosixPath(document.path.lower()).suffix
    text = PackageDocument(package, kind, FORMATS.get(suffix, "text"), document.content, document.source)
    return answers.keep(
        request, (kind, package), ResponseContent(msgspec.json.encode(text), JSON), answers.settings.cache_ttl_seconds
    )


def _refuse_empty_segments(request: Request[Any, Any, Any]) -> None:
    """A 404 for `/api/packages//recent`, which the router takes for the package `recent`."""
    if b"//" in unquote_to_bytes(request.scope["raw_path"].partition(b"?")[0]):
        raise NotFoundException
