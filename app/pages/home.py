"""The start page: a search, the most downloaded packages, and those that moved most in the last week."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency

from app.api.parameters import parse_query
from app.api.ranking import ranking_lifetime
from app.api.services import Services
from app.cache.response import ResponseContent
from app.names import ALL_PACKAGES, ImpossibleNameError, normalise_prefix
from app.pages.parameters import HomeQuery
from app.pages.rendering import missing_days, render_page
from app.pages.routes import lasting_error_pages, page
from app.public_url import PublicUrl
from app.stats.changes import Changes, change_of, changes
from app.stats.questions import RankedPackage, SearchQuestion, TopQuestion, UnknownPackageError, popularity, search, top
from app.warehouse.reading.snapshot import Snapshot
from app.windows import TREND_WEEKS

MOST_DOWNLOADED = 25
CONSIDERED = 100
"""The number of top packages among which those that moved most are found."""
MOVED = 6
MAX_FOUND = 50


class TopPackage(msgspec.Struct, frozen=True):
    """One of the most downloaded packages: downloads of the last week, their share of all packages' (0 to 1), and the
    change from the weekly mean of the `TREND_WEEKS` weeks before, None without downloads then."""

    package: str
    downloads: int
    share: float
    change: float | None


@page("/", HomeQuery)
async def get_home_page(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """The start page; with `q`, search results."""
    query = parse_query(request, HomeQuery)
    return await services.respond(
        request,
        home_html,
        query.q.strip(),
        services.public_url,
        error_content=lasting_error_pages(services.public_url),
    )


async def home_html(snapshot: Snapshot, q: str, public_url: PublicUrl) -> ResponseContent:
    """The page; `q` is the start of a package's name, empty for no search."""
    facts: dict[str, Any] = {
        "newest": snapshot.newest_day,
        "days": len(snapshot.published.days),
        "missing_days": missing_days(snapshot),
        "is_demo": snapshot.published.demo,
        "source": snapshot.source,
        "q": q,
        "lifetime": ranking_lifetime(snapshot),
    }
    if q:
        return render_page("search.html", public_url, found=await _search(snapshot, q), **facts)
    everything = await _changes_of_all(snapshot)
    packages = await _top_packages(snapshot, everything.week.downloads if everything else 0)
    moved = sorted((package for package in packages if package.change is not None), key=lambda p: p.change or 0)
    return render_page(
        "home.html",
        public_url,
        changes=everything,
        packages=packages[:MOST_DOWNLOADED],
        risen=[package for package in reversed(moved[-MOVED:]) if (package.change or 0) > 0],
        fallen=[package for package in moved[:MOVED] if (package.change or 0) < 0],
        considered=CONSIDERED,
        trend_weeks=TREND_WEEKS,
        **facts,
    )


async def _changes_of_all(snapshot: Snapshot) -> Changes | None:
    """What has changed for all packages together; None for a store that holds some packages."""
    try:
        return await changes(snapshot, ALL_PACKAGES)
    except UnknownPackageError:
        return None


async def _search(snapshot: Snapshot, q: str) -> Sequence[RankedPackage]:
    try:
        prefix = normalise_prefix(q)
    except ImpossibleNameError:
        return ()
    return await search(snapshot, SearchQuestion(prefix, MAX_FOUND))


async def _top_packages(snapshot: Snapshot, downloads_of_all: int) -> list[TopPackage]:
    ranked = await top(snapshot, TopQuestion("week", CONSIDERED))
    counts = await popularity(snapshot, [row.package for row in ranked], 30)
    return [
        TopPackage(
            row.package,
            row.downloads,
            row.downloads / downloads_of_all if downloads_of_all else 0.0,
            change_of(counts[row.package]) if row.package in counts else None,
        )
        for row in ranked
    ]
