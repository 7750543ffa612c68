"""What `pypistats-server sync` does: follow packages of a source, and bring them up to date in the store."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.table import Table

from app.names import ALL_PACKAGES, ImpossibleNameError, normalise
from app.settings import SettingError, Settings
from app.warehouse.engines.connect import Places, open_engine
from app.warehouse.engines.connection import Engine
from app.warehouse.engines.errors import InputError
from app.warehouse.loading.progress import Progress, Report
from app.warehouse.loading.sync import Plan, Sync, Synced, synced_days
from app.warehouse.sources.clickpy import RANKED, ClickPy


class SyncOptions(msgspec.Struct, frozen=True):
    """The options of the command: names, a file of names, and the number of most downloaded packages to follow."""

    names: Sequence[str] = ()
    file: Path | None = None
    top: int = 0


def read_packages(path: Path) -> list[str]:
    """The names in a file, one a line; what follows `#` is a comment. Raises InputError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    texts = [(f"{path}, line {number}", line.partition("#")[0].strip()) for number, line in enumerate(lines, 1)]
    return [_name(where, text) for where, text in texts if text]


def _name(where: str, text: str) -> str:
    try:
        name = normalise(text)
    except ImpossibleNameError:
        raise InputError(f"{where}: {text!r} is not the name of a package") from None
    if name == ALL_PACKAGES:
        raise InputError(f"{where}: {ALL_PACKAGES} is not a package that can be followed")
    return name


class SyncCommand:
    """One call of the command, on an open store."""

    def __init__(self, settings: Settings, places: Places, engine: Engine) -> None:
        if places.source is None:
            raise SettingError("CLICKHOUSE_URL has none of ClickPy's tables, which are the source of `--from clickpy`")
        self._source = ClickPy(open_engine(places.source), places.title, lambda: datetime.now(UTC))
        self._sync = Sync(engine.client, self._source, synced_days(settings.sync_days))
        self._sync.prepare()

    def packages(self, options: SyncOptions, step: Callable[[str], None]) -> list[str]:
        """The packages that the options name."""
        names = [_name("NAME", name) for name in options.names]
        names += read_packages(options.file) if options.file else []
        if options.top > RANKED:
            raise InputError(f"--top: {self._source.title} ranks the {RANKED} most downloaded packages")
        if options.top:
            step("asking for the most downloaded packages")
            days = self._source.days()
            names += self._source.top(days[-1]).packages[: options.top] if days else []
        return list(dict.fromkeys(names))

    def plan(self, options: SyncOptions, report: Report) -> Table:
        """What a call would do."""
        return _plan_table(self._sync.plan(self.packages(options, _stepper(report))))

    def run(self, options: SyncOptions, report: Report) -> Table:
        """Follow the packages, complete days, and fetch what is missing; return what was done."""
        step = _stepper(report)
        packages = self.packages(options, step)
        done = self._sync.add(packages, step)
        for part in (self._sync.update(step), self._sync.complete_dimensions(step)):
            done.days += part.days
            done.rows += part.rows
        return _done_table(done, self._source.quota.queries)

    def close(self) -> None:
        """Close the connection to the source."""
        self._source.close()


def _stepper(report: Report) -> Callable[[str], None]:
    return lambda step: report(Progress(step))


def _plan_table(plan: Plan) -> Table:
    return _table(
        ("days to complete", _days(plan.days)),
        ("packages to follow", f"{len(plan.packages):,}"),
        ("packages followed already", f"{plan.followed:,}"),
        ("queries to the source", f"{plan.queries:,}"),
    )


def _done_table(done: Synced, queries: int) -> Table:
    rows = [
        ("days completed", _days(done.days)),
        ("packages followed now", f"{len(done.packages):,}"),
        ("rows", f"{done.rows:,}"),
        ("queries to the source", f"{queries:,}"),
    ]
    if done.unknown:
        rows.append(("not in the source", ", ".join(done.unknown[:10]) + (" …" if done.unknown[10:] else "")))
    return _table(*rows)


def _days(days: Sequence[object]) -> str:
    return f"{len(days):,}" + (f" ({days[0]} to {days[-1]})" if days else "")


def _table(*rows: tuple[str, str]) -> Table:
    table = Table(show_header=False)
    table.add_column()
    table.add_column()
    for row in rows:
        table.add_row(*row)
    return table
