"""The API reference, drawn from openapi.yaml; and the way there."""

from typing import Any

from litestar import Request, Response
from litestar.di import NamedDependency

from app.api.responses import Answers
from app.api.routes import endpoint
from app.pages.fill import html
from app.pages.routes import page


@page("/docs")
async def get_docs_page(request: Request[Any, Any, Any], answers: NamedDependency[Answers]) -> Response[bytes]:
    """The API reference."""
    is_demo = answers.warehouse.is_demo
    body = html("docs.html", data_images=True, is_demo=is_demo)
    return answers.keep(request, (get_docs_page, is_demo), body, answers.settings.cache_ttl_seconds)


@endpoint("/api")
async def redirect_to_docs() -> Response[bytes]:
    """Who asks the API for nothing wants to know what there is."""
    return Response(b"", status_code=308, headers={"Location": "/docs", "Cache-Control": "public, max-age=86400"})
