"""Charts of a package's series: pictures, and what Chart.js draws them from."""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.parameters import BadParameterError, ChartedQuery, ChartQuery, parse_query
from app.api.routes import Drawing, endpoint
from app.api.series import series_question
from app.cache.response import JSON, ResponseContent
from app.charts.chartjs import payload
from app.charts.colors import Theme
from app.charts.data import Chart, ChartStyle, ChartType, PictureFormat, chart_of
from app.charts.render import Renderer
from app.stats.dimensions import DIMENSIONS, Dimension
from app.stats.questions import SeriesQuestion, series, series_dates
from app.warehouse.reading.layout import Published
from app.warehouse.reading.warehouse import Warehouse

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
    """A chart as a picture, and who draws it."""

    about: SeriesQuestion
    chart_type: ChartType
    look: ChartStyle
    renderer: Renderer


@endpoint("/api/packages/{package:str}/chart/{type:str}", ChartQuery)
async def get_chart(
    request: Request[Any, Any, Any], package: FromPath[str], drawing: NamedDependency[Drawing]
) -> Response[bytes]:
    """A chart of one dimension: PNG, SVG, or Chart.js's JSON."""
    answers, renderer = drawing
    query = parse_query(request, ChartQuery)
    about = charted_series(request.path_params["type"], package, query, answers.settings.window_days)
    fresh = (query.nocache or "0").lower() not in NO or (query.cache or "1").lower() in NO
    if query.format == "json" or query.format == "data":  # noqa: PLR1714  (narrows the type)
        return await answers.respond(
            request, payload_json, PayloadQuestion(about, query.chart, query.theme), fresh=fresh
        )
    look = ChartStyle(query.format, query.theme, query.width, query.height)
    return await answers.respond(request, picture, PictureQuestion(about, query.chart, look, renderer), fresh=fresh)


def charted_series(type_: str, package: str, query: ChartedQuery, window_days: int) -> SeriesQuestion:
    """The series of a chart. Raises BadParameterError."""
    dimension = TYPES.get(type_.lower())
    if dimension is None:
        raise BadParameterError(f"type: {type_[:80]!r} is not accepted; accepted is one of {', '.join(TYPES)}")
    _check_filters(dimension, query)
    return series_question(package, dimension, query, window_days)


def _check_filters(dimension: Dimension, query: ChartedQuery) -> None:
    """Raises BadParameterError for a filter of another type: a chart of everything would pass for what was asked."""
    for name in FILTERS:
        if name != dimension.parameter and getattr(query, name) is not None:
            owners = ", ".join(other.name for other in DIMENSIONS if other.parameter == name)
            raise BadParameterError(
                f"{name}: a chart of {dimension.name} has no such filter; it is one of {owners}; "
                f"{dimension.name} accepts {dimension.parameter}"
            )


async def payload_json(warehouse: Warehouse, published: Published, question: PayloadQuestion) -> ResponseContent:
    """Labels and datasets with their colours."""
    chart = await drawn_chart(warehouse, published, question.about, question.chart_type)
    return ResponseContent(msgspec.json.encode(payload(chart, question.theme)), JSON)


async def picture(warehouse: Warehouse, published: Published, question: PictureQuestion) -> ResponseContent:
    """The picture."""
    chart = await drawn_chart(warehouse, published, question.about, question.chart_type)
    return ResponseContent(await question.renderer.render(chart, question.look), MEDIA_TYPES[question.look.format])


async def drawn_chart(
    warehouse: Warehouse, published: Published, about: SeriesQuestion, chart_type: ChartType
) -> Chart:
    """What a chart shows. Raises UnknownPackageError."""
    rows = await series(warehouse, published, about)
    return chart_of(about, chart_type, rows, series_dates(published, about))
