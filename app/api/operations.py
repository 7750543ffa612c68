"""What operators and tools ask: whether the server is well, and what the contract is; and upstream's old paths."""

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.answers import Answer, Answers, Body, matches
from app.api.errors import unavailable
from app.api.parameters import HealthQuery, parse_query
from app.api.routes import Services, endpoint
from app.stats.windows import days_behind, missing_days
from app.warehouse.errors import NoTablesError, WarehouseError


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
    """What is loaded. Raises a 503 where nothing can be answered."""
    warehouse = answers.warehouse
    try:
        warehouse.forget_published()
        published = await warehouse.published()
    except NoTablesError as error:
        raise unavailable(str(error), clickhouse="reachable") from None
    except WarehouseError:
        layout = {"layout": warehouse.layout_name} if warehouse.layout_name else {}
        raise unavailable("ClickHouse cannot be asked", clickhouse="unreachable", **layout) from None
    facts: dict[str, Any] = {
        "clickhouse": "reachable",
        "layout": warehouse.layout_name,
        "dataset": warehouse.dataset,
    }
    if published.newest_day is None:
        raise unavailable("no day of downloads has been loaded yet", **facts)
    return facts | {
        "newest_day": published.newest_day,
        "days_behind": days_behind(published.newest_day, answers.now()),
        "missing_days": missing_days(published.days, answers.settings.window_days),
    }


@endpoint("/openapi.yaml")
async def get_contract(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The contract file, as it is."""
    answer = contract()
    headers = {"ETag": answer.etag, "Cache-Control": "public, max-age=3600"}
    is_known = matches(request.headers.get("if-none-match"), answer.etag)
    return Response(
        b"" if is_known else answer.body.content,
        status_code=304 if is_known else 200,
        headers=headers,
        media_type=answer.body.media_type,
    )


@cache
def contract() -> Answer:
    """openapi.yaml: from the package where it is installed, from the top of the repository otherwise."""
    package = Path(__file__).parents[1]
    installed = package / "openapi.yaml"
    path = installed if installed.exists() else package.parent / "openapi.yaml"
    return Answer.of(Body(path.read_bytes(), "application/yaml"))


@endpoint("/api/package/{rest:path}")
async def redirect_to_plural(request: Request[Any, Any, Any], rest: FromPath[str]) -> Response[bytes]:
    """Upstream's old documentation has the singular."""
    location = f"/api/packages{quote(rest)}"
    if query := request.scope["query_string"].decode("latin-1"):
        location += f"?{query}"
    return Response(b"", status_code=308, headers={"Location": location, "Cache-Control": "public, max-age=86400"})
