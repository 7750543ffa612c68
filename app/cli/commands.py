"""The commands `pypistats-server migrate`, `ingest`, `sync`, `serve` and `check`."""

import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import click
import msgspec
import uvicorn
from litestar import Litestar

from app import __version__
from app.cli.check import check_everything
from app.cli.listening import listening_sockets, local_url, run_server
from app.cli.running import interruptible, plain_errors
from app.cli.sync import SyncCommand, SyncOptions
from app.cli.terminal import errors, loaded_table, note, output, printable, progress_shown
from app.main import create_app
from app.serving.limits import process_limits
from app.serving.logs import configure, configure_command
from app.serving.protocol import Protocol
from app.settings import SettingError, Settings
from app.warehouse.engines.connect import find_places, open_engine
from app.warehouse.engines.connection import Engine
from app.warehouse.engines.embedded import EmbeddedEngine
from app.warehouse.engines.errors import InputError
from app.warehouse.loading.demo import DEMO_URL, load_demo
from app.warehouse.loading.dry_run import dry_run as look_at_events
from app.warehouse.loading.ingest import ingest as load_events
from app.warehouse.loading.journal import SUPERSEDED_FOR, LoadedDay, sweep_superseded, why_unsafe
from app.warehouse.loading.migrations import create_database
from app.warehouse.loading.migrations import migrate as apply_migrations

SHUTDOWN_SECONDS = 10
WORKER_SECONDS = 60
"""Time for a worker process to reply to uvicorn, which replaces it otherwise. It cannot reply while it starts, and that
takes some seconds on a busy machine: with uvicorn's default of 5 it might be replaced without end."""

logger = logging.getLogger("app.cli")  # not __name__, which is __main__ under `python -m`


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pypistats-server")
def main() -> None:
    """PyPI download statistics from ClickHouse, as a JSON API."""
    configure_command()


@main.command()
@click.argument("files", nargs=-1, metavar="FILE…")
@click.option("--replace", is_flag=True, help="Load days that are loaded already anew.")
@click.option("--demo", is_flag=True, help="Load synthetic downloads instead: what is missing of the last 180 days.")
@click.option("--dry-run", is_flag=True, help="Look at all of the input and say what would be loaded; load nothing.")
def ingest(files: tuple[str, ...], replace: bool, demo: bool, dry_run: bool) -> None:
    """Load download events. Each day found in the FILEs becomes exactly what they say, all days at one instant.

    A FILE is Parquet, JSON Lines or CSV (plain, .gz or .zst), a folder of such files, a shell pattern, or a URL
    (https://, s3://, gs://) that ClickHouse reads itself; in the shape of BigQuery's file_downloads or of ClickHouse's
    pypi.pypi.
    """
    if bool(files) == demo:
        raise click.UsageError("give it one FILE or more" if not demo else "--demo takes no FILE")
    if demo and dry_run:
        raise click.UsageError("--dry-run looks at FILEs, and --demo takes none")
    with plain_errors():
        settings = _settings()
    with plain_errors(), _engine(settings) as engine:
        if dry_run:
            _dry_run(engine, files, replace=replace)
            return
        today = datetime.now(UTC).date()
        unfinished: list[LoadedDay] = []
        with progress_shown() as report:
            days = interruptible(
                engine,
                lambda: (
                    load_demo(engine.client, today, report)
                    if demo
                    else load_events(
                        engine.client,
                        files,
                        replace=replace,
                        report=report,
                        note=note,
                        unfinished=unfinished.append,
                        dimensions=settings.loaded_dimensions(),
                    )
                ),
            )
        with engine.client() as client:
            # Nothing else reads an embedded engine: its folder belongs to this process.
            sweep_superseded(client, timedelta(0) if isinstance(engine, EmbeddedEngine) else SUPERSEDED_FOR)
        output.print(loaded_table(days, *unfinished) if days else "no day was missing")


def _dry_run(engine: Engine, files: tuple[str, ...], *, replace: bool) -> None:
    """Print what a load would do. Raises InputError where it would be refused."""
    with progress_shown() as report:
        found = interruptible(
            engine, lambda: look_at_events(engine.client, files, replace=replace, report=report, note=note)
        )
    output.print(loaded_table(found.days, found.today, is_dry_run=True))
    if found.refusal:
        raise found.refusal
    output.print("nothing was loaded: this was a dry run")


@main.command()
def migrate() -> None:
    """Make the tables, or bring them up to this version. It may be run again, and from several machines at once.

    With CLICKHOUSE_CLUSTER, on all nodes of that cluster.
    """
    with plain_errors():
        settings = _settings()
        if settings.clickhouse_cluster and settings.clickhouse_url.startswith("chdb:"):
            raise SettingError("CLICKHOUSE_CLUSTER: an embedded ClickHouse is no cluster")
        with _engine(settings) as engine:
            with engine.client(database=None) as client:
                create_database(client, settings.clickhouse_database, settings.clickhouse_cluster)
            with engine.client() as client:
                applied = apply_migrations(client, settings.clickhouse_cluster)
                unsafe = why_unsafe(client)
    for name in applied:
        output.print(f"applied {name}", markup=False)
    output.print("the tables are of this version")
    if unsafe:
        errors.print(unsafe, markup=False, soft_wrap=True)


