"""Recent downloads, of one package and of many; and a package's totals."""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.errors import lasting_problem_body
from app.api.parameters import BatchQuery, NoQuery, RecentQuery, package_name, parse_query
from app.api.responses import Answers
from app.api.routes import Services, endpoint
from app.cache.policy import SHORT_SECONDS
from app.cache.response import JSON, CachedResponse, ResponseContent
from app.cache.store import CacheEntry
from app.discovery.package import SummaryMetadata, summary_metadata
from app.stats.questions import (
    Recent,
    RecentQuestion,
    SummaryQuestion,
    UnknownPackageError,
    recent,
    summary,
)
from app.warehouse.reading.layout import Published
from app.warehouse.reading.warehouse import Warehouse
from app.windows import Period


class OneRecentQuestion(msgspec.Struct, frozen=True):
    """Recent downloads of one package, in all periods or one."""

    about: RecentQuestion
    period: Period | None


@endpoint("/api/packages/{package:str}/recent", RecentQuery)
async def get_recent_downloads(
    request: Request[Any, Any, Any], package: FromPath[str], answers: NamedDependency[Answers]
) -> Response[bytes]:
    """Downloads on the last day, in the last week, in the last month."""
    query = parse_query(request, RecentQuery)
    about = RecentQuestion((package_name(package),), query.mirrors == "true")
    return await answers.respond(request, recent_json, OneRecentQuestion(about, query.period))


async def recent_json(warehouse: Warehouse, published: Published, question: OneRecentQuestion) -> ResponseContent:
    """Upstream's answer: all three periods, or the one asked for alone."""
    found, unknown = await recent(warehouse, published, question.about)
    if unknown:
        raise UnknownPackageError(unknown[0])
    (package,) = question.about.packages
    data = msgspec.structs.asdict(found[package])
    if question.period:
        data = {f"last_{question.period}": data[f"last_{question.period}"]}
    return ResponseContent(msgspec.json.encode({"data": data, "package": package, "type": "recent_downloads"}), JSON)


@endpoint("/api/recent", BatchQuery)
async def get_recent_downloads_of_many(
    request: Request[Any, Any, Any], answers: NamedDependency[Answers]
) -> Response[bytes]:
    """Recent downloads of many packages in one request."""
    query = parse_query(request, BatchQuery)
    packages = tuple(dict.fromkeys(package_name(package) for package in query.package))
    return await answers.respond(request, recent_of_many_json, RecentQuestion(packages, mirrors=False))


class RecentOfMany(msgspec.Struct):
    """Recent downloads by package; `missing` are those of which none has been loaded."""

    data: dict[str, Recent]
    missing: list[str]
    type: str = "recent_downloads"


async def recent_of_many_json(warehouse: Warehouse, published: Published, question: RecentQuestion) -> ResponseContent:
    """The packages in the order asked."""
    found, unknown = await recent(warehouse, published, question)
    return ResponseContent(msgspec.json.encode(RecentOfMany(found, unknown)), JSON)


class Summary(msgspec.Struct, kw_only=True):
    """A package's totals, and what else is known of it."""

    package: str
    type: str = "summary"
    totals: msgspec.Raw
    metadata: SummaryMetadata | None


@endpoint("/api/packages/{package:str}/summary")
async def get_summary(
    request: Request[Any, Any, Any],
    package: FromPath[str],
    services: NamedDependency[Services],
) -> Response[bytes]:
    """Totals by dimension over the default window, and metadata where they are there in time."""
    answers, discovery = services
    parse_query(request, NoQuery)
    question = SummaryQuestion(package_name(package), answers.settings.window_days)
    # First, and kept apart: a package that nobody downloads is not looked up, and new metadata cost no query.
    totals = await answers.finder.find(totals_json, question, as_body=lasting_problem_body)
    if totals.answer.status == HTTPStatus.NOT_FOUND:
        return answers.send(request, totals)
    metadata = await discovery.lookups.metadata_for_statistics(question.package)
    summary = Summary(
        package=question.package, totals=msgspec.Raw(totals.answer.body.content), metadata=summary_metadata(metadata)
    )
    answer = CachedResponse(ResponseContent(msgspec.json.encode(summary), JSON))
    if not discovery.lookups.is_complete(metadata):
        # What was not there in time may be there a moment later.
        return answers.send(request, CacheEntry.until(SHORT_SECONDS, None, answer, totals.version))
    seconds = answers.settings.cache_ttl_discovery
    return answers.send(
        request, answers.finder.keep(CacheEntry.until(seconds, (get_summary, question), answer, totals.version))
    )


async def totals_json(warehouse: Warehouse, published: Published, question: SummaryQuestion) -> ResponseContent:
    """Totals; `overall` is without mirrors, as the sum over every dimension but `installer` is."""
    return ResponseContent(msgspec.json.encode(await summary(warehouse, published, question)), JSON)
