"""Charts of a package's series: pictures, and what Chart.js draws them from."""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.parameters import BadParameterError, ChartedQuery, ChartQuery, parse_query
from app.api.pictures import picture_content
from app.api.routes import endpoint
from app.api.series import series_question
from app.api.services import Services
from app.cache.response import ResponseContent, file_name, json_content
from app.charts.chartjs import ChartData, chart_data
from app.charts.colors import Theme
from app.charts.data import Chart, ChartStyle, ChartType, PictureFormat, chart_of
from app.charts.render import Renderer
from app.stats.dimensions import DIMENSIONS, Dimension
from app.stats.questions import SeriesQuestion, series, series_dates
from app.warehouse.reading.snapshot import Snapshot

MEDIA_TYPES: dict[PictureFormat, str] = {"png": "image/png", "svg": "image/svg+xml"}
TYPES = {dimension.name: dimension for dimension in DIMENSIONS}
FILTERS = tuple(dict.fromkeys(dimension.parameter for dimension in DIMENSIONS))
NO = {"0", "false"}


class PayloadQuestion(msgspec.Struct, frozen=True):
    """A chart for Chart.js."""

    about: SeriesQuestion
    chart_type: ChartType
    theme: Theme


class PictureQuestion(msgspec.Struct, frozen=True):
    about: SeriesQuestion
    chart_type: ChartType
    style: ChartStyle


@endpoint("/api/packages/{package:str}/chart/{type:str}", ChartQuery, ChartData)
async def get_chart(
    request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    """A chart of one dimension: PNG, SVG, or Chart.js's JSON."""
    query = parse_query(request, ChartQuery)
    about = charted_series(request.path_params["type"], package, query)
    fresh = (query.nocache or "0").lower() not in NO or (query.cache or "1").lower() in NO
    if query.format == "json" or query.format == "data":  # noqa: PLR1714  (narrows the type)
        question = PayloadQuestion(about, query.chart, query.theme)
        return await services.respond(request, payload_json, question, fresh=fresh)
    style = ChartStyle(query.format, query.theme, query.width, query.height)
    picture_question = PictureQuestion(about, query.chart, style)
    return await services.respond(request, picture, picture_question, services.renderer, fresh=fresh)


def charted_series(type_: str, package: str, query: ChartedQuery) -> SeriesQuestion:
    """The series of a chart. Raises BadParameterError."""
    dimension = TYPES.get(type_.lower())
    if dimension is None:
        raise BadParameterError(f"type: {type_[:80]!r} is not accepted; accepted is one of {', '.join(TYPES)}")
    _check_filters(dimension, query)
    return series_question(package, dimension, query)


def _check_filters(dimension: Dimension, query: ChartedQuery) -> None:
    """Raises BadParameterError for a filter of another type: a chart of everything would pass for what was asked."""
    for name in FILTERS:
        if name != dimension.parameter and getattr(query, name) is not None:
            owners = ", ".join(other.name for other in DIMENSIONS if other.parameter == name)
            raise BadParameterError(
                f"{name}: a chart of {dimension.name} has no such filter; it is one of {owners}; "
                f"{dimension.name} accepts {dimension.parameter}"
            )


async def payload_json(snapshot: Snapshot, question: PayloadQuestion) -> ResponseContent:
    chart = await drawn_chart(snapshot, question.about, question.chart_type)
    return json_content(chart_data(chart, question.theme))


async def picture(snapshot: Snapshot, question: PictureQuestion, renderer: Renderer) -> ResponseContent:
    chart = await drawn_chart(snapshot, question.about, question.chart_type)
    form = question.style.format
    file = file_name(question.about.package, question.about.dimension, form)
    return picture_content(await renderer.render(chart, question.style), MEDIA_TYPES[form], file)


async def drawn_chart(snapshot: Snapshot, about: SeriesQuestion, chart_type: ChartType) -> Chart:
    """The chart of a series. Raises UnknownPackageError."""
    rows = await series(snapshot, about)
    return chart_of(about, chart_type, rows, series_dates(snapshot, about))
