"""The series of a package, one for each dimension."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.datastructures import Accept
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from app.api.parameters import (
    ChartedQuery,
    CountryQuery,
    FileTypeQuery,
    InstallerQuery,
    OriginQuery,
    OverallQuery,
    SeriesQuery,
    SystemQuery,
    VersionQuery,
    check_dates,
    check_origin,
    package_name,
    parse_query,
    series_query,
)
from app.api.routes import endpoint
from app.api.services import Services
from app.cache.response import CSV, ResponseContent, json_content
from app.stats.dimensions import DIMENSIONS, ORIGIN, Dimension
from app.stats.questions import SeriesQuestion, SeriesRow, series
from app.warehouse.reading.snapshot import Snapshot

QUERIES: dict[str, type[SeriesQuery]] = {
    "mirrors": OverallQuery,
    "version": VersionQuery,
    "os": SystemQuery,
    "installer": InstallerQuery,
    "country": CountryQuery,
    "type": FileTypeQuery,
    "origin": OriginQuery,
}
"""By the parameter that selects a category, the parameters of the series that `series_query` does not make."""


class Series(msgspec.Struct):
    """The body of a series. It has upstream's keys and no more, because clients fail on an unknown key."""

    data: Sequence[SeriesRow]
    package: str
    type: str


class FormQuestion(msgspec.Struct, frozen=True):
    """A series in one format. `by_accept` is part of it, because a response that `Accept` chose has another `Vary`."""

    about: SeriesQuestion
    type: str
    by_accept: bool


def series_route(dimension: Dimension) -> HTTPRouteHandler:
    """The endpoint of one dimension."""
    kind = QUERIES.get(dimension.parameter) or series_query(dimension.parameter)

    @endpoint(f"/api/packages/{{package:str}}/{dimension.name}", kind, Series, name=f"get_{dimension.type}")
    async def get_series(
        request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
    ) -> Response[bytes]:
        query = parse_query(request, kind)
        about = series_question(package, dimension, query)
        compute = series_csv if wants_csv(request, query) else series_json
        by_accept = query.format is None
        return await services.respond(
            request, compute, FormQuestion(about, dimension.type, by_accept), by_accept=by_accept
        )

    return get_series


series_routes = [series_route(dimension) for dimension in DIMENSIONS]


def series_question(package: str, dimension: Dimension, query: SeriesQuery | ChartedQuery) -> SeriesQuestion:
    """The question that the parameters of a series or a chart ask. Raises BadParameterError."""
    check_dates(query.start_date, query.end_date)
    if isinstance(query, OverallQuery) and query.origin:
        check_origin(query.mirrors, query.origin)
        dimension = ORIGIN
    value = getattr(query, dimension.parameter)
    return SeriesQuestion(
        package=package_name(package),
        dimension=dimension.name,
        category=None if value is None else dimension.category(value),
        start=query.start_date,
        end=query.end_date,
        granularity=query.granularity,
    )


def wants_csv(request: Request[Any, Any, Any], query: SeriesQuery) -> bool:
    """Whether the response is CSV: by the parameter `format`, or else by `Accept`."""
    if query.format is not None:
        return query.format == "csv"
    return Accept(request.headers.get("accept", "*/*")).best_match(["application/json", "text/csv"]) == "text/csv"


async def series_json(snapshot: Snapshot, question: FormQuestion) -> ResponseContent:
    """A series with upstream's keys."""
    rows = await series(snapshot, question.about)
    return json_content(Series(rows, question.about.package, question.type))


async def series_csv(snapshot: Snapshot, question: FormQuestion) -> ResponseContent:
    """A series as CSV (RFC 4180): a header, then category, date, downloads."""
    rows = await series(snapshot, question.about)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(SeriesRow.__struct_fields__)
    writer.writerows((row.category, row.date, row.downloads) for row in rows)
    return ResponseContent(text.getvalue().encode(), CSV)
