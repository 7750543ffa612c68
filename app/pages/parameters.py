"""Query parameters of the pages. Forms send empty fields as empty strings, which are accepted."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from app.api.parameters import MAX_PAGE, ChartedQuery
from app.charts.colors import Theme
from app.charts.data import ChartType
from app.discovery.index.search import Sort
from app.windows import Granularity

FormText = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Checkbox = Literal["", "true"]
Range = Literal["30", "90", "180", "365", "all"]
"""The number of days that end with the newest one."""


class HomeQuery(msgspec.Struct, frozen=True):
    q: FormText = ""


class PackagePageQuery(msgspec.Struct, frozen=True):
    compare: FormText = ""
    range: Range = "90"
    granularity: Granularity = "day"
    chart: ChartType = "line"


class EmbedQuery(ChartedQuery, frozen=True, kw_only=True):
    theme: Theme | None = None


class ExploreQuery(msgspec.Struct, frozen=True):
    q: FormText = ""
    topic: FormText = ""
    official: Checkbox = ""
    verified: Checkbox = ""
    new: Checkbox = ""
    sort: Sort = "relevance"
    page: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 1
