"""A package's downloads as a badge."""

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.parameters import (
    BadgeFormat,
    BadgePeriod,
    BadgeQuery,
    BadParameterError,
    package_name,
    parse_leniently,
)
from app.api.pictures import picture_content
from app.api.routes import endpoint
from app.api.services import Services
from app.cache.lifetime import NO_STORE, Lifetime
from app.cache.response import ResponseContent, file_name, json_content
from app.charts.badge import (
    COLOR_RULE,
    Badge,
    BadgeStyle,
    ShieldsBadge,
    badge_svg,
    downloads_message,
    hex_color,
    shields_badge,
)
from app.serving.problems import RETRY_SECONDS
from app.stats.questions import (
    DimensionNotLoadedError,
    RecentQuestion,
    UnknownPackageError,
    raise_unknown,
    recent,
    total,
)
from app.warehouse.engines.errors import WarehouseUnavailableError
from app.warehouse.reading.followed import NotFetchedError
from app.warehouse.reading.snapshot import NothingLoadedError, Snapshot
from app.warehouse.sources.errors import SourceError

SVG = "image/svg+xml"
MIN_AGE_SECONDS = 3600
"""How long HTTP caches keep a badge at least: READMEs are read far more often than a rounded number changes."""

SHIELDS_ERROR_SECONDS = 300
"""How long shields.io keeps a badge with an error, the shortest time that it accepts."""

ERROR_COLOR = "#9f9f9f"
MAX_ERROR = 80
"""Characters of an error on a badge."""

BRIEFLY = Lifetime(cache_control="public, max-age=60", stored=False)
"""For a badge whose error may be gone a moment later, or is the request's own."""

UNAVAILABLE = Lifetime(RETRY_SECONDS, cache_control=NO_STORE, stored=False)

logger = logging.getLogger(__name__)


class BadgeQuestion(msgspec.Struct, frozen=True):
    """A package's downloads in a period, and what they look like. `color` is `#rrggbb`.

    Unless it is `strict`, errors have the status 200: image proxies pass no picture on that has another one.
    """

    package: str
    period: BadgePeriod
    origin: str | None
    format: BadgeFormat
    label: str
    color: str
    style: BadgeStyle
    strict: bool


@endpoint("/api/packages/{package:str}/badge", BadgeQuery, ShieldsBadge)
async def get_badge(
    request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    """Downloads as a badge. Errors are badges too: a README shows nothing else."""
    query, wrong = parse_leniently(request, BadgeQuery)
    # shields.io reads no response with an error's status.
    strict = query.strict == "true" and query.format == "svg"
    label = query.label if query.label is not None else ("installs" if query.origin == "installer" else "downloads")
    question = BadgeQuestion(package, query.period, query.origin, query.format, label, ERROR_COLOR, query.style, strict)
    try:
        question = _checked(question, query.color, wrong)
        return await services.respond(request, downloads_badge, question)
    except BadParameterError as error:
        if strict:
            raise
        message = str(error).partition("; accepted")[0]
        content = _error_badge(question, message if len(message) <= MAX_ERROR else f"{message[: MAX_ERROR - 1]}…")
        return services.send(request, msgspec.structs.replace(content, lifetime=BRIEFLY))
    except (NothingLoadedError, WarehouseUnavailableError, NotFetchedError, SourceError) as error:
        logger.warning("a badge has no number: %s", error or "no day has been loaded")
        content = _error_badge(question, "unavailable")
        if not strict:
            return services.send(request, msgspec.structs.replace(content, lifetime=BRIEFLY))
        retry = ("Retry-After", str(RETRY_SECONDS))
        status = HTTPStatus.SERVICE_UNAVAILABLE
        content = msgspec.structs.replace(
            content, headers=(*content.headers, retry), status=status, lifetime=UNAVAILABLE
        )
        return services.send(request, content)


def _checked(question: BadgeQuestion, color: str, wrong: BadParameterError | None) -> BadgeQuestion:
    """The question with its package's normalised name and its color. Raises BadParameterError."""
    if wrong is not None:
        raise wrong
    found = hex_color(color)
    if found is None:
        raise BadParameterError(f"color: {color[:MAX_ERROR]!r} is not accepted; accepted is {COLOR_RULE}")
    return msgspec.structs.replace(question, package=package_name(question.package), color=found)


async def downloads_badge(snapshot: Snapshot, question: BadgeQuestion) -> ResponseContent:
    """The badge with the downloads, without mirrors or those of an origin."""
    try:
        count = await _count(snapshot, question)
    except UnknownPackageError:
        content = _error_badge(question, "unknown package")
        return msgspec.structs.replace(content, status=HTTPStatus.NOT_FOUND if question.strict else HTTPStatus.OK)
    except DimensionNotLoadedError:
        content = _error_badge(question, "not loaded")
        return msgspec.structs.replace(content, status=HTTPStatus.NOT_FOUND if question.strict else HTTPStatus.OK)
    message = downloads_message(count, question.period)
    badge = _content(Badge(question.label, message, question.color, question.style), question.format)
    file = (file_name(question.package, "badge", "svg"),) if question.format == "svg" else ()
    return msgspec.structs.replace(badge, headers=(*badge.headers, *file), lifetime=Lifetime(min_age=MIN_AGE_SECONDS))


async def _count(snapshot: Snapshot, question: BadgeQuestion) -> int:
    """Downloads without mirrors, or of an origin. Raises UnknownPackageError and DimensionNotLoadedError."""
    if question.period == "total":
        return await total(snapshot, question.package, question.origin)
    about = RecentQuestion((question.package,), origin=question.origin)
    found = await recent(snapshot, about)
    if found.unknown:
        await raise_unknown(snapshot, question.package, about.dimension)
    downloads = found.by_package[question.package]
    return {"day": downloads.last_day, "week": downloads.last_week, "month": downloads.last_month}[question.period]


def _error_badge(question: BadgeQuestion, message: str) -> ResponseContent:
    badge = Badge(question.label, message, ERROR_COLOR, question.style, is_error=True)
    return msgspec.structs.replace(_content(badge, question.format), is_error=True)


def _content(badge: Badge, form: BadgeFormat) -> ResponseContent:
    if form == "shields":
        seconds = SHIELDS_ERROR_SECONDS if badge.is_error else MIN_AGE_SECONDS
        return json_content(shields_badge(badge, seconds))
    return picture_content(badge_svg(badge), SVG)
