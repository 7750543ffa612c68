"""What PyPI and GitHub know of a package, with its README: a page that the package's page loads into itself."""

import asyncio
import logging
from typing import Any, NamedTuple

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath
from markupsafe import Markup

from app.api.packages import known_package, loaded_downloads, package_lifetime, package_question
from app.api.parameters import NoQuery, package_name, parse_query
from app.api.services import Services
from app.cache.lifetime import TRANSIENT, Lifetime
from app.cache.response import ResponseContent
from app.discovery.package import PackageQuestion
from app.discovery.service import Discovery
from app.discovery.sources.errors import DiscoveryError
from app.discovery.sources.github import Document
from app.discovery.sources.lookups import GitHubOffError
from app.pages.readmes import is_rendered, rendered
from app.pages.rendering import render_page
from app.pages.routes import lasting_error_pages, page
from app.public_url import PublicUrl
from app.serving.worker_pool import WorkerError, WorkerPool, WorkerTimeoutError
from app.warehouse.reading.snapshot import Snapshot

logger = logging.getLogger(__name__)

RELEASES = 8
"""The newest ones are listed."""


class Readme(NamedTuple):
    """A package's README, and whether asking again soon would bring no other."""

    document: Document | None
    is_final: bool


class AboutQuestion(msgspec.Struct, frozen=True):
    """What is known of a package before its downloads are read."""

    package: PackageQuestion
    readme: Document | None
    asks_github: bool


@page("/packages/{package:str}/about")
async def get_about_page(
    request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    discovery = services.discovery
    parse_query(request, NoQuery)
    name = package_name(package)
    metadata, readme = await asyncio.gather(discovery.lookups.metadata(name), _readme(discovery, name))
    asks_github = not discovery.is_off
    question = AboutQuestion(package_question(services, name, metadata), readme.document, asks_github)
    is_complete = readme.is_final and discovery.lookups.is_complete(metadata)
    lifetime = package_lifetime(services, is_complete=is_complete)
    error_content = lasting_error_pages(services.public_url)
    context = (services.public_url, services.readmes, lifetime)
    return await services.respond(request, about_html, question, *context, key=name, error_content=error_content)


async def _readme(discovery: Discovery, name: str) -> Readme:
    try:
        return Readme(await discovery.readme(name), True)
    except GitHubOffError:
        return Readme(None, True)
    except DiscoveryError:
        return Readme(None, False)


async def about_html(
    snapshot: Snapshot, question: AboutQuestion, public_url: PublicUrl, readmes: WorkerPool, lifetime: Lifetime
) -> ResponseContent:
    package = known_package(question.package, await loaded_downloads(snapshot, question.package))
    readme = question.readme
    text = None
    if readme is not None and is_rendered(readme):
        try:
            text = Markup(await rendered(readmes, readme)) or None  # noqa: S704  (sanitised there)
        except WorkerTimeoutError:
            pass  # As one that is too long, it is only linked.
        except WorkerError as error:
            logger.warning("a README is only linked: %s", error)
            lifetime = TRANSIENT
    return render_page(
        "about.html",
        public_url,
        lifetime=lifetime,
        package=package.package,
        data=package.data,
        # Without a token GitHub is never asked, which no reader need know.
        unavailable=[source for source in package.unavailable if source != "github" or question.asks_github],
        releases=list(reversed(package.data.versions or ()))[:RELEASES],
        releases_in_all=len(package.data.versions or ()),
        readme=readme,
        readme_html=text,
        is_demo=snapshot.published.demo,
    )
