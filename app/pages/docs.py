"""The API reference, drawn from openapi.yaml; and the way there."""

from functools import cache
from typing import Any

from litestar import Request, Response
from litestar.di import NamedDependency

from app.api.answers import Answer, Answers
from app.api.routes import endpoint
from app.pages.fill import html
from app.pages.routes import page


@page("/docs")
async def get_docs_page(request: Request[Any, Any, Any], answers: NamedDependency[Answers]) -> Response[bytes]:
    """The API reference."""
    return answers.send(request, _docs(answers.warehouse.is_demo), answers.settings.cache_ttl_seconds)


@cache
def _docs(is_demo: bool) -> Answer:
    return Answer.of(html("docs.html", data_images=True, is_demo=is_demo))


@endpoint("/api")
async def redirect_to_docs() -> Response[bytes]:
    """Who asks the API for nothing wants to know what there is."""
    return Response(b"", status_code=308, headers={"Location": "/docs", "Cache-Control": "public, max-age=86400"})
