"""One chart for other sites: the only page that may be shown in an <iframe>."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.charts import charted_series, drawn_chart
from app.api.parameters import parse_query
from app.api.services import Services
from app.cache.response import ResponseContent
from app.pages.parameters import EmbedQuery
from app.pages.rendering import render_page
from app.pages.routes import lasting_error_pages, page
from app.public_url import PublicUrl
from app.stats.questions import SeriesQuestion
from app.warehouse.reading.snapshot import Snapshot


class EmbedQuestion(msgspec.Struct, frozen=True):
    """A chart to embed: what it shows, and as it was asked for."""

    about: SeriesQuestion
    query: EmbedQuery


@page("/embed/{package:str}/{type:str}", EmbedQuery, framed=True)
async def get_embed_page(
    request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    """A chart, with the same parameters as the API's."""
    query = parse_query(request, EmbedQuery)
    # Not by a parameter of the function: Litestar would take it for the query's, which file types have too.
    about = charted_series(request.path_params["type"], package, query)
    question = EmbedQuestion(about, query)
    return await services.respond(
        request,
        embed_html,
        question,
        services.public_url,
        error_content=lasting_error_pages(services.public_url, framed=True),
    )


async def embed_html(snapshot: Snapshot, question: EmbedQuestion, public_url: PublicUrl) -> ResponseContent:
    """The page. Raises UnknownPackageError."""
    about, query = question.about, question.query
    chart = await drawn_chart(snapshot, about, query.chart)
    return render_page(
        "embed.html",
        public_url,
        framed=True,
        title=chart.title,
        package=about.package,
        theme=query.theme,
        chart=f"{public_url.root}/api/packages/{about.package}/chart/{about.dimension}?{_given(query)}",
    )


def _given(query: EmbedQuery) -> str:
    """What was asked for, as parameters of the chart; the theme is the page's own matter."""
    values = msgspec.structs.asdict(query) | {"theme": None}
    texts = {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
    return urlencode({name: text for name, text in texts.items() if text is not None})
