"""The checks of `pypistats-server check`, each of which needs the one before."""

import asyncio
from datetime import datetime

import msgspec

from app.settings import Settings
from app.warehouse.engines.connect import Place, find_places, open_engine
from app.warehouse.engines.connection import Engine
from app.warehouse.engines.embedded import embedded_folder
from app.warehouse.engines.errors import NoTablesError, WarehouseError
from app.warehouse.loading.journal import why_unsafe
from app.warehouse.loading.migrations import Schema
from app.warehouse.reading.results import Published
from app.warehouse.reading.warehouse import Warehouse
from app.warehouse.sources.clickpy import ClickPy
from app.windows import days_behind, days_not_loaded, listed_days

MAX_SHOWN = 10


class CheckResult(msgspec.Struct, frozen=True):
    about: str
    text: str
    good: bool = True


def check_everything(settings: Settings, now: datetime) -> list[CheckResult]:
    """The results, up to the first failure that rules out the next check. Raises SettingError for an invalid URL."""
    findings = [CheckResult("settings", _changed(settings))]
    places = find_places(settings)
    url = places.store.url
    if places.source:
        findings.append(_check_source(places.source, places.title, now))
    if url.startswith("chdb:") and not (folder := embedded_folder(url)).is_dir():
        maker = "`serve` makes it" if places.source else "`ingest` makes it"
        missing = CheckResult("connection", f"there is no folder {folder}; {maker}", good=bool(places.source))
        return [*findings, missing]
    try:
        engine = open_engine(places.store)
    except WarehouseError as error:
        return [*findings, CheckResult("connection", str(error), good=False)]
    try:
        with engine.client() as client:
            findings.append(CheckResult("connection", f"ClickHouse {client.server_version} {engine.where}"))
            unsafe = why_unsafe(client)
        schema, published = asyncio.run(_published(engine, now))
        findings.append(CheckResult("tables", "all there"))
        findings.append(CheckResult("schema", schema.advice or schema.state, good=not schema.advice))
        if unsafe:
            findings.append(CheckResult("loads", unsafe, good=False))
        return findings + _check_days(published, settings, now)
    except NoTablesError as error:
        return [*findings, CheckResult("tables", str(error), good=False)]
    except WarehouseError as error:
        about = "data" if findings[1:] else "connection"
        return [*findings, CheckResult(about, str(error), good=False)]
    finally:
        engine.close()


def _changed(settings: Settings) -> str:
    """The settings that differ from their defaults, secrets masked."""
    return ", ".join(f"{name}={value}" for name, value in settings.changed().items()) or "all as by default"


def _check_source(place: Place, title: str, now: datetime) -> CheckResult:
    """What the source of a store says: its newest complete day, and its quota."""
    source = ClickPy(open_engine(place), title, lambda: now)
    try:
        days = source.days()
    except WarehouseError as error:
        return CheckResult("source", str(error), good=False)
    finally:
        source.close()
    left = "" if source.quota.left is None else f"; {source.quota.left} queries are left in this hour"
    newest = f"its newest complete day is {days[-1]}" if days else "it has no complete day"
    return CheckResult("source", f"{title}: {newest}{left}", good=bool(days))


async def _published(engine: Engine, now: datetime) -> tuple[Schema, Published]:
    """How the schema of the tables compares with this version's, and what the API would answer from."""
    reader = engine.reader()
    warehouse = Warehouse(now=lambda: now)
    warehouse.open(reader)
    try:
        published = (await warehouse.snapshot()).published
        return await warehouse.schema(), published
    finally:
        await reader.close()


def _check_days(published: Published, settings: Settings, now: datetime) -> list[CheckResult]:
    days = published.days
    if not days:
        return [CheckResult("newest day", "no day is loaded", good=False)]
    behind = days_behind(days[-1], now)
    newest = CheckResult("newest day", f"{days[-1]}, {behind} behind" if behind else f"{days[-1]}, up to date")
    gaps = days_not_loaded(days, settings.window_days)
    return [newest, CheckResult("days missing in the window", listed_days(gaps, MAX_SHOWN) or "none", good=not gaps)]
