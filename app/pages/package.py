"""A package's page: how much it is downloaded, what changed last week, and a chart for each dimension."""

from collections.abc import Sequence
from typing import Any, get_args

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.parameters import package_name, parse_query
from app.api.responses import Answers
from app.cache.response import ResponseContent
from app.names import ALL_PACKAGES, ImpossibleNameError, normalise
from app.pages.figures import figures_of
from app.pages.fill import html
from app.pages.parameters import PackagePageQuery, Range
from app.pages.routes import lasting_error_page, page
from app.pages.sparkline import sparkline
from app.stats.changes import ChangesQuestion, change_of, changes
from app.stats.questions import Recent, RecentQuestion, newest_day, popularity, recent
from app.warehouse.reading.layout import Published
from app.warehouse.reading.warehouse import Warehouse
from app.windows import TREND_WEEKS, last_days, last_period, one_before

COMPARED = 7
"""Packages beside the page's own, at most: more lines nobody tells apart."""
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
    """A package's page as its form has it."""

    package: str
    form: PackagePageQuery


class Rival(msgspec.Struct, frozen=True):
    """One of several packages that are compared; `change` is from the mean of the `TREND_WEEKS` before the last."""

    package: str
    recent: Recent
    change: float | None


@page("/packages/{package:str}", PackagePageQuery)
async def get_package_page(
    request: Request[Any, Any, Any], package: FromPath[str], answers: NamedDependency[Answers]
) -> Response[bytes]:
    """One package; with `compare`, several on one chart."""
    query = parse_query(request, PackagePageQuery)
    return await answers.respond(
        request, package_html, PackagePageQuestion(package_name(package), query), as_body=lasting_error_page
    )


async def package_html(warehouse: Warehouse, published: Published, question: PackagePageQuestion) -> ResponseContent:
    """The page. What it shows of PyPI and GitHub it loads later: downloads wait for nobody."""
    package, form = question.package, question.form
    newest = newest_day(published)
    changed = await changes(warehouse, published, ChangesQuestion(package))
    starts = _starts(published)
    chosen = form.range if form.range in starts else "all"
    span = {"start_date": starts[chosen], "granularity": form.granularity}
    others, unusable = _others(form.compare, package)
    rivals, unknown = await _rivals(warehouse, published, [package, *others]) if others else ([], [])
    week = last_period(newest, "week")
    return html(
        "package.html",
        package=package,
        is_everything=package == ALL_PACKAGES,
        newest=newest,
        first=published.days[0],
        is_demo=published.demo,
        changes=changed,
        sparkline=sparkline([downloads for _, downloads in changed.daily]),
        shift_titles=SHIFT_TITLES,
        shifts_shown=SHIFTS,
        week=week,
        week_before=one_before(week),
        starts=starts,
        form=form,
        chosen=chosen,
        figures=figures_of(package, span, {"chart": form.chart}),
        span=span,
        rivals=rivals,
        missing=[*unusable, *unknown],
        trend_weeks=TREND_WEEKS,
    )


def _starts(published: Published) -> dict[Range, str]:
    """The first day of each range that is shorter than all that is loaded."""
    newest, first = newest_day(published), published.days[0]
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


async def _rivals(warehouse: Warehouse, published: Published, names: Sequence[str]) -> tuple[list[Rival], list[str]]:
    found, unknown = await recent(warehouse, published, RecentQuestion(tuple(names), mirrors=False))
    counts = await popularity(warehouse, published, list(found), 30)
    return [Rival(name, downloads, change_of(counts[name])) for name, downloads in found.items()], unknown
