"""Endpoints for operators and tools: health, metrics, the contract; and redirects from upstream's old paths."""

from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import UNSET, UnsetType

from app.api.errors import switched_off, unavailable
from app.api.parameters import HealthQuery, NoQuery, parse_query
from app.api.routes import endpoint
from app.api.services import Services
from app.cache.lifetime import Lifetime
from app.cache.response import ResponseContent
from app.discovery.service import IndexStatus
from app.metrics import CONTENT_TYPE
from app.public_url import PublicUrl
from app.warehouse.dimensions import CI, COUNTED_WHERE_KNOWN
from app.warehouse.engines.errors import NoTablesError, WarehouseError
from app.warehouse.sources.service import SourceStatus
from app.windows import day_spans, days_behind, days_not_loaded

CONTRACT_SECONDS = 3600
SERVER = b"\nservers:\n  - url: /\n"
"""The line of openapi.yaml that says where the server is."""


class DaySpan(msgspec.Struct, frozen=True):
    """Days from the first to the last."""

    first: date
    last: date


class Health(msgspec.Struct, kw_only=True):
    """The state of the server. Without `deep=1` it has `status` alone."""

    status: Literal["ok"] = "ok"
    clickhouse: Literal["reachable", "unreachable"] | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    dataset: str | UnsetType = UNSET
    schema: str | UnsetType = UNSET
    newest_day: date | UnsetType = UNSET
    days_behind: int | UnsetType = UNSET
    missing_days: tuple[date, ...] | UnsetType = UNSET
    dimensions: dict[str, list[DaySpan]] | UnsetType = UNSET
    source: SourceStatus | UnsetType = UNSET
    index: IndexStatus | UnsetType = UNSET


@endpoint("/health", HealthQuery, Health)
async def get_health(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """Whether the server is alive; with `deep=1`, whether it can answer about downloads."""
    deep = parse_query(request, HealthQuery).deep == "1"
    body = await _readiness(services) if deep else Health()
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"Cache-Control": "no-store"})


async def _readiness(services: Services) -> Health:
    """What is loaded. Raises a 503 if nothing can be answered, not even from the cache."""
    versions, warehouse = services.answers.versions, services.answers.warehouse
    try:
        version, schema = await versions.look()
        facts: dict[str, Any] = {"clickhouse": "reachable"}
    except NoTablesError as error:
        raise unavailable(str(error), clickhouse="reachable") from None
    except WarehouseError:
        schema = None
        facts = {"clickhouse": "unreachable"}
        if versions.current is None or not len(services.answers.answers):
            raise unavailable("ClickHouse does not answer", **facts) from None
        version = versions.current
        facts["reason"] = "ClickHouse does not answer; cached responses are served"
    facts["dataset"] = warehouse.dataset
    if services.sync:
        facts["source"] = services.sync.status()
    if schema:
        facts["schema"] = schema.state
        if schema.state == "older":
            raise unavailable(schema.advice, **facts)
    published = version.snapshot.published
    if published.newest_day is None:
        raise unavailable("no day of downloads has been loaded yet", **facts)
    return Health(
        newest_day=published.newest_day,
        days_behind=days_behind(published.newest_day, services.now()),
        missing_days=days_not_loaded(published.days, services.settings.window_days),
        dimensions={
            name: [DaySpan(*span) for span in day_spans(published.days_of(name))] for name in (*COUNTED_WHERE_KNOWN, CI)
        },
        index=services.discovery.status(),
        **facts,
    )


@endpoint("/metrics")
async def get_metrics(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """The metrics in Prometheus's text format, if METRICS is /metrics."""
    parse_query(request, NoQuery)
    if services.settings.metrics != "/metrics":
        raise switched_off("metrics are not served here: METRICS is not /metrics")
    return Response(services.metrics.text(), media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


@endpoint("/openapi.yaml")
async def get_contract(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    return services.send(request, contract(services.public_url), get_contract)


@cache
def contract(public_url: PublicUrl) -> ResponseContent:
    """openapi.yaml, from the package if it is installed, else from the repository's root, with the server's own URL."""
    package = Path(__file__).parents[1]
    installed = package / "openapi.yaml"
    path = installed if installed.exists() else package.parent / "openapi.yaml"
    body = path.read_bytes().replace(SERVER, SERVER.replace(b"/", f"{public_url.origin}{public_url.root}/".encode()), 1)
    return ResponseContent(body, "application/yaml", lifetime=Lifetime(CONTRACT_SECONDS))


@endpoint("/api/package/{rest:path}")
async def redirect_to_plural(
    request: Request[Any, Any, Any], rest: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    """Redirect the singular, which upstream's old documentation has."""
    location = f"{services.public_url.root}/api/packages{quote(rest)}"
    if query := request.scope["query_string"].decode("latin-1"):
        location += f"?{query}"
    return Response(b"", status_code=308, headers={"Location": location, "Cache-Control": "public, max-age=86400"})
