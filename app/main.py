"""The app: `create_app(settings)` wires the rooms together, and lists every route."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from litestar import Litestar
from litestar.di import Provide

from app.api.badges import get_badge
from app.api.charts import get_chart
from app.api.errors import exception_handlers
from app.api.operations import get_contract, get_health, get_metrics, redirect_to_plural
from app.api.packages import get_changelog, get_package, get_readme, list_packages
from app.api.profile import get_profile
from app.api.ranking import get_top_packages, search_packages
from app.api.recent import get_recent_downloads, get_recent_downloads_of_many, get_summary
from app.api.series import series_routes
from app.api.services import Services, provide_services
from app.cache.answers import AnswerCache
from app.cache.data_versions import DataVersions
from app.cache.middleware import CacheMiddleware
from app.cache.timing import DEFAULT_TIMING, CacheTiming
from app.charts.render import MODULE, Renderer
from app.discovery.service import Discovery
from app.discovery.sources.timed_lookups import DEFAULT_TIMEOUTS, LookupTimeouts
from app.metrics import Metrics, ServerState
from app.pages.about import get_about_page
from app.pages.crawlers import get_robots, get_sitemap
from app.pages.docs import get_docs_page, redirect_to_docs
from app.pages.embed import get_embed_page
from app.pages.explore import get_explore_page
from app.pages.home import get_home_page
from app.pages.package import get_package_page
from app.pages.readmes import readme_workers
from app.pages.static_files import get_favicon, get_static_file
from app.serving.access_log import AccessLog
from app.serving.logs import chosen_format
from app.serving.rate_limiter import RateLimiter
from app.serving.worker_pool import Worker, WorkerPool, worker_command
from app.settings import Settings
from app.warehouse.engines.connect import find_places, open_engine
from app.warehouse.engines.connection import DEFAULT_READER_LIMITS, Connection, Engine, ReaderLimits
from app.warehouse.engines.embedded import EmbeddedEngine
from app.warehouse.engines.errors import WarehouseError
from app.warehouse.loading.load import LoadTiming
from app.warehouse.loading.migrations import migrate
from app.warehouse.loading.sync import Sync
from app.warehouse.loading.sync_all import SINCE_NEWEST, AllPackagesSync
from app.warehouse.loading.sync_store import DEFAULT_DAYS, SyncStore, synced_days
from app.warehouse.loading.watch import Watcher
from app.warehouse.reading.query_limiter import QueryLimits
from app.warehouse.reading.warehouse import Warehouse
from app.warehouse.sources.bigquery import BigQuery
from app.warehouse.sources.clickpy import ClickPy
from app.warehouse.sources.connect import open_source
from app.warehouse.sources.package_list import ALL
from app.warehouse.sources.service import DEFAULT_SYNC_TIMING, SyncService, SyncTiming
from app.windows import utc_now

ROUTES = [
    get_recent_downloads,  # /api/packages/{package}/recent
    *series_routes,  # …/overall, python_major, …, one for each of stats/dimensions.py
    get_summary,  # …/summary
    get_profile,  # …/profile
    get_chart,  # …/chart/{type}
    get_badge,  # …/badge
    get_package,  # /api/packages/{package}
    get_readme,  # …/readme
    get_changelog,  # …/changelog
    list_packages,  # /api/packages
    get_recent_downloads_of_many,  # /api/recent
    get_top_packages,  # /api/top
    search_packages,  # /api/search
    redirect_to_plural,  # /api/package/…
    get_contract,  # /openapi.yaml
    get_health,  # /health
    get_metrics,  # /metrics
    get_home_page,  # /
    get_package_page,  # /packages/{package}
    get_about_page,  # …/about
    get_embed_page,  # /embed/{package}/{type}
    get_explore_page,  # /explore
    get_docs_page,  # /docs
    redirect_to_docs,  # /api
    get_robots,  # /robots.txt
    get_sitemap,  # /sitemap.xml
    get_favicon,  # /favicon.ico
    get_static_file,  # /static/…
]


logger = logging.getLogger(__name__)


def unwrapped(connection: Connection) -> Connection:
    return connection


async def _poll_once(versions: DataVersions, warehouse: Warehouse, seconds: float) -> None:
    """Read what is published before the first response, which says whether the data are synthetic.

    The server starts without it if ClickHouse does not answer; polls go on in the background.
    """
    try:
        async with asyncio.timeout(seconds):
            await versions.poll()
            if (schema := await warehouse.schema()).advice:
                logger.warning("%s", schema.advice)
    except WarehouseError as error:
        logger.warning("%s; serving, and asking it again", error)
    except TimeoutError:
        logger.warning("ClickHouse has not answered in %g s; serving, and asking it again", seconds)


def _sync_service(
    settings: Settings,
    engine: Engine,
    source: ClickPy | BigQuery,
    answers: AnswerCache,
    now: Callable[[], datetime],
    timing: SyncTiming,
) -> SyncService:
    """What keeps the store up to date from its source."""
    store = SyncStore(engine.client, LoadTiming(now=now))
    is_of_all = settings.sync_packages == ALL
    dimensions = settings.loaded_dimensions()
    return SyncService(
        Sync(store, source, synced_days(settings.sync_days, DEFAULT_DAYS), dimensions),
        AllPackagesSync(store, source, synced_days(settings.sync_days, SINCE_NEWEST), dimensions)
        if is_of_all
        else None,
        source,
        answers.warehouse,
        now,
        max_packages=settings.sync_max_packages,
        listed="" if is_of_all else settings.sync_packages,
        timing=timing,
        published=answers.versions.poll_soon,
    )


def _renderer(settings: Settings) -> Renderer:
    """Draws charts in processes that log as this one does."""
    command = worker_command(MODULE, chosen_format(settings), settings.log_level)
    workers = settings.chart_workers or os.cpu_count() or 1
    return Renderer(max_workers=workers, start_worker=partial(Worker.start, command))


def create_app(
    settings: Settings,
    *,
    watch: Path | None = None,
    now: Callable[[], datetime] = utc_now,
    timing: CacheTiming = DEFAULT_TIMING,
    query_limits: QueryLimits | None = None,
    reader_limits: ReaderLimits = DEFAULT_READER_LIMITS,
    wrap_connection: Callable[[Connection], Connection] = unwrapped,
    is_one_of_several: bool = False,
    lookup_timeouts: LookupTimeouts = DEFAULT_TIMEOUTS,
    renderer: Renderer | None = None,
    readmes: WorkerPool | None = None,
    sync_timing: SyncTiming = DEFAULT_SYNC_TIMING,
) -> Litestar:
    """The ASGI app for these settings. It opens its ClickHouse when it starts, and loads what appears in `watch`.

    `now`, `timing`, `query_limits`, `reader_limits` and `wrap_connection` replace the clock, the times, the limits
    and the connection of readers. If it `is_one_of_several` processes with the same settings, its metrics have a
    port of their own.
    """
    warehouse = Warehouse(query_limits or QueryLimits(settings.max_queries), settings.window_days, now)
    answers = AnswerCache(warehouse, settings, now, timing)
    access_log = AccessLog(enabled=settings.access_log)
    limiter = RateLimiter.of(settings.rate_limit)
    renderer = renderer or _renderer(settings)
    readmes = readmes or readme_workers(chosen_format(settings), settings.log_level)
    public_url = settings.public()

    @asynccontextmanager
    async def opened(app: Litestar) -> AsyncIterator[None]:
        places = await asyncio.to_thread(find_places, settings)
        engine = open_engine(places.store)
        if isinstance(engine, EmbeddedEngine):
            with engine.client() as client:
                migrate(client)
        source = open_source(settings, places, now)
        reader = engine.reader(reader_limits)
        warehouse.open(wrap_connection(reader), source=places.title, dataset=places.dataset)
        await _poll_once(answers.versions, warehouse, timing.poll_first)
        discovery = Discovery(settings, warehouse, now, timeouts=lookup_timeouts)
        await discovery.open()
        metrics = Metrics(ServerState(access_log, limiter, answers, discovery, renderer, now))
        service = _sync_service(settings, engine, source, answers, now, sync_timing) if source else None
        app.state.services = Services(
            settings, public_url, now, answers, discovery, renderer, readmes, metrics, service
        )
        # Discovery asks the network in the background: statistics do not wait for it.
        background = [asyncio.create_task(discovery.run()), asyncio.create_task(answers.versions.run())]
        if service:
            answers.fetch = service.fetch if places.source else None
            background.append(asyncio.create_task(service.run()))
        if watch:
            watcher = Watcher(
                watch,
                engine.client,
                answers.versions.poll_soon,
                settings.watch_quiet_seconds,
                dimensions=settings.loaded_dimensions(),
            )
            background.append(asyncio.create_task(watcher.run()))
        try:
            with ExitStack() as stack:
                if ":" in settings.metrics:
                    address = metrics.served(settings.metrics, is_one_of_several=is_one_of_several)
                    logger.info("metrics are at %s", stack.enter_context(address))
                yield
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            if service:
                await service.close()
            for part in (answers, renderer, readmes, discovery, reader):
                await part.close()
            if source:
                source.close()
            engine.close()

    app = Litestar(
        route_handlers=ROUTES,
        dependencies={"services": Provide(provide_services, sync_to_thread=False)},
        lifespan=[opened],
        exception_handlers=exception_handlers,
        openapi_config=None,
        logging_config=None,
    )
    # Around Litestar's own handler: a cached response needs no routing.
    app.asgi_handler = CacheMiddleware(
        app.asgi_handler, answers, access_log, limiter, public_url, knows_proxies=bool(settings.forwarded_allow_ips)
    )
    return app
