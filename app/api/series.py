"""The series of a package, one for each dimension."""

import codecs
from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.datastructures import Accept
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from app.api.encoding import series_as_csv, series_as_json
from app.api.parameters import (
    ChartedQuery,
    CountryQuery,
    FileTypeQuery,
    InstallerQuery,
    OriginQuery,
    OverallQuery,
    SeriesFormat,
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
from app.cache.entry import Compute
from app.cache.lifetime import CHOSEN_BY_ACCEPT, UNTIL_NEXT_DAY
from app.cache.response import CSV, JSON, ResponseContent, file_name
from app.stats.dimensions import DIMENSIONS, ORIGIN, Dimension
from app.stats.questions import SeriesQuestion, SeriesRow, series_columns
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


FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


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
        compute = FORMS[query.format or accepted_form(request)]
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
        partial=query.partial == "true",
    )


def accepted_form(request: Request[Any, Any, Any]) -> SeriesFormat:
    """The format that `Accept` prefers."""
    accept = Accept(request.headers.get("accept", "*/*"))
    return "csv" if accept.best_match(["application/json", "text/csv"]) == "text/csv" else "json"


async def series_json(snapshot: Snapshot, question: FormQuestion) -> ResponseContent:
    """A series with upstream's keys."""
    about = question.about
    found = await series_columns(snapshot, about)
    return ResponseContent(await series_as_json(found, Series((), about.package, question.type)), JSON)


async def series_csv(snapshot: Snapshot, question: FormQuestion) -> ResponseContent:
    """A series as CSV (RFC 4180): a header, then category, date, downloads; all exactly as in the JSON."""
    body = await series_as_csv(await series_columns(snapshot, question.about))
    return _csv(question, body)


async def series_spreadsheet(snapshot: Snapshot, question: FormQuestion) -> ResponseContent:
    """The same for spreadsheets, which need a byte order mark, and would compute a category that begins like a formula:
    it gets an apostrophe in front. Categories are names that clients give themselves."""
    body = await series_as_csv(await series_columns(snapshot, question.about), without_formula)
    return _csv(question, codecs.BOM_UTF8 + body)


def without_formula(category: str) -> str:
    """A category that a spreadsheet takes for text."""
    return f"'{category}" if category.startswith(FORMULA_STARTS) else category


def _csv(question: FormQuestion, body: bytes) -> ResponseContent:
    about, lifetime = question.about, CHOSEN_BY_ACCEPT if question.by_accept else UNTIL_NEXT_DAY
    return ResponseContent(body, CSV, (file_name(about.package, about.dimension, "csv"),), lifetime=lifetime)


FORMS: dict[SeriesFormat, Compute] = {"json": series_json, "csv": series_csv, "spreadsheet": series_spreadsheet}
