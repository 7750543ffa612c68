"""The API reference, which Swagger UI makes from openapi.yaml; and the redirect to it."""

from typing import Any

from litestar import Request, Response
from litestar.di import NamedDependency

from app.api.routes import endpoint
from app.api.services import Services
from app.cache.lifetime import Lifetime
from app.pages.rendering import render_page
from app.pages.routes import page


@page("/docs")
async def get_docs_page(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    is_demo = services.answers.warehouse.is_demo
    lifetime = Lifetime(services.settings.cache_ttl_seconds)
    content = render_page("docs.html", services.public_url, data_images=True, is_demo=is_demo, lifetime=lifetime)
    return services.send(request, content, (get_docs_page, is_demo))


@endpoint("/api")
async def redirect_to_docs(services: NamedDependency[Services]) -> Response[bytes]:
    headers = {"Location": f"{services.public_url.root}/docs", "Cache-Control": "public, max-age=86400"}
    return Response(b"", status_code=308, headers=headers)
