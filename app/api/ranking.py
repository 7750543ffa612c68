"""Packages by downloads: the most downloaded, and those whose name starts with a prefix."""

from typing import Any, Literal

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency

from app.api.parameters import SearchQuery, TopQuery, name_prefix, parse_query
from app.api.routes import endpoint
from app.api.services import Services
from app.cache.lifetime import RANKED, UNTIL_NEXT_DAY, Lifetime
from app.cache.response import ResponseContent, json_content
from app.stats.questions import RankedPackage, SearchQuestion, TopQuestion, search, top
from app.warehouse.reading.snapshot import Snapshot
from app.windows import Period


class TopPackages(msgspec.Struct):
    """The most downloaded packages of a period."""

    data: list[RankedPackage]
    period: Period
    type: Literal["top_packages"] = "top_packages"


@endpoint("/api/top", TopQuery, TopPackages)
async def get_top_packages(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    query = parse_query(request, TopQuery)
    return await services.respond(request, top_json, TopQuestion(query.period, query.limit, query.offset, query.origin))


async def top_json(snapshot: Snapshot, question: TopQuestion) -> ResponseContent:
    """Packages with their downloads in the period, without mirrors."""
    body = TopPackages(await top(snapshot, question), question.period)
    return json_content(body, lifetime=ranking_lifetime(snapshot))


class SearchResults(msgspec.Struct):
    """The packages whose name starts with a prefix."""

    data: list[RankedPackage]
    type: Literal["search"] = "search"


@endpoint("/api/search", SearchQuery, SearchResults)
async def search_packages(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """Packages by the start of their name."""
    query = parse_query(request, SearchQuery)
    return await services.respond(request, search_json, SearchQuestion(name_prefix(query.q), query.limit))


async def search_json(snapshot: Snapshot, question: SearchQuestion) -> ResponseContent:
    """Packages with their downloads in the last month, without mirrors."""
    return json_content(SearchResults(await search(snapshot, question)), lifetime=ranking_lifetime(snapshot))


def ranking_lifetime(snapshot: Snapshot) -> Lifetime:
    """How long a response with a ranking holds."""
    return RANKED if snapshot.fetches else UNTIL_NEXT_DAY