@main.command()
@click.argument("names", nargs=-1, metavar="NAME…")
@click.option("--from", "source", type=click.Choice(["clickpy", "bigquery"]), help="Where the downloads come from.")
@click.option("--packages", default="", help="A file with one name a line; `all` for all packages of BigQuery.")
@click.option("--top", default=0, type=click.IntRange(0), help="Follow so many of the most downloaded packages.")
@click.option("--days", help="Days to fetch, or `all`, instead of SYNC_DAYS.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched; fetch no downloads.")
def sync(names: tuple[str, ...], source: str | None, packages: str, top: int, days: str | None, dry_run: bool) -> None:
    """Follow packages of a source, and fetch what the store lacks of all that it follows: days, packages.

    Without a NAME, --packages and --top, it brings the packages up to date that are followed already.
    """
    with plain_errors():
        settings = Settings.from_environment(
            os.environ | ({"SYNC_FROM": source} if source else {}) | ({"SYNC_DAYS": days} if days else {})
        )
        places = find_places(settings)
        engine = open_engine(places.store)
        try:
            command = SyncCommand(settings, places, engine)
            options = SyncOptions(names, packages, top)
            with progress_shown() as report:
                table = command.plan(options, report) if dry_run else command.run(options, report)
            command.close()
        except KeyboardInterrupt:
            raise InputError("interrupted; what was completed stays, and the next call goes on") from None
        finally:
            engine.close()
    output.print(table)
    if dry_run:
        output.print("nothing was fetched: this was a dry run")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; `::` for IPv6 and IPv4.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes that serve.")
@click.option("--demo", is_flag=True, help=f"Serve synthetic downloads from {DEMO_URL}, made at the first start.")
@click.option("--watch", type=click.Path(path_type=Path, file_okay=False), help="Load what is moved into this folder.")
def serve(host: str, port: int, workers: int, demo: bool, watch: Path | None) -> None:
    """Answer HTTP requests."""
    with plain_errors():
        settings = _settings()
        if demo:
            settings = msgspec.structs.replace(settings, clickhouse_url=DEMO_URL)
        log_config = configure(settings)
        proxies = settings.proxies()
        sockets = listening_sockets(host, port)
        # Opened here too, and kept open, so that its errors are shown before uvicorn starts.
        with _engine(settings) as engine:
            if workers > 1:
                _refuse_several(engine, settings, watch)
            if demo:
                with progress_shown() as report:
                    interruptible(engine, lambda: load_demo(engine.client, datetime.now(UTC).date(), report))
                click.echo(_what_to_try(local_url(host, sockets) + settings.public().root))
            facts = {"version": __version__, "workers": workers, "settings": settings.changed()}
            logger.info("serving from ClickHouse %s", engine.where, extra=facts)
            config = uvicorn.Config(
                # Each worker process makes its own app, from the environment that all share.
                "app.cli.commands:worker_app" if workers > 1 else create_app(settings, watch=watch),
                factory=workers > 1,
                workers=workers,
                loop="auto",
                http=partial(  # type: ignore[arg-type]  # uvicorn only calls it
                    Protocol, limits=process_limits(proxies), clients=Counter()
                ),
                ws="none",
                log_config=log_config,
                access_log=False,
                server_header=False,
                proxy_headers=bool(proxies),
                forwarded_allow_ips=proxies,
                timeout_keep_alive=settings.keep_alive_seconds,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
                timeout_worker_healthcheck=WORKER_SECONDS,
            )
            run_server(config, sockets)


@main.command()
def check() -> None:
    """Check settings, connection, tables and days; exit with 1 where something is wrong."""
    with plain_errors():
        findings = check_everything(_settings(), datetime.now(UTC))
    for finding in findings:
        mark = "[green]ok   [/]" if finding.good else "[red]wrong[/]"
        output.print(f"{mark} {finding.about}: ", end="")
        output.print(printable(finding.text), markup=False)
    if not all(finding.good for finding in findings):
        sys.exit(1)


def _settings() -> Settings:
    return Settings.from_environment(os.environ)


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    engine = open_engine(find_places(settings).store)
    try:
        yield engine
    finally:
        engine.close()


def _refuse_several(engine: Engine, settings: Settings, watch: Path | None) -> None:
    """Raise a SettingError for settings that several processes cannot have."""
    if isinstance(engine, EmbeddedEngine):
        raise SettingError("--workers: an embedded ClickHouse serves one process; more need a ClickHouse server")
    if watch:
        raise SettingError(
            "--watch: one process loads at a time, so not with several --workers; "
            "start one more server for it, on a port of its own"
        )
    if settings.metrics == "/metrics":
        raise SettingError(
            "METRICS=/metrics: each of several --workers counts for itself, and which of them responds is chance; "
            "with METRICS=127.0.0.1:9100 each has a port of its own, from 9100 on"
        )


def worker_app() -> Litestar:
    """The app of one of several worker processes."""
    settings = _settings()
    configure(settings)
    return create_app(settings, is_one_of_several=True)


def _what_to_try(base: str) -> str:
    return f"""The data are synthetic: every answer carries the header X-Dataset: demo.
Open {base} and find a package. To try the API:
  curl '{base}/api/packages/numpy/recent'
  curl '{base}/api/packages/numpy/python_minor?version=3.13&granularity=month'
  curl '{base}/api/packages/numpy/overall?mirrors=false&format=csv'
  curl '{base}/api/top?limit=10'
  curl '{base}/health?deep=1'"""
