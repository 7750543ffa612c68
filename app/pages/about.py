"""What PyPI and GitHub say of a package, its README too: a page by itself, which the package's page takes in later."""

import asyncio
from typing import Any, NamedTuple

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath
from markupsafe import Markup

from app.api.packages import known_package
from app.api.parameters import NoQuery, package_name, parse_query
from app.api.routes import Services
from app.cache.policy import SHORT_SECONDS
from app.cache.response import ResponseContent
from app.discovery.package import PackageDownloads, PackageQuestion, package_downloads
from app.discovery.service import Discovery
from app.discovery.sources.errors import DiscoveryError
from app.discovery.sources.github import Document
from app.discovery.sources.lookups import GitHubOffError
from app.pages.fill import html
from app.pages.readme import is_markdown, readme_html
from app.pages.routes import lasting_error_page, page
from app.stats.questions import NothingLoadedError
from app.warehouse.reading.layout import Published
from app.warehouse.reading.warehouse import Warehouse

RELEASES = 8
"""The newest ones are listed."""


class Readme(NamedTuple):
    """A package's README; or None, and whether GitHub may still be asked for it."""

    document: Document | None
    is_final: bool


class AboutQuestion(msgspec.Struct, frozen=True):
    """All that is known of a package but its downloads."""

    package: PackageQuestion
    readme: Document | None


@page("/packages/{package:str}/about")
async def get_about_page(
    request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    """Metadata and README."""
    answers, discovery = services
    parse_query(request, NoQuery)
    name = package_name(package)
    metadata, readme = await asyncio.gather(discovery.lookups.metadata(name), _readme(discovery, name))
    question = AboutQuestion(
        PackageQuestion(
            name=name,
            metadata=metadata,
            index=discovery.index,
            download_days=answers.settings.index_download_days,
            now=answers.now().replace(hour=0, minute=0, second=0, microsecond=0),
        ),
        readme.document,
    )
    is_final = readme.is_final and discovery.lookups.is_complete(metadata)
    seconds = answers.settings.cache_ttl_seconds if is_final else SHORT_SECONDS
    kept = await answers.finder.find(
        about_html, question, as_body=lasting_error_page, key=name, seconds=seconds, keep=is_final
    )
    return answers.send(request, kept)


async def _readme(discovery: Discovery, name: str) -> Readme:
    try:
        return Readme(await discovery.readme(name), True)
    except GitHubOffError:
        return Readme(None, True)
    except DiscoveryError:
        return Readme(None, False)


async def about_html(warehouse: Warehouse, published: Published, question: AboutQuestion) -> ResponseContent:
    """The page."""
    try:
        downloads = await package_downloads(warehouse, published, question.package)
    except NothingLoadedError:
        downloads = PackageDownloads()
    package = known_package(question.package, downloads)
    readme = question.readme
    text = None
    if readme is not None and is_markdown(readme):
        # In a thread: a long one takes a while, and statistics do not wait for it.
        text = Markup(await asyncio.to_thread(readme_html, readme))  # noqa: S704  (sanitised there)
    return html(
        "about.html",
        package=package.package,
        data=package.data,
        unavailable=package.unavailable,
        releases=list(reversed(package.data.versions or ()))[:RELEASES],
        releases_in_all=len(package.data.versions or ()),
        readme=readme,
        readme_html=text,
        is_demo=published.demo,
    )
