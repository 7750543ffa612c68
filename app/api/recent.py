"""Recent downloads, of one package and of many; and a package's totals."""

from http import HTTPStatus
from typing import Any, Literal

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import UNSET, UnsetType

from app.api.parameters import BatchQuery, NoQuery, RecentQuery, check_origin, package_name, parse_query
from app.api.routes import endpoint
from app.api.services import Services
from app.cache.lifetime import TRANSIENT, Lifetime
from app.cache.response import ResponseContent, json_content
from app.discovery.package import SummaryMetadata, summary_metadata
from app.stats.questions import RecentCounts, RecentQuestion, SummaryTotals, raise_unknown, recent, summary
from app.warehouse.reading.snapshot import Snapshot
from app.windows import Period


class OneRecentQuestion(msgspec.Struct, frozen=True):
    """Recent downloads of one package, in all periods or one."""

    about: RecentQuestion
    period: Period | None


class RecentDownloadsData(msgspec.Struct):
    """All three periods, or the one that was asked for. The field order is upstream's."""

    last_day: int | UnsetType = UNSET
    last_month: int | UnsetType = UNSET
    last_week: int | UnsetType = UNSET


class RecentDownloads(msgspec.Struct):
    """Recent downloads of one package: upstream's keys, and no more."""

    data: RecentDownloadsData
    package: str
    type: Literal["recent_downloads"] = "recent_downloads"


@endpoint("/api/packages/{package:str}/recent", RecentQuery, RecentDownloads)
async def get_recent_downloads(
    request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    """Downloads in the last day, week and month."""
    query = parse_query(request, RecentQuery)
    check_origin("true" if query.mirrors == "true" else None, query.origin)
    about = RecentQuestion((package_name(package),), query.mirrors == "true", query.origin)
    return await services.respond(request, recent_json, OneRecentQuestion(about, query.period))


async def recent_json(snapshot: Snapshot, question: OneRecentQuestion) -> ResponseContent:
    """All three periods, or only the one that was asked for."""
    found = await recent(snapshot, question.about)
    (package,) = question.about.packages
    if found.unknown:
        await raise_unknown(snapshot, package, question.about.dimension)
    counts = msgspec.structs.asdict(found.by_package[package])
    periods = (f"last_{question.period}",) if question.period else counts
    data = RecentDownloadsData(**{period: counts[period] for period in periods})
    return json_content(RecentDownloads(data, package))


class RecentDownloadsOfMany(msgspec.Struct):
    """Recent downloads by package; `missing` are the packages without any loaded download."""

    data: dict[str, RecentCounts]
    missing: list[str]
    type: Literal["recent_downloads"] = "recent_downloads"


@endpoint("/api/recent", BatchQuery, RecentDownloadsOfMany)
async def get_recent_downloads_of_many(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[bytes]:
    """Recent downloads of many packages in one request."""
    query = parse_query(request, BatchQuery)
    packages = tuple(dict.fromkeys(package_name(package) for package in query.package))
    return await services.respond(request, recent_of_many_json, RecentQuestion(packages, origin=query.origin))


async def recent_of_many_json(snapshot: Snapshot, question: RecentQuestion) -> ResponseContent:
    """The packages in the order of the request."""
    found = await recent(snapshot, question)
    return json_content(RecentDownloadsOfMany(found.by_package, found.unknown))


class Summary(msgspec.Struct, kw_only=True):
    """A package's totals and metadata; `metadata` is None if it was not available in time."""

    package: str
    type: Literal["summary"] = "summary"
    totals: SummaryTotals
    metadata: SummaryMetadata | None


@endpoint("/api/packages/{package:str}/summary", response=Summary)
async def get_summary(
    request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    """Totals by dimension over the default window, and metadata if it is available in time."""
    parse_query(request, NoQuery)
    name = package_name(package)
    # The totals are cached by themselves: no look-up for an unknown package, no query for new metadata.
    totals = await services.compute(totals_json, name)
    if totals.response.status == HTTPStatus.NOT_FOUND:
        return services.send_entry(request, totals)
    metadata = await services.discovery.lookups.metadata_for_statistics(name)
    body = Summary(
        package=name,
        totals=msgspec.json.decode(totals.response.content.body, type=SummaryTotals),
        metadata=summary_metadata(metadata),
    )
    is_complete = services.discovery.lookups.is_complete(metadata)
    lifetime = Lifetime(services.settings.cache_ttl_discovery) if is_complete else TRANSIENT
    return services.send(request, json_content(body, lifetime=lifetime), (get_summary, name), totals.version)


async def totals_json(snapshot: Snapshot, package: str) -> ResponseContent:
    """Totals; `overall` is without mirrors, as are all dimensions except `installer`."""
    return json_content(await summary(snapshot, package))
