"""The series of a package, one for each dimension."""

import codecs
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
    OverallQuery,
    SeriesFormat,
    SeriesQuery,
    SystemQuery,
    VersionQuery,
    check_dates,
    package_name,
    parse_query,
)
from app.api.routes import endpoint
from app.api.services import Services
from app.cache.entry import Compute
from app.cache.response import CSV, ResponseContent, file_name, json_content
from app.stats.dimensions import DIMENSIONS, Dimension
from app.stats.questions import SeriesQuestion, SeriesRow, series
from app.warehouse.reading.snapshot import Snapshot

QUERIES: dict[str, type[SeriesQuery]] = {
    "mirrors": OverallQuery,
    "version": VersionQuery,
    "os": SystemQuery,
    "installer": InstallerQuery,
    "country": CountryQuery,
    "type": FileTypeQuery,
}


FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class Series(msgspec.Struct):
    """The body of a series. It has upstream's keys and no more, because clients fail on an unknown key."""

    data: Sequence[SeriesRow]
    package: str
    type: str


class FormQuestion(msgspec.Struct, frozen=True):
    """A series in one format. `by_accept` is part of it, because a response that `Accept` chose has another `Vary`."""

    about: SeriesQuestion
    by_accept: bool


def series_route(dimension: Dimension) -> HTTPRouteHandler:
    """The endpoint of one dimension."""
    kind = QUERIES[dimension.parameter]

    @endpoint(f"/api/packages/{{package:str}}/{dimension.name}", kind, Series, name=f"get_{dimension.type}")
    async def get_series(
        request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
    ) -> Response[bytes]:
        query = parse_query(request, kind)
        about = series_question(package, dimension, query)
        compute = FORMS[query.format or accepted_form(request)]
        by_accept = query.format is None
        return await services.respond(request, compute, FormQuestion(about, by_accept), by_accept=by_accept)

    return get_series


series_routes = [series_route(dimension) for dimension in DIMENSIONS]


def series_question(package: str, dimension: Dimension, query: SeriesQuery | ChartedQuery) -> SeriesQuestion:
    """The question that the parameters of a series or a chart ask. Raises BadParameterError."""
    check_dates(query.start_date, query.end_date)
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
    rows = await series(snapshot, question.about)
    return json_content(Series(rows, question.about.package, f"{question.about.dimension}_downloads"))


async def series_csv(snapshot: Snapshot, question: FormQuestion) -> ResponseContent:
    """A series as CSV (RFC 4180): a header, then category, date, downloads; all exactly as in the JSON."""
    return _csv(question.about, await series(snapshot, question.about))


async def series_spreadsheet(snapshot: Snapshot, question: FormQuestion) -> ResponseContent:
    """The same for spreadsheets, which need a byte order mark, and would compute a category that begins like a formula:
    it gets an apostrophe in front. Categories are what clients call themselves, so anybody can choose one."""
    rows = [
        msgspec.structs.replace(row, category=f"'{row.category}") if row.category.startswith(FORMULA_STARTS) else row
        for row in await series(snapshot, question.about)
    ]
    content = _csv(question.about, rows)
    return msgspec.structs.replace(content, body=codecs.BOM_UTF8 + content.body)


def _csv(about: SeriesQuestion, rows: Sequence[SeriesRow]) -> ResponseContent:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(SeriesRow.__struct_fields__)
    writer.writerows((row.category, row.date, row.downloads) for row in rows)
    return ResponseContent(text.getvalue().encode(), CSV, (file_name(about.package, about.dimension, "csv"),))


FORMS: dict[SeriesFormat, Compute] = {"json": series_json, "csv": series_csv, "spreadsheet": series_spreadsheet}
