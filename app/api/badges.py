"""A package's downloads as a badge."""

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.parameters import BadgeFormat, BadgePeriod, BadgeQuery, package_name, parse_query
from app.api.responses import Answers
from app.api.routes import endpoint
from app.cache.response import JSON, NO_STORE, CachedResponse, ResponseContent
from app.cache.store import CacheEntry
from app.charts.badge import Badge, Style, downloads_in, shields, svg
from app.serving.problems import RETRY_SECONDS
from app.stats.questions import NothingLoadedError, RecentQuestion, UnknownPackageError, recent, total
from app.warehouse.engines.errors import WarehouseUnavailableError
from app.warehouse.reading.layout import Published
from app.warehouse.reading.warehouse import Warehouse

SVG = "image/svg+xml"
KEPT_SECONDS = 3600
"""For at least so long a badge is kept: READMEs are read far more often than a number with three digits changes."""

EXCUSE_SECONDS = 300
"""For so long shields.io keeps a badge that says what is wrong: it knows no less."""

PALE = "lightgrey"

logger = logging.getLogger(__name__)


class BadgeQuestion(msgspec.Struct, frozen=True):
    """A package's downloads in a period, and what they look like."""

    package: str
    period: BadgePeriod
    format: BadgeFormat
    label: str
    colour: str
    style: Style


@endpoint("/api/packages/{package:str}/badge", BadgeQuery)
async def get_badge(
    request: Request[Any, Any, Any], package: FromPath[str], answers: NamedDependency[Answers]
) -> Response[bytes]:
    """Downloads as a badge. What goes wrong is said on the badge too: a README shows nothing else."""
    query = parse_query(request, BadgeQuery)
    question = BadgeQuestion(package_name(package), query.period, query.format, query.label, query.color, query.style)
    try:
        return await answers.respond(request, downloads_badge, question)
    except (NothingLoadedError, WarehouseUnavailableError) as error:
        logger.warning("a badge says that its number is unavailable: %s", error or "no day has been loaded")
        body = _excuse(question, "unavailable", HTTPStatus.SERVICE_UNAVAILABLE)
        retry = ("Retry-After", str(RETRY_SECONDS))
        body = msgspec.structs.replace(body, headers=(retry,), cache_control=NO_STORE)
        return answers.send(request, CacheEntry.until(RETRY_SECONDS, None, CachedResponse(body)))


async def downloads_badge(warehouse: Warehouse, published: Published, question: BadgeQuestion) -> ResponseContent:
    """The badge, without mirrors."""
    try:
        count = await _count(warehouse, published, question)
    except UnknownPackageError:
        return _excuse(question, "unknown package", HTTPStatus.NOT_FOUND)
    message = downloads_in(count, question.period)
    body = _body(Badge(question.label, message, question.colour, question.style), question.format)
    return msgspec.structs.replace(body, min_age=KEPT_SECONDS)


async def _count(warehouse: Warehouse, published: Published, question: BadgeQuestion) -> int:
    """Downloads without mirrors. Raises UnknownPackageError."""
    if question.period == "total":
        return await total(warehouse, published, question.package)
    found, unknown = await recent(warehouse, published, RecentQuestion((question.package,), mirrors=False))
    if unknown:
        raise UnknownPackageError(question.package)
    downloads = found[question.package]
    return {"day": downloads.last_day, "week": downloads.last_week, "month": downloads.last_month}[question.period]


def _excuse(question: BadgeQuestion, message: str, status: HTTPStatus) -> ResponseContent:
    badge = Badge(question.label, message, PALE, question.style, is_error=True)
    return msgspec.structs.replace(_body(badge, question.format), status=status)


def _body(badge: Badge, form: BadgeFormat) -> ResponseContent:
    if form == "shields":
        seconds = EXCUSE_SECONDS if badge.is_error else KEPT_SECONDS
        return ResponseContent(msgspec.json.encode(shields(badge, seconds)), JSON)
    return ResponseContent(svg(badge), SVG)
