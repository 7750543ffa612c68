"""What the downloads of a package were, at a glance."""

from typing import Any, Literal

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.parameters import NoQuery, package_name, parse_query
from app.api.routes import endpoint
from app.api.services import Services
from app.cache.response import ResponseContent, json_content
from app.stats.profile import Part, ReleaseAdoption, Shares, profile
from app.warehouse.reading.snapshot import Snapshot
from app.windows import Window


class Profile(msgspec.Struct, kw_only=True):
    """Shares of a package's downloads over the last month; None for what is not loaded."""

    package: str
    type: Literal["profile"] = "profile"
    window: Window
    people: Part | None
    tells_ci: bool
    newest_release: ReleaseAdoption | None
    shares: dict[str, Shares | None]


@endpoint("/api/packages/{package:str}/profile", response=Profile)
async def get_profile(
    request: Request[Any, Any, Any], package: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    """Shares by origin, processor, libc, … over the last 30 days."""
    parse_query(request, NoQuery)
    return await services.respond(request, profile_json, package_name(package))


async def profile_json(snapshot: Snapshot, package: str) -> ResponseContent:
    """The profile of a package."""
    found = await profile(snapshot, package)
    return json_content(Profile(package=package, **msgspec.structs.asdict(found)))
