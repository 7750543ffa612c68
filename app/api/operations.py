"""What operators and tools ask: whether the server is well, and what the contract is; and upstream's old paths."""

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from app.api.errors import unavailable
from app.api.parameters import HealthQuery, NoQuery, parse_query
from app.api.responses import Answers
from app.api.routes import Services, Watched, endpoint
from app.cache.response import ResponseContent
from app.metrics import CONTENT_TYPE
from app.warehouse.engines.errors import NoTablesError, WarehouseError
from app.windows import days_behind, missing_days

CONTRACT_SECONDS = 3600


@endpoint("/health", HealthQuery)
async def get_health(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """Alive; with `deep=1`, ready to answer about downloads."""
    answers, discovery = services
    deep = parse_query(request, HealthQuery).deep == "1"
    body: dict[str, Any] = {"status": "ok"}
    if deep:
        body |= await _readiness(answers)
        body["index"] = discovery.status()
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"Cache-Control": "no-store"})


async def _readiness(answers: Answers) -> dict[str, Any]:
    """What is loaded. Raises a 503 where nothing can be answered, not even from memory."""
    finder = answers.finder
    try:
        # Of a ClickHouse that is away all is known: who asks so often waits for no answer of it.
        look = finder.versions.newest if finder.versions.is_away else finder.versions.look
        published = (await look()).published
        schema = await answers.warehouse.schema()
        facts: dict[str, Any] = {"clickhouse": "reachable"}
    except NoTablesError as error:
        raise unavailable(str(error), clickhouse="reachable") from None
    except WarehouseError:
        schema = None
        facts = {"clickhouse": "unreachable"}
        if answers.warehouse.layout_name:
            facts["layout"] = answers.warehouse.layout_name
        version = finder.versions.current
        if version is None or not len(finder.answers):
            raise unavailable("ClickHouse cannot be asked", **facts) from None
        published = version.published
        facts["reason"] = "ClickHouse cannot be asked; what has been answered before is answered still"
    facts |= {"layout": answers.warehouse.layout_name, "dataset": answers.warehouse.dataset}
    if schema:
        facts["schema"] = schema.state
        if schema.state == "older":
            raise unavailable(schema.advice, **facts)
    if published.newest_day is None:
        raise unavailable("no day of downloads has been loaded yet", **facts)
    return facts | {
        "newest_day": published.newest_day,
        "days_behind": days_behind(published.newest_day, answers.now()),
        "missing_days": missing_days(published.days, answers.settings.window_days),
    }


@endpoint("/metrics")
async def get_metrics(request: Request[Any, Any, Any], watched: NamedDependency[Watched]) -> Response[bytes]:
    """What has been counted, for Prometheus, where the settings put it here."""
    settings, metrics = watched
    parse_query(request, NoQuery)
    if settings.metrics != "/metrics":
        raise NotFoundException
    return Response(metrics.text(), media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


@endpoint("/openapi.yaml")
async def get_contract(request: Request[Any, Any, Any], answers: NamedDependency[Answers]) -> Response[bytes]:
    """The contract file, as it is."""
    return answers.keep(request, get_contract, contract(), CONTRACT_SECONDS)


@cache
def contract() -> ResponseContent:
    """openapi.yaml: from the package where it is installed, from the top of the repository otherwise."""
    package = Path(__file__).parents[1]
    installed = package / "openapi.yaml"
    path = installed if installed.exists() else package.parent / "openapi.yaml"
    return ResponseContent(path.read_bytes(), "application/yaml")


@endpoint("/api/package/{rest:path}")
async def redirect_to_plural(request: Request[Any, Any, Any], rest: FromPath[str]) -> Response[bytes]:
    """Upstream's old documentation has the singular."""
    location = f"/api/packages{quote(rest)}"
    if query := request.scope["query_string"].decode("latin-1"):
        location += f"?{query}"
    return Response(b"", status_code=308, headers={"Location": location, "Cache-Control": "public, max-age=86400"})
