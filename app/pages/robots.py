"""What crawlers may visit: the pages of packages, and no data, charts to embed, or comparisons, which have no end."""

from typing import Any

from litestar import Request, Response
from litestar.di import NamedDependency

from app.api.routes import endpoint
from app.api.services import Services
from app.cache.lifetime import Lifetime
from app.cache.response import ResponseContent

ROBOTS = b"User-agent: *\nDisallow: /api/\nDisallow: /embed/\nDisallow: /*?*compare=\n"
CONTENT = ResponseContent(ROBOTS, "text/plain", lifetime=Lifetime(86_400))


@endpoint("/robots.txt")
async def get_robots(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    return services.send(request, CONTENT, get_robots)
