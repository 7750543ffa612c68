"""Packages by downloads: the most downloaded, and those whose name begins in some way."""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency

from app.api.parameters import SearchQuery, TopQuery, name_prefix, parse_query
from app.api.responses import Answers
from app.api.routes import endpoint
from app.cache.response import JSON, ResponseContent
from app.stats.questions import SearchQuestion, TopQuestion, search, top
from app.warehouse.reading.layout import Published
from app.warehouse.reading.warehouse import Warehouse


@endpoint("/api/top", TopQuery)
async def get_top_packages(request: Request[Any, Any, Any], answers: NamedDependency[Answers]) -> Response[bytes]:
    """The most downloaded packages."""
    query = parse_query(request, TopQuery)
    return await answers.respond(request, top_json, TopQuestion(query.period, query.limit, query.offset))


async def top_json(warehouse: Warehouse, published: Published, question: TopQuestion) -> ResponseContent:
    """Packages with their downloads in the period, without mirrors."""
    data = await top(warehouse, published, question)
    return ResponseContent(msgspec.json.encode({"data": data, "period": question.period, "type": "top_packages"}), JSON)


@endpoint("/api/search", SearchQuery)
async def search_packages(request: Request[Any, Any, Any], answers: NamedDependency[Answers]) -> Response[bytes]:
    """Packages by the beginning of their name."""
    query = parse_query(request, SearchQuery)
    question = SearchQuestion(name_prefix(query.q), query.limit, answers.settings.window_days)
    return await answers.respond(request, search_json, question)


async def search_json(warehouse: Warehouse, published: Published, question: SearchQuestion) -> ResponseContent:
    """Packages with their downloads in the last month, without mirrors."""
    data = await search(warehouse, published, question)
    return ResponseContent(msgspec.json.encode({"data": data, "type": "search"}), JSON)
