"""What `pypistats-server sync` does: follow packages of a source, and bring them up to date in the store."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.table import Table

from app.settings import SettingError, Settings
from app.warehouse.engines.connect import Places
from app.warehouse.engines.connection import Engine
from app.warehouse.engines.errors import InputError
from app.warehouse.loading.progress import Progress, Report
from app.warehouse.loading.sync import Plan, Step, Sync
from app.warehouse.loading.sync_all import SINCE_NEWEST, AllPackagesSync
from app.warehouse.loading.sync_store import DEFAULT_DAYS, SyncStore, synced_days
from app.warehouse.sources.bigquery import BigQuery
from app.warehouse.sources.clickpy import RANKED, ClickPy
from app.warehouse.sources.connect import open_source
from app.warehouse.sources.package_list import ALL, package_to_follow, read_packages

TIB = 1 << 40


class SyncOptions(msgspec.Struct, frozen=True):
    """The options of the command: names, a file of names or `all`, and the number of most downloaded packages."""

    names: Sequence[str] = ()
    file: str = ""
    top: int = 0


class SyncCommand:
    """One call of the command, on an open store."""

    def __init__(self, settings: Settings, places: Places, engine: Engine) -> None:
        source = open_source(settings, places, lambda: datetime.now(UTC))
        if source is None:
            raise SettingError("CLICKHOUSE_URL has none of ClickPy's tables, which are the source of `--from clickpy`")
        self._source = source
        self._price = settings.bigquery_price
        store, dimensions = SyncStore(engine.client), settings.loaded_dimensions()
        store.prepare()
        package_days, days = (synced_days(settings.sync_days, default) for default in (DEFAULT_DAYS, SINCE_NEWEST))
        self._sync = Sync(store, source, package_days, dimensions)
        self._all_packages = AllPackagesSync(store, source, days, dimensions)

    def packages(self, options: SyncOptions, step: Step) -> list[str]:
        """The packages that the options name. Raises InputError."""
        names = [package_to_follow(name, "NAME") for name in options.names]
        names += read_packages(Path(options.file)) if options.file else []
        if options.top:
            names += self._most_downloaded(options.top, step)
        return list(dict.fromkeys(names))

    def _most_downloaded(self, number: int, step: Step) -> Sequence[str]:
        if not isinstance(self._source, ClickPy) or number > RANKED:
            raise InputError(f"--top: ClickPy's tables rank {RANKED} packages, and no other source ranks any")
        step("asking for the most downloaded packages")
        days = self._source.days()
        return self._source.top(days[-1]).packages[:number] if days else ()

    def plan(self, options: SyncOptions, report: Report) -> Table:
        """What a call would do."""
        is_of_all = options.file == ALL
        plan = self._all_packages.plan() if is_of_all else self._sync.plan(self.packages(options, _stepper(report)))
        rows = [
            ("days to complete", _days(plan.days)),
            ("packages to follow", "all" if is_of_all else f"{len(plan.packages):,}"),
            ("packages followed already", f"{plan.followed:,}"),
            ("queries to the source", f"{self._queries(plan):,}"),
        ]
        if isinstance(self._source, BigQuery):
            read = sum(
                self._source.estimate(packages, window, self._sync.dimensions) for packages, window in plan.asked
            )
            rows += [("bytes at most", f"{read:,}"), ("cost at most", f"${read / TIB * self._price:,.2f}")]
        return _table(*rows)

    def _queries(self, plan: Plan) -> int:
        return sum(len(window.days) if self._source.counts_by_day else 1 for _, window in plan.asked)

    def run(self, options: SyncOptions, report: Report) -> Table:
        """Follow the packages, complete days, and fetch what is missing; return what was done."""
        step = _stepper(report)
        if options.file == ALL:
            done = self._all_packages.run(step)
        else:
            done = self._sync.add(self.packages(options, step), step)
            for part in (self._sync.update(step), self._sync.complete_dimensions(step)):
                done.days += part.days
                done.rows += part.rows
        rows = [
            ("days completed", _days(done.days)),
            ("packages followed now", "all" if options.file == ALL else f"{len(done.packages):,}"),
            ("rows", f"{done.rows:,}"),
            ("queries to the source", f"{self._source.quota.queries:,}"),
        ]
        if isinstance(self._source, BigQuery):
            billed = self._source.bytes_billed
            rows += [("bytes billed", f"{billed:,}"), ("cost", f"${billed / TIB * self._price:,.2f}")]
        if done.unknown:
            rows.append(("not in the source", ", ".join(done.unknown[:10]) + (" …" if done.unknown[10:] else "")))
        return _table(*rows)

    def close(self) -> None:
        """Close the connection to the source."""
        self._source.close()


def _stepper(report: Report) -> Step:
    return lambda step: report(Progress(step))


def _days(days: Sequence[object]) -> str:
    return f"{len(days):,}" + (f" ({days[0]} to {days[-1]})" if days else "")


def _table(*rows: tuple[str, str]) -> Table:
    table = Table(show_header=False)
    table.add_column()
    table.add_column()
    for row in rows:
        table.add_row(*row)
    return table
