"""Declares pages: endpoints whose errors are pages too."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.types import ExceptionHandlersMap

from app.api.errors import ProblemError, as_problem, lasting_problem
from app.api.parameters import NoQuery
from app.api.routes import endpoint
from app.cache.entry import ErrorContent
from app.cache.lifetime import UNCACHEABLE
from app.cache.response import ResponseContent
from app.pages.rendering import HTML, render_template
from app.pages.security import security_headers
from app.public_url import PublicUrl

HEADLINES = {400: "This address is not valid", 404: "Not found", 503: "Not available right now"}


def page(
    path: str, query: type[msgspec.Struct] = NoQuery, *, framed: bool = False
) -> Callable[[Any], HTTPRouteHandler]:
    """Declare a page: GET and HEAD on a path; `framed`: other sites may show it in an <iframe>."""
    return endpoint(path, query, exception_handlers=_framed_errors if framed else _errors)


def error_page(request: Request[Any, Any, Any], error: Exception, *, framed: bool = False) -> Response[bytes]:
    """The page of an error, with the status, headers and detail of the API's problem."""
    problem = as_problem(request, error)
    headers = {**problem.headers, **dict(security_headers(framed=framed))}
    html = _error_html(problem, request.app.state.services.public_url, framed)
    return Response(html, status_code=problem.status, media_type=HTML, headers=headers)


def lasting_error_pages(public_url: PublicUrl, *, framed: bool = False) -> ErrorContent:
    """Gives the page of an error that the server caches, and None for any other error."""

    def content(error: Exception) -> ResponseContent | None:
        problem = lasting_problem(error)
        if problem is None:
            return None
        headers = security_headers(framed=framed)
        return ResponseContent(_error_html(problem, public_url, framed), HTML, headers, problem.status, UNCACHEABLE)

    return content


def _error_html(problem: ProblemError, public_url: PublicUrl, framed: bool) -> bytes:
    return render_template(
        "embed_error.html" if framed else "error.html",
        public_url,
        status=problem.status,
        headline=HEADLINES.get(problem.status, "Something went wrong"),
        detail=problem.detail,
    )


def _framed_error_page(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return error_page(request, error, framed=True)


_errors: ExceptionHandlersMap = {Exception: error_page}
_framed_errors: ExceptionHandlersMap = {Exception: _framed_error_page}
