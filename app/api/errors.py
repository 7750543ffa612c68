"""The error border: every error that a client sees is a problem as RFC 9457 has it, made here.

A body names the parameter and what it accepts; it never holds the text of an exception that is not ours.
"""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.plugins.problem_details import ProblemDetailsConfig, ProblemDetailsException, ProblemDetailsPlugin
from litestar.types import ExceptionHandlersMap

from app.api.parameters import BadParameterError
from app.cache.lifetime import NO_STORE, UNCACHEABLE
from app.cache.response import PROBLEM, ResponseContent
from app.charts.render import RenderError
from app.discovery.sources.errors import DiscoveryError
from app.discovery.sources.lookups import GitHubOffError
from app.names import ALL_PACKAGES
from app.stats.questions import UnknownPackageError
from app.warehouse.engines.connection import MAX_ROWS
from app.warehouse.engines.errors import TooManyRowsError, WarehouseBusyError, WarehouseUnavailableError
from app.warehouse.reading.snapshot import NothingLoadedError

RETRY_SECONDS = 5

logger = logging.getLogger(__name__)


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **extra: Any) -> ProblemDetailsException:
    """A problem with a status and an explanation; `extra` are further members of its body."""
    return ProblemDetailsException(
        status_code=status,
        title=HTTPStatus(status).phrase,
        detail=detail,
        headers={"Cache-Control": NO_STORE, **(headers or {})},
        extra=extra or None,
    )


def unavailable(detail: str, **extra: Any) -> ProblemDetailsException:
    """A 503, with the time after which to try again: an integer, because clients parse it as one."""
    return problem(503, detail, {"Retry-After": str(RETRY_SECONDS)}, **extra)


def _bad_parameter(error: BadParameterError) -> ProblemDetailsException:
    return problem(400, str(error))


def _unknown_package(error: UnknownPackageError) -> ProblemDetailsException:
    package = str(error)
    if package == ALL_PACKAGES:
        return problem(404, f"package: this data set has no sum over all packages, {ALL_PACKAGES!r}")
    return problem(404, f"package: no download of {package!r} has been loaded")


def lasting_problem(error: Exception) -> ProblemDetailsException | None:
    """The problem of an error that lasts until other data are published: there is no such package. None for another."""
    if isinstance(error, UnknownPackageError):
        return _unknown_package(error)
    if isinstance(error, ProblemDetailsException) and error.status_code == HTTPStatus.NOT_FOUND:
        return error
    return None


def lasting_problem_content(error: Exception) -> ResponseContent | None:
    """The same as content that the server caches."""
    found = lasting_problem(error)
    if found is None:
        return None
    body = {"status": found.status_code, "title": found.title, "detail": found.detail}
    return ResponseContent(msgspec.json.encode(body), PROBLEM, status=found.status_code, lifetime=UNCACHEABLE)


def _too_many_rows(_: TooManyRowsError) -> ProblemDetailsException:
    return problem(
        400,
        f"the answer has more than {MAX_ROWS:,} rows; ask for fewer days, for weeks or months (granularity), "
        "or for one category",
    )


def _nothing_loaded(_: NothingLoadedError) -> ProblemDetailsException:
    return unavailable("no day of downloads has been loaded yet")


def _warehouse_busy(_: WarehouseBusyError) -> ProblemDetailsException:
    return unavailable("too many questions about downloads are being answered at the moment")


def _warehouse_unavailable(_: WarehouseUnavailableError) -> ProblemDetailsException:
    # Nothing for the log: whatever failed has its line there, and this may be said to thousands.
    return unavailable("the statistics cannot be read at the moment")


def _render(error: RenderError) -> ProblemDetailsException:
    logger.warning("%s", error)
    return unavailable("charts cannot be drawn at the moment")


def _discovery(error: DiscoveryError) -> ProblemDetailsException:
    logger.warning("%s", error)
    return unavailable("PyPI or GitHub cannot be asked at the moment")


def _github_off(_: GitHubOffError) -> ProblemDetailsException:
    return unavailable("GitHub is not asked: GITHUB_TOKEN is not set")


def _http(error: HTTPException) -> ProblemDetailsException:
    headers = dict(error.headers or {})
    details = {
        404: "there is nothing at this path; GET /openapi.yaml lists what there is",
        405: "this path answers GET and HEAD",
    }
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": "GET, HEAD, OPTIONS"}
    return problem(error.status_code, details.get(error.status_code, HTTPStatus(error.status_code).phrase), headers)


PROBLEMS: Mapping[type[Exception], Callable[[Any], ProblemDetailsException]] = {
    BadParameterError: _bad_parameter,
    UnknownPackageError: _unknown_package,
    NothingLoadedError: _nothing_loaded,
    TooManyRowsError: _too_many_rows,
    WarehouseBusyError: _warehouse_busy,
    WarehouseUnavailableError: _warehouse_unavailable,
    RenderError: _render,
    GitHubOffError: _github_off,
    DiscoveryError: _discovery,
    HTTPException: _http,
}
"""The errors that are foreseen, and the problem that each is."""


def as_problem(request: Request[Any, Any, Any], error: Exception) -> ProblemDetailsException:
    """The problem that an error is; one that nobody has foreseen is a 500, and is logged."""
    if isinstance(error, ProblemDetailsException):
        return error
    for kind in type(error).__mro__:
        if kind in PROBLEMS:
            return PROBLEMS[kind](error)
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "the server failed to answer; its log says why")


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    return as_problem(request, error).to_response(request)


problem_details = ProblemDetailsPlugin(ProblemDetailsConfig(exception_to_problem_detail_map=dict(PROBLEMS)))

unexpected_errors: ExceptionHandlersMap = {Exception: _unexpected}
