"""The app: `create_app(settings)` wires the rooms together, and lists every route."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from litestar import Litestar
from litestar.di import Provide

from app.api.answers import Answers
from app.api.errors import problem_details, unexpected_errors
from app.api.headers import add_common_headers
from app.api.operations import get_contract, get_health, redirect_to_plural
from app.api.ranking import get_top_packages, search_packages
from app.api.recent import get_recent_downloads, get_recent_downloads_of_many, get_summary
from app.api.routes import provide_answers
from app.api.series import series_routes
from app.settings import Settings
from app.warehouse.connect import open_embedded
from app.warehouse.tables import create_tables
from app.warehouse.warehouse import Warehouse

ROUTES = [
    get_recent_downloads,  # /api/packages/{package}/recent
    *series_routes,  # …/overall, python_major, python_minor, system, installer, version, country, file_type
    get_summary,  # …/summary
    get_recent_downloads_of_many,  # /api/recent
    get_top_packages,  # /api/top
    search_packages,  # /api/search
    redirect_to_plural,  # /api/package/…
    get_contract,  # /openapi.yaml
    get_health,  # /health
]


def utc_now() -> datetime:
    """The clock that a server goes by."""
    return datetime.now(UTC)


def create_app(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> Litestar:
    """The ASGI app for these settings. It opens its ClickHouse when it starts."""

    @asynccontextmanager
    async def warehouse(app: Litestar) -> AsyncIterator[None]:
        engine = open_embedded(settings)
        with engine.client() as client:
            create_tables(client)
        reader = engine.reader()
        app.state.answers = Answers(Warehouse(reader), settings, now)
        try:
            yield
        finally:
            await reader.close()
            engine.close()

    return Litestar(
        route_handlers=ROUTES,
        dependencies={"answers": Provide(provide_answers, sync_to_thread=False)},
        lifespan=[warehouse],
        before_send=[add_common_headers],
        plugins=[problem_details],
        exception_handlers=unexpected_errors,
        openapi_config=None,
    )
