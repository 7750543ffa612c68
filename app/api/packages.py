"""Packages as PyPI and GitHub know them: the index to search, one package, its README and its changelog."""

from pathlib import PurePosixPath
from typing import Any, Literal
from urllib.parse import unquote_to_bytes, urlencode
from weakref import ref

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from app.api.errors import problem, switched_off, unavailable
from app.api.parameters import NoQuery, PackagesQuery, package_name, parse_query
from app.api.routes import endpoint
from app.api.services import Services
from app.cache.lifetime import TRANSIENT, Lifetime
from app.cache.response import ResponseContent, json_content
from app.discovery.index.entries import Entry
from app.discovery.index.search import Index, IndexQuery
from app.discovery.package import Package, PackageDownloads, PackageQuestion, make_package, package_downloads
from app.discovery.service import OFF_REASON
from app.discovery.sources.github import Document
from app.discovery.sources.lookups import PackageMetadata
from app.public_url import PublicUrl
from app.warehouse.engines.errors import WarehouseError
from app.warehouse.reading.snapshot import NothingLoadedError, Snapshot

FORMATS = {".md": "markdown", ".markdown": "markdown", ".rst": "restructuredtext"}
SWITCH = {"true": True, "false": False}


class PackageList(msgspec.Struct, kw_only=True):
    """One page of the packages that match."""

    type: Literal["packages"] = "packages"
    data: list[Entry]
    total: int
    page: int
    per_page: int
    pages: int


@endpoint("/api/packages", PackagesQuery, PackageList)
async def list_packages(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """The packages of the ecosystem: searched, filtered, sorted."""
    discovery = services.discovery
    _refuse_empty_segments(request)
    query = parse_query(request, PackagesQuery)
    if discovery.index is None:
        if discovery.is_off:
            raise switched_off(f"there is no index: {OFF_REASON}")
        raise unavailable("the index is being built")
    content = packages_json(discovery.index, query, services.public_url, while_index_stands(services))
    return services.send(request, content, (list_packages, query))


def while_index_stands(services: Services) -> Lifetime:
    """The lifetime of a response that is made from the index alone."""
    discovery = services.discovery
    # Weak: a cached response may outlive its index, and must not keep it in memory.
    index = ref(discovery.index)
    return Lifetime(services.settings.cache_ttl_seconds, is_valid=lambda: discovery.index is index())


def packages_json(index: Index, query: PackagesQuery, public_url: PublicUrl, lifetime: Lifetime) -> ResponseContent:
    """One page, with links to other pages (RFC 8288)."""
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
    links = _links(query, pages, public_url.root)
    body = PackageList(data=data, total=total, page=query.page, per_page=query.per_page, pages=pages)
    return json_content(body, (("Link", links),) if links else (), lifetime=lifetime)


def _links(query: PackagesQuery, pages: int, root: str) -> str:
    """The first, previous, next and last page, as far as there are any; `root` is in front of their paths."""
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
        f'<{root}/api/packages?{urlencode(given | {"page": page})}>; rel="{relation}"'
        for relation, page in targets.items()
    )


@endpoint("/api/packages/{package:str}", response=Package)
async def get_package(
    request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    """What PyPI, GitHub and ClickHouse know of a package, whether it is in the index or not."""
    _refuse_empty_segments(request)
    parse_query(request, NoQuery)
    name = package_name(package)
    question = package_question(services, name, await services.discovery.lookups.metadata(name))
    lifetime = package_lifetime(services, is_complete=services.discovery.lookups.is_complete(question.metadata))
    try:
        return await services.respond(request, package_json, question, lifetime, key=name)
    except WarehouseError:
        return services.send(request, _package_content(question, None, TRANSIENT))


def package_question(services: Services, name: str, metadata: PackageMetadata) -> PackageQuestion:
    """The question about a package, as of today: a cached response holds for a day, and so do its flags."""
    return PackageQuestion(
        name=name,
        metadata=metadata,
        index=services.discovery.index,
        download_days=services.settings.index_download_days,
        now=services.now().replace(hour=0, minute=0, second=0, microsecond=0),
    )


def package_lifetime(services: Services, *, is_complete: bool) -> Lifetime:
    """The lifetime of a response with metadata. It is short if asking again soon may bring more."""
    return Lifetime(services.settings.cache_ttl_seconds) if is_complete else TRANSIENT


async def package_json(snapshot: Snapshot, question: PackageQuestion, lifetime: Lifetime) -> ResponseContent:
    return _package_content(question, await loaded_downloads(snapshot, question), lifetime)


async def loaded_downloads(snapshot: Snapshot, question: PackageQuestion) -> PackageDownloads:
    """A package's downloads; if no day is loaded, ClickHouse knows no package."""
    try:
        return await package_downloads(snapshot, question)
    except NothingLoadedError:
        return PackageDownloads()


def _package_content(
    question: PackageQuestion, downloads: PackageDownloads | None, lifetime: Lifetime
) -> ResponseContent:
    return json_content(known_package(question, downloads), lifetime=lifetime)


def known_package(question: PackageQuestion, downloads: PackageDownloads | None) -> Package:
    """All that is known of a package. Raises a 404 if no source knows it, a 503 if a source could not be asked."""
    package = make_package(question, downloads)
    if package is None:
        if downloads is None or "pypi" in question.metadata.unavailable:
            raise unavailable("neither PyPI nor the statistics can say at the moment whether the package exists")
        raise problem(404, f"package: {question.name!r} is unknown to PyPI and has no loaded download")
    return package


class PackageDocument(msgspec.Struct):
    """A document from a package's repository, as it is."""

    package: str
    type: Literal["readme", "changelog"]
    format: str
    content: str
    source: str


@endpoint("/api/packages/{package:str}/readme", response=PackageDocument)
async def get_readme(
    request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    parse_query(request, NoQuery)
    name = package_name(package)
    return _document(request, services, name, "readme", await services.discovery.readme(name))


@endpoint("/api/packages/{package:str}/changelog", response=PackageDocument)
async def get_changelog(
    request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    parse_query(request, NoQuery)
    name = package_name(package)
    return _document(request, services, name, "changelog", await services.discovery.changelog(name))


def _document(
    request: Request[Any, Any, Any],
    services: Services,
    package: str,
    kind: Literal["readme", "changelog"],
    document: Document | None,
) -> Response[bytes]:
    if document is None:
        raise problem(404, f"package: no {kind} of {package!r} is known")
    suffix = PurePosixPath(document.path.lower()).suffix
    body = PackageDocument(package, kind, FORMATS.get(suffix, "text"), document.content, document.source)
    lifetime = Lifetime(services.settings.cache_ttl_seconds)
    return services.send(request, json_content(body, lifetime=lifetime), (kind, package))


def _refuse_empty_segments(request: Request[Any, Any, Any]) -> None:
    """A 404 for `/api/packages//recent`, which the router takes for the package `recent`."""
    if b"//" in unquote_to_bytes(request.scope["raw_path"].partition(b"?")[0]):
        raise NotFoundException
