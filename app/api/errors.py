"""The error border of the API: every exception becomes a problem (RFC 9457) here.

A detail names the parameter and what it accepts; it never holds the text of an exception that is not ours. The
bodies are made in app/serving/problems.py, as are those of errors that never reach the API.
"""

import logging
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from app.api.parameters import BadParameterError
from app.cache.lifetime import NO_STORE, UNCACHEABLE
from app.cache.response import ResponseContent
from app.charts.render import RenderError
from app.discovery.sources.errors import DiscoveryError
from app.discovery.sources.lookups import GitHubOffError
from app.names import ALL_PACKAGES
from app.serving.problems import PROBLEM, RETRY_SECONDS, SERVER_FAILED, problem_body
from app.stats.questions import DimensionNotLoadedError, UnknownPackageError
from app.warehouse.engines.connection import DEFAULT_READER_LIMITS
from app.warehouse.engines.errors import TooManyRowsError, WarehouseBusyError, WarehouseUnavailableError
from app.warehouse.reading.followed import NotFetchedError
from app.warehouse.reading.snapshot import NothingLoadedError
from app.warehouse.sources.errors import SourceError, SourceQuotaError

BRIEFLY = "public, max-age=60"
"""Of paths that do not exist: those who look for gaps ask for many, again and again."""

logger = logging.getLogger(__name__)


class ProblemError(Exception):
    """An error whose response is this problem; `headers` and `extra` are further headers and members of the body."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str], extra: Mapping[str, Any]) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = {"Cache-Control": NO_STORE, **headers}
        self.extra = extra

    def body(self) -> bytes:
        return problem_body(self.status, self.detail, self.extra)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **extra: Any) -> ProblemError:
    """A problem with a status and an explanation; `extra` are further members of its body."""
    return ProblemError(status, detail, headers or {}, extra)


def unavailable(detail: str, **extra: Any) -> ProblemError:
    """A 503 with the time after which to try again."""
    return problem(503, detail, {"Retry-After": str(RETRY_SECONDS)}, **extra)


def switched_off(detail: str) -> ProblemError:
    """A 409: the settings of the server leave this out, so that trying again does not help, and nothing has failed."""
    return problem(409, detail)


def _bad_parameter(error: BadParameterError) -> ProblemError:
    return problem(400, str(error))


def _unknown_package(error: UnknownPackageError) -> ProblemError:
    package = str(error)
    if package == ALL_PACKAGES:
        return problem(404, f"package: this data set has no sum over all packages, {ALL_PACKAGES!r}")
    return problem(404, f"package: no download of {package!r} has been loaded")


def _dimension_not_loaded(error: DimensionNotLoadedError) -> ProblemError:
    package = repr(error.package) if error.package else "any package"
    return problem(
        404,
        f"package: {error.dimension} is not loaded for any day of {package}: DIMENSIONS leaves it out, "
        "or what was loaded lacks its columns; GET /health?deep=1 says which days have which dimensions",
    )


def lasting_problem(error: Exception) -> ProblemError | None:
    """The problem of an error that lasts until new data are published: an unknown package. None for any other error."""
    if isinstance(error, UnknownPackageError):
        return _unknown_package(error)
    if isinstance(error, DimensionNotLoadedError):
        return _dimension_not_loaded(error)
    if isinstance(error, ProblemError) and error.status == HTTPStatus.NOT_FOUND:
        return error
    return None


def lasting_problem_content(error: Exception) -> ResponseContent | None:
    """The same as content that the server caches."""
    found = lasting_problem(error)
    if found is None:
        return None
    return ResponseContent(found.body(), PROBLEM, status=found.status, lifetime=UNCACHEABLE)


def _too_many_rows(_: TooManyRowsError) -> ProblemError:
    return problem(
        400,
        f"the answer has more than {DEFAULT_READER_LIMITS.max_rows:,} rows; ask for fewer days, "
        "for weeks or months (granularity), or for one category",
    )


def _nothing_loaded(_: NothingLoadedError) -> ProblemError:
    return unavailable("no day of downloads has been loaded yet")


def _warehouse_busy(_: WarehouseBusyError) -> ProblemError:
    return unavailable("too many questions about downloads are being answered at the moment")


def _warehouse_unavailable(_: WarehouseUnavailableError) -> ProblemError:
    # Not logged: the failed query is in the log, and thousands of requests may get this response.
    return unavailable("the statistics cannot be read at the moment")


def _not_fetched(_: NotFetchedError) -> ProblemError:
    return unavailable("this server does not ask the source of its downloads for others")


def _source(error: SourceError) -> ProblemError:
    return unavailable(str(error))


def _source_quota(error: SourceQuotaError) -> ProblemError:
    seconds = max(1, math.ceil((error.until - datetime.now(UTC)).total_seconds()))
    return problem(503, str(error), {"Retry-After": str(seconds)})


def _render(error: RenderError) -> ProblemError:
    logger.warning("%s", error)
    return unavailable("charts cannot be drawn at the moment")


def _discovery(error: DiscoveryError) -> ProblemError:
    logger.warning("%s", error)
    return unavailable("PyPI or GitHub cannot be asked at the moment")


def _github_off(_: GitHubOffError) -> ProblemError:
    return switched_off("GitHub is not asked: GITHUB_TOKEN is not set")


def _http(error: HTTPException) -> ProblemError:
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND:
        headers["Cache-Control"] = BRIEFLY
    details = {
        404: "there is nothing at this path; openapi.yaml lists what there is",
        405: "this path answers GET and HEAD",
    }
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": "GET, HEAD, OPTIONS"}
    return problem(error.status_code, details.get(error.status_code, HTTPStatus(error.status_code).phrase), headers)


PROBLEMS: Mapping[type[Exception], Callable[[Any], ProblemError]] = {
    BadParameterError: _bad_parameter,
    UnknownPackageError: _unknown_package,
    DimensionNotLoadedError: _dimension_not_loaded,
    NothingLoadedError: _nothing_loaded,
    TooManyRowsError: _too_many_rows,
    WarehouseBusyError: _warehouse_busy,
    WarehouseUnavailableError: _warehouse_unavailable,
    SourceError: _source,
    SourceQuotaError: _source_quota,
    NotFetchedError: _not_fetched,
    RenderError: _render,
    GitHubOffError: _github_off,
    DiscoveryError: _discovery,
    HTTPException: _http,
}
"""The expected exceptions, and what makes the problem of each."""


def as_problem(request: Request[Any, Any, Any], error: Exception) -> ProblemError:
    """The problem of an exception. An unexpected exception is a 500 and is logged."""
    if isinstance(error, ProblemError):
        return error
    for kind in type(error).__mro__:
        if kind in PROBLEMS:
            return PROBLEMS[kind](error)
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, SERVER_FAILED)


def _problem_response(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    found = as_problem(request, error)
    return Response(found.body(), status_code=found.status, media_type=PROBLEM, headers=found.headers)


exception_handlers: ExceptionHandlersMap = {Exception: _problem_response}
