"""What operators and tools ask: whether the server is well, and what the contract is; and upstream's old paths."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.answers import Answers, matches
from app.api.errors import unavailable
from app.api.parameters import HealthQuery, parse_query
from app.api.routes import endpoint
from app.discovery.service import Discovery
from app.stats.windows import days_behind, missing_days
from app.warehouse.errors import WarehouseError


@endpoint("/health", HealthQuery)
async def get_health(
    request: Request[Any, Any, Any], answers: NamedDependency[Answers], discovery: NamedDependency[Discovery]
) -> Response[bytes]:
    """Alive; with `deep=1`, ready to answer about downloads."""
    deep = parse_query(request, HealthQuery).deep == "1"
    body: dict[str, Any] = {"status": "ok"}
    if deep:
        body |= await _readiness(answers)
        body["index"] = discovery.status()
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"Cache-Control": "no-store"})


async def _readiness(answers: Answers) -> dict[str, Any]:
    """What is loaded. Raises a 503 where nothing can be answered."""
    facts: dict[str, Any] = {"clickhouse": "reachable", "layout": answers.warehouse.layout}
    try:
        answers.warehouse.forget_published()
        published = await answers.warehouse.published()
    except WarehouseError:
        raise unavailable("ClickHouse cannot be asked", **facts | {"clickhouse": "unreachable"}) from None
    facts["dataset"] = "demo" if published.demo else "own"
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
    text = contract()
    etag = f'"{hashlib.blake2b(text, digest_size=16).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "public, max-age=3600"}
    if matches(request.headers.get("if-none-match"), etag):
        return Response(b"", status_code=304, headers=headers, media_type="application/yaml")
    return Response(text, headers=headers, media_type="application/yaml")


@cache
def contract() -> bytes:
    """openapi.yaml: from the package where it is installed, from the top of the repository otherwise."""
    package = Path(__file__).parents[1]
    installed = package / "openapi.yaml"
    return (installed if installed.exists() else package.parent / "openapi.yaml").read_bytes()


@endpoint("/api/package/{rest:path}")
async def redirect_to_plural(request: Request[Any, Any, Any], rest: FromPath[str]) -> Response[bytes]:
    """Upstream's old documentation has the singular."""
    location = f"/api/packages{quote(rest)}"
    if query := request.scope["query_string"].decode("latin-1"):
        location += f"?{query}"
    return Response(b"", status_code=308, headers={"Location": location, "Cache-Control": "public, max-age=86400"})
