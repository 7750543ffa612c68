"""What `pypistats-server check` looks at, in the order in which one thing needs the other."""

from datetime import datetime

import msgspec

from app.settings import Secret, Settings
from app.stats.windows import days_behind, missing_days
from app.warehouse.connect import Embedded, embedded_folder, open_embedded
from app.warehouse.errors import WarehouseError
from app.warehouse.journal import loaded_days
from app.warehouse.tables import missing_tables

MOST_SHOWN = 10


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    about: str
    text: str
    good: bool = True


def check_everything(settings: Settings, now: datetime) -> list[Finding]:
    """The findings, up to the first that makes the next impossible. Raises SettingError for an unusable URL."""
    findings = [Finding("settings", _changed(settings))]
    folder = embedded_folder(settings.clickhouse_url)
    if not folder.is_dir():
        return [*findings, Finding("connection", f"there is no folder {folder}; `ingest` makes it", good=False)]
    try:
        engine = open_embedded(settings)
    except WarehouseError as error:
        return [*findings, Finding("connection", str(error), good=False)]
    try:
        return findings + _check_data(engine, settings, now)
    except WarehouseError as error:
        return [*findings, Finding("data", str(error), good=False)]
    finally:
        engine.close()


def _changed(settings: Settings) -> str:
    """The settings that differ from their defaults; of secrets, only that they are set."""
    changed = []
    for field in msgspec.structs.fields(Settings):
        value = getattr(settings, field.name)
        if isinstance(value, Secret):
            changed += [f"{field.name.upper()} is set"] if value else []
        elif value != field.default:
            changed.append(f"{field.name.upper()}={value}")
    return ", ".join(changed) or "all as by default"


def _check_data(engine: Embedded, settings: Settings, now: datetime) -> list[Finding]:
    with engine.client() as client:
        findings = [Finding("connection", f"embedded ClickHouse {client.server_version} in {engine.folder}")]
        if missing := missing_tables(client):
            return [*findings, Finding("tables", f"missing: {', '.join(missing)}; `ingest` makes them", good=False)]
        findings.append(Finding("tables", "all there"))
        days = tuple(loaded_days(client))
    if not days:
        return [*findings, Finding("newest day", "no day is loaded", good=False)]
    behind = days_behind(days[-1], now)
    findings.append(Finding("newest day", f"{days[-1]}, {behind} behind" if behind else f"{days[-1]}, up to date"))
    gaps = missing_days(days, settings.window_days)
    shown = ", ".join(map(str, gaps[:MOST_SHOWN])) + (
        f" and {len(gaps) - MOST_SHOWN} more" if gaps[MOST_SHOWN:] else ""
    )
    return [*findings, Finding("days missing in the window", shown or "none", good=not gaps)]
