"""Parameters of the pages. They come from forms, which send what was left empty as the empty string."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from app.api.parameters import MAX_PAGE, ChartedQuery
from app.charts.colors import Theme
from app.charts.data import ChartType
from app.discovery.index.search import Sort
from app.windows import Granularity

FormText = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Ticked = Literal["", "true"]
Range = Literal["30", "90", "180", "365", "all"]
"""Days, up to the newest one."""


class HomeQuery(msgspec.Struct, frozen=True):
    """Parameters of the start page."""

    q: FormText = ""


class PackagePageQuery(msgspec.Struct, frozen=True):
    """Parameters of a package's page."""

    compare: FormText = ""
    range: Range = "90"
    granularity: Granularity = "day"
    chart: ChartType = "line"


class EmbedQuery(ChartedQuery, frozen=True, kw_only=True):
    """Parameters of a chart to embed; without `theme` it is the reader's."""

    theme: Theme | None = None


class ExploreQuery(msgspec.Struct, frozen=True):
    """Parameters of the page of the index."""

    q: FormText = ""
    topic: FormText = ""
    official: Ticked = ""
    verified: Ticked = ""
    new: Ticked = ""
    sort: Sort = "relevance"
    page: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 1
