"""A package's downloads as a badge."""

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.parameters import BadgeFormat, BadgePeriod, BadgeQuery, package_name, parse_query
from app.api.pictures import picture_content
from app.api.routes import endpoint
from app.api.services import Services
from app.cache.lifetime import NO_STORE, Lifetime
from app.cache.response import ResponseContent, json_content
from app.charts.badge import Badge, BadgeStyle, ShieldsBadge, badge_svg, downloads_message, shields_badge
from app.serving.problems import RETRY_SECONDS
from app.stats.questions import RecentQuestion, UnknownPackageError, recent, total
from app.warehouse.engines.errors import WarehouseUnavailableError
from app.warehouse.reading.snapshot import NothingLoadedError, Snapshot

SVG = "image/svg+xml"
MIN_AGE_SECONDS = 3600
"""How long HTTP caches keep a badge at least: READMEs are read far more often than a rounded number changes."""

ERROR_SECONDS = 300
"""How long shields.io keeps a badge with an error, the shortest time that it accepts."""

ERROR_COLOR = "lightgrey"

UNAVAILABLE = Lifetime(RETRY_SECONDS, cache_control=NO_STORE, stored=False)

logger = logging.getLogger(__name__)


class BadgeQuestion(msgspec.Struct, frozen=True):
    """A package's downloads in a period, and what they look like."""

    package: str
    period: BadgePeriod
    format: BadgeFormat
    label: str
    color: str
    style: BadgeStyle


@endpoint("/api/packages/{package:str}/badge", BadgeQuery, ShieldsBadge)
async def get_badge(
    request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    """Downloads as a badge. Errors are badges too: a README shows nothing else."""
    query = parse_query(request, BadgeQuery)
    question = BadgeQuestion(package_name(package), query.period, query.format, query.label, query.color, query.style)
    try:
        return await services.respond(request, downloads_badge, question)
    except (NothingLoadedError, WarehouseUnavailableError) as error:
        logger.warning("a badge has no number: %s", error or "no day has been loaded")
        content = _error_badge(question, "unavailable", HTTPStatus.SERVICE_UNAVAILABLE)
        retry = ("Retry-After", str(RETRY_SECONDS))
        headers = (*content.headers, retry)
        return services.send(request, msgspec.structs.replace(content, headers=headers, lifetime=UNAVAILABLE))


async def downloads_badge(snapshot: Snapshot, question: BadgeQuestion) -> ResponseContent:
    """The badge with the downloads, without mirrors."""
    try:
        count = await _count(snapshot, question)
    except UnknownPackageError:
        return _error_badge(question, "unknown package", HTTPStatus.NOT_FOUND)
    message = downloads_message(count, question.period)
    badge = _content(Badge(question.label, message, question.color, question.style), question.format)
    return msgspec.structs.replace(badge, lifetime=Lifetime(min_age=MIN_AGE_SECONDS))


async def _count(snapshot: Snapshot, question: BadgeQuestion) -> int:
    """Downloads without mirrors. Raises UnknownPackageError."""
    if question.period == "total":
        return await total(snapshot, question.package)
    found = await recent(snapshot, RecentQuestion((question.package,)))
    if found.unknown:
        raise UnknownPackageError(question.package)
    downloads = found.by_package[question.package]
    return {"day": downloads.last_day, "week": downloads.last_week, "month": downloads.last_month}[question.period]


def _error_badge(question: BadgeQuestion, message: str, status: HTTPStatus) -> ResponseContent:
    badge = Badge(question.label, message, ERROR_COLOR, question.style, is_error=True)
    return msgspec.structs.replace(_content(badge, question.format), status=status)


def _content(badge: Badge, form: BadgeFormat) -> ResponseContent:
    if form == "shields":
        seconds = ERROR_SECONDS if badge.is_error else MIN_AGE_SECONDS
        return json_content(shields_badge(badge, seconds))
    return picture_content(badge_svg(badge), SVG)
