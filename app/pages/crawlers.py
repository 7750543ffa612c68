"""What crawlers may visit, and what they should: the pages of packages, and no data, charts to embed, or comparisons,
which have no end. The picture of a package's page, which previews of links show, is a chart of the API."""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from markupsafe import escape

from app.api.parameters import MAX_TOP
from app.api.ranking import ranking_lifetime
from app.api.routes import endpoint
from app.api.services import Services
from app.cache.lifetime import Lifetime
from app.cache.response import ResponseContent
from app.pages.rendering import render_template
from app.public_url import PublicUrl
from app.stats.questions import TopQuestion, top
from app.warehouse.reading.snapshot import Snapshot

XML = "text/xml"

MAPPED = TopQuestion("month", MAX_TOP)
"""The packages in the site map."""

# Parsers take the longest rule or the first one.
RULES = """User-agent: *
Allow: {root}/api/packages/*/chart/overall?mirrors=false&format=png$
Disallow: {root}/api/
Disallow: {root}/embed/
Disallow: {root}/*?*compare=

Sitemap: {origin}{root}/sitemap.xml
"""
SECONDS = 86_400


@endpoint("/robots.txt")
async def get_robots(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    public_url = _at_host(request, services.public_url)
    # With the request's host, caches that serve several hosts must not keep it, nor does the server.
    has_request_host = public_url != services.public_url
    private = Lifetime(cache_control=f"private, max-age={SECONDS}", stored=False)
    lifetime = private if has_request_host else Lifetime(SECONDS)
    body = RULES.format(origin=public_url.origin, root=public_url.root).encode()
    return services.send(request, ResponseContent(body, "text/plain", lifetime=lifetime), get_robots)


@endpoint("/sitemap.xml")
async def get_sitemap(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """The pages of the most downloaded packages."""
    public_url = _at_host(request, services.public_url)
    entry = await services.compute(sitemap_xml, MAPPED, services.public_url)
    if public_url == services.public_url:
        return services.send_entry(request, entry)
    content = entry.response.content
    body = content.body.replace(b"<loc>", b"<loc>" + escape(public_url.origin).encode())
    lifetime = msgspec.structs.replace(content.lifetime, is_private=True, stored=False)
    return services.send(
        request, msgspec.structs.replace(content, body=body, lifetime=lifetime), get_sitemap, entry.version
    )


async def sitemap_xml(snapshot: Snapshot, question: TopQuestion, public_url: PublicUrl) -> ResponseContent:
    """The map, with paths in place of URLs if the host is that of each request."""
    packages = [row.package for row in await top(snapshot, question)]
    body = render_template("sitemap.xml", public_url, packages=packages)
    return ResponseContent(body, XML, lifetime=ranking_lifetime(snapshot))


def _at_host(request: Request[Any, Any, Any], public_url: PublicUrl) -> PublicUrl:
    """The public URL with a host: site maps have whole URLs. It is the request's where PUBLIC_URL has none."""
    if public_url.origin:
        return public_url
    base = request.base_url
    return public_url._replace(origin=f"{base.scheme}://{base.netloc}")
