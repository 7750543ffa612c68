"""The start page: find a package; what is downloaded most, and what moved last week."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency

from app.api.parameters import parse_query
from app.api.responses import Answers
from app.cache.response import ResponseContent
from app.names import ALL_PACKAGES, ImpossibleNameError, normalise_prefix
from app.pages.fill import html
from app.pages.parameters import HomeQuery
from app.pages.routes import lasting_error_page, page
from app.stats.changes import ChangesQuestion, change_of, changes
from app.stats.questions import Ranked, SearchQuestion, TopQuestion, newest_day, popularity, search, top
from app.warehouse.reading.layout import Published
from app.warehouse.reading.warehouse import Warehouse
from app.windows import TREND_WEEKS

MOST_DOWNLOADED = 25
CONSIDERED = 100
"""Of so many packages, those that moved most are shown."""
MOVED = 6
FOUND = 50


class HomeQuestion(msgspec.Struct, frozen=True):
    """The start page; `q` is how a package's name begins, empty for no search."""

    q: str
    window_days: int


class Place(msgspec.Struct, frozen=True):
    """A package among the most downloaded. Downloads of the last week; their share of all packages' (0 to 1); the
    change from the mean of the `TREND_WEEKS` before, None where there is too little to say."""

    package: str
    downloads: int
    share: float
    change: float | None


@page("/", HomeQuery)
async def get_home_page(request: Request[Any, Any, Any], answers: NamedDependency[Answers]) -> Response[bytes]:
    """Where people begin."""
    query = parse_query(request, HomeQuery)
    return await answers.respond(
        request, home_html, HomeQuestion(query.q.strip(), answers.settings.window_days), as_body=lasting_error_page
    )


async def home_html(warehouse: Warehouse, published: Published, question: HomeQuestion) -> ResponseContent:
    """The page; with a search, its results alone."""
    facts: dict[str, Any] = {
        "newest": newest_day(published),
        "days": len(published.days),
        "is_demo": published.demo,
        "q": question.q,
    }
    if question.q:
        return html("search.html", found=await _found(warehouse, published, question), **facts)
    everything = None
    if warehouse.layout.sums_all_packages:
        everything = await changes(warehouse, published, ChangesQuestion(ALL_PACKAGES))
    places = await _places(warehouse, published, everything.week.downloads if everything else 0)
    moved = sorted((place for place in places if place.change is not None), key=lambda place: place.change or 0)
    return html(
        "home.html",
        changes=everything,
        places=places[:MOST_DOWNLOADED],
        risen=[place for place in reversed(moved[-MOVED:]) if (place.change or 0) > 0],
        fallen=[place for place in moved[:MOVED] if (place.change or 0) < 0],
        considered=CONSIDERED,
        trend_weeks=TREND_WEEKS,
        **facts,
    )


async def _found(warehouse: Warehouse, published: Published, question: HomeQuestion) -> Sequence[Ranked]:
    try:
        prefix = normalise_prefix(question.q)
    except ImpossibleNameError:
        return ()
    return await search(warehouse, published, SearchQuestion(prefix, FOUND, question.window_days))


async def _places(warehouse: Warehouse, published: Published, of_all: int) -> list[Place]:
    ranked = await top(warehouse, published, TopQuestion("week", CONSIDERED, 0))
    counts = await popularity(warehouse, published, [place.package for place in ranked], 30)
    return [
        Place(
            place.package,
            place.downloads,
            place.downloads / of_all if of_all else 0.0,
            change_of(counts[place.package]),
        )
        for place in ranked
    ]
