"""Download events in, days published.

One call replaces whole days: each day found in the input becomes exactly what the input says, at one instant. The
steps, in order: sweep what earlier calls left, announce the load, write its rows, check their sums, publish. Until the
last step no reader counts a row of it, so a call that is killed leaves nothing but rows that the next call removes.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime

from clickhouse_connect.driver.client import Client

from app.warehouse.clickpy import is_clickpys
from app.warehouse.errors import NoSpaceError, QueryFailedError, WarehouseError
from app.warehouse.examine import OLDEST_DAY, explain_refusal, require_usable, row_count
from app.warehouse.journal import LoadedDay, announce, loaded_days, publish, sweep_unpublished, versions
from app.warehouse.progress import Progress, Report, comment, reported
from app.warehouse.sources import InputError, RawEvents, find_files, raw_events, reason, shape_of
from app.warehouse.statements import Connect, ask, command, statement

SPILL_BYTES = 1_200_000_000
"""Memory that the GROUP BY of a load may take before ClickHouse goes on on disk."""

WRITE_SETTINGS = {
    "max_bytes_before_external_group_by": SPILL_BYTES,
    "max_bytes_ratio_before_external_group_by": 0,
}

_one_writer = threading.Lock()


class WriterBusyError(WarehouseError):
    """Another load is running in this process."""


def ingest(
    connect: Connect, names: Sequence[str], *, replace: bool = False, report: Report = lambda _: None
) -> list[LoadedDay]:
    """Load the download events of files, folders, shell patterns and URLs; return the days published, in order.

    Raises InputError where the input cannot be loaded (DayLoadedError where it needs `replace`), WriterBusyError, and
    WarehouseError where ClickHouse fails. Nothing is published then.
    """
    with _writing(), connect() as client:
        if is_clickpys(client):
            raise InputError("the database has ClickPy's tables, which are not ours to fill: see CLICKHOUSE_DATABASE")
        report(Progress("looking at the input"))
        found = [(file, shape_of(client, file)) for file in find_files(names)]
        for file, shape in found:
            require_usable(client, file, shape)
        events = raw_events(found)
        total = row_count(client, found)

        def explain(error: QueryFailedError) -> InputError:
            return explain_refusal(client, found, refused, error)

        loaded = loaded_days(client)
        refused = [] if replace else loaded
        return _load(connect, client, events, ", ".join(names), refused, explain, report, total)


def ingest_events(connect: Connect, events: RawEvents, source: str, report: Report = lambda _: None) -> list[LoadedDay]:
    """Load events that a query makes. Raises DayLoadedError for days that are published already."""

    def explain(error: QueryFailedError) -> InputError:
        return InputError(f"{source}: {reason(error)}")

    with _writing(), connect() as client:
        return _load(connect, client, events, source, loaded_days(client), explain, report)


@contextmanager
def _writing() -> Iterator[None]:
    if not _one_writer.acquire(blocking=False):
        raise WriterBusyError("another load is running; one at a time")
    try:
        yield
    finally:
        _one_writer.release()


def _load(
    connect: Connect,
    client: Client,
    events: RawEvents,
    source: str,
    refused: Sequence[date],
    explain: Callable[[QueryFailedError], InputError],
    report: Report,
    total: int = 0,
) -> list[LoadedDay]:
    report(Progress("making room"))
    sweep_unpublished(client)
    load = announce(client, source)
    try:
        try:
            _write(connect, client, load, events, refused, report, total)
        except QueryFailedError as error:
            raise explain(error) from error
        report(Progress("checking sums"))
        days = _checked(client, load, total)
    except InputError:
        # Whatever else ends a load leaves this to the next call; the engine may be gone.
        sweep_unpublished(client)
        raise
    except NoSpaceError as error:
        # What was written takes the place that others need; to remove it takes some too, and may have to wait.
        with suppress(WarehouseError):
            sweep_unpublished(client)
        raise NoSpaceError(f"{error}; nothing was published") from error
    publish(client, load, source, days)
    return days


def _write(
    connect: Connect,
    client: Client,
    load: int,
    events: RawEvents,
    refused: Sequence[date],
    report: Report,
    total: int,
) -> None:
    today = datetime.now(UTC).date()
    parameters = {
        **events.parameters,
        "oldest": OLDEST_DAY,
        "newest": today,
        "refused": list(refused),
        **versions(load),
    }
    settings = {**WRITE_SETTINGS, "log_comment": comment(load)}
    with reported(connect, load, report, total):
        command(client, statement("write_packages", events.sql), parameters, settings)
    report(Progress("summing over all packages", rows_read=total, total=total))
    for name in ("write_all", "write_overall"):
        command(client, statement(name), versions(load), settings)


def _checked(client: Client, load: int, total: int) -> list[LoadedDay]:
    """The days that a load has written. Raises WarehouseError where their sums do not add up to the events."""
    days = []
    for day, _, dropped, events, packages, rows, _, agree in ask(client, "written", versions(load)):
        if not agree:
            raise WarehouseError(f"the sums of {day} do not agree; nothing was published")
        days.append(LoadedDay(day, events, dropped, packages, rows))
    written = sum(day.events for day in days)
    if total and written != total:
        raise WarehouseError(f"{written:,} events were written of {total:,}; nothing was published")
    return days
