"""A package's page: how much it is downloaded, what changed last week, and a chart for each dimension."""

from collections.abc import Sequence
from typing import Any, get_args

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.parameters import package_name, parse_query
from app.api.services import Services
from app.cache.response import ResponseContent
from app.names import ALL_PACKAGES, ImpossibleNameError, normalise
from app.pages.build_for import build_targets
from app.pages.figures import figures_of
from app.pages.parameters import PackagePageQuery, Range
from app.pages.rendering import missing_days, render_page
from app.pages.routes import lasting_error_pages, page
from app.pages.sparkline import sparkline
from app.public_url import PublicUrl
from app.stats.changes import change_of, changes
from app.stats.profile import parts, profile
from app.stats.questions import RecentCounts, RecentQuestion, popularity, recent
from app.warehouse.reading.snapshot import Snapshot
from app.windows import TREND_WEEKS, last_days, last_period, preceding_window

COMPARED = 7
"""Packages besides the page's own: more lines could not be distinguished."""
ORIGIN_TITLES = {"installer": "People", "ci": "CI", "mirror": "Mirrors"}
"""The origins in which packages are compared."""
SHIFTS = 4
"""Categories shown for each dimension."""
SHIFT_TITLES = {
    "python_minor": "Python",
    "version": "Release",
    "system": "System",
    "installer": "Installer",
    "country": "Country",
}


class PackagePageQuestion(msgspec.Struct, frozen=True):
    """A package's page with the values of its form."""

    package: str
    form: PackagePageQuery


class ComparedPackage(msgspec.Struct, frozen=True):
    """One of several packages that are compared; `change` as in `changes.change_of`, `origins` are downloads of the
    last month by origin, of those origins that are loaded."""

    package: str
    recent: RecentCounts
    change: float | None
    origins: dict[str, int]


@page("/packages/{package:str}", PackagePageQuery)
async def get_package_page(
    request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    """One package; with `compare`, several on one chart."""
    question = PackagePageQuestion(package_name(package), parse_query(request, PackagePageQuery))
    return await services.respond(
        request,
        package_html,
        question,
        services.public_url,
        error_content=lasting_error_pages(services.public_url),
    )


async def package_html(snapshot: Snapshot, question: PackagePageQuestion, public_url: PublicUrl) -> ResponseContent:
    """The page. The browser loads what PyPI and GitHub know later, so that downloads do not wait for it."""
    package, form = question.package, question.form
    newest = snapshot.newest_day
    changed = await changes(snapshot, package)
    starts = _starts(snapshot)
    chosen = form.range if form.range in starts else "all"
    span = {"start_date": starts[chosen], "granularity": form.granularity}
    others, unusable = _others(form.compare, package)
    compared, unknown = await _compared(snapshot, [package, *others]) if others else ([], [])
    week, month = last_period(newest, "week"), last_period(newest, "month")
    profiled = await profile(snapshot, package)
    pythons = await snapshot.tables.totals(snapshot.published, package, ["python_minor"], month)
    targets = build_targets(profiled, parts({row.category: row.downloads for row in pythons}))
    figures = figures_of(package, public_url.root, span, {"chart": form.chart})
    return render_page(
        "package.html",
        public_url,
        package=package,
        is_everything=package == ALL_PACKAGES,
        newest=newest,
        missing_days=missing_days(snapshot),
        first=snapshot.published.days[0],
        is_demo=snapshot.published.demo,
        source=snapshot.source,
        changes=changed,
        sparkline=sparkline([downloads for _, downloads in changed.daily]),
        shift_titles=SHIFT_TITLES,
        shifts_shown=SHIFTS,
        week=week,
        week_before=preceding_window(week),
        starts=starts,
        form=form,
        chosen=chosen,
        figures=[figure for figure in figures if snapshot.published.days_of(figure.dimension)],
        profile=profiled,
        targets=targets,
        month=month,
        origins=ORIGIN_TITLES,
        span=span,
        compared=compared,
        not_found=[*unusable, *unknown],
        trend_weeks=TREND_WEEKS,
    )


def _starts(snapshot: Snapshot) -> dict[Range, str]:
    """The first day of each range that is shorter than everything that is loaded."""
    newest, first = snapshot.newest_day, snapshot.published.days[0]
    ranges: Sequence[Range] = get_args(Range)
    starts = {days: last_days(newest, int(days)).start for days in ranges if days != "all"}
    return {days: start.isoformat() for days, start in starts.items() if start > first} | {"all": first.isoformat()}


def _others(compare: str, package: str) -> tuple[list[str], list[str]]:
    """The packages that a text names, normalised, and what in it can be no package's name."""
    names, unusable = [], []
    for text in filter(None, (part.strip() for part in compare.split(","))):
        try:
            names.append(normalise(text))
        except ImpossibleNameError:
            unusable.append(text)
    return [name for name in dict.fromkeys(names) if name != package][:COMPARED], unusable


async def _compared(snapshot: Snapshot, names: Sequence[str]) -> tuple[list[ComparedPackage], list[str]]:
    """The packages that are known, and the names that are not."""
    found = await recent(snapshot, RecentQuestion(tuple(names)))
    counts = await popularity(snapshot, list(found.by_package), 30)
    origins: dict[str, dict[str, int]] = {name: {} for name in found.by_package}
    if snapshot.published.days_of("origin"):
        for origin in ORIGIN_TITLES:
            of_origin = await recent(snapshot, RecentQuestion(tuple(found.by_package), origin=origin))
            for name, downloads in of_origin.by_package.items():
                origins[name][origin] = downloads.last_month
    return [
        ComparedPackage(name, downloads, change_of(counts[name]), origins[name])
        for name, downloads in found.by_package.items()
    ], found.unknown
