"""Download events in, days published.

One call replaces whole days: each day found in the input becomes exactly what the input says, at one instant. The
steps, in order: announce the load, sweep what earlier ones left, write its rows, check their sums, publish. Until the
last step no reader counts a row of it, so a call that is killed leaves nothing but rows that the next call removes.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from app.warehouse.engines.errors import (
    ConnectionLostError,
    InputError,
    NoSpaceError,
    QueryFailedError,
    WarehouseError,
    translated,
)
from app.warehouse.engines.server import allowed_settings
from app.warehouse.loading.examine import OLDEST_DAY, explain_refusal, require_usable, row_count
from app.warehouse.loading.files import File, RawEvents, Received, Shape, find_files, raw_events, reason, shape_of
from app.warehouse.loading.journal import (
    LoadedDay,
    forget_received,
    publish,
    sweep_unpublished,
    synced,
    versions,
)
from app.warehouse.loading.migrations import prepare
from app.warehouse.loading.progress import Progress, Report, reported
from app.warehouse.loading.running import keep_alive, run
from app.warehouse.loading.statements import Connect, ask, is_embedded, statement
from app.warehouse.loading.upload import send
from app.warehouse.loading.writer_lease import Load, writer_lease

SPILL_BYTES = 1_200_000_000
"""Memory that the GROUP BY of a load may take before ClickHouse goes on on disk."""

WRITE_SETTINGS = {
    "max_bytes_before_external_group_by": SPILL_BYTES,
    "max_bytes_ratio_before_external_group_by": 0,
}

CLUSTER_SETTINGS = {
    # An insert into all shards is over when they have its rows.
    "distributed_foreground_insert": 1,
    # Sums are made here, and sent to the shard of their package. Left alone, each shard would keep its own sums.
    "parallel_distributed_insert_select": 0,
}


def ingest(
    connect: Connect, names: Sequence[str], *, replace: bool = False, report: Report = lambda _: None
) -> list[LoadedDay]:
    """Load the download events of files, folders, shell patterns and URLs; return the days published, in order.

    A server is sent the local files, and reads URLs by itself. Raises InputError where the input cannot be loaded
    (DayLoadedError where it needs `replace`), WriterBusyError, and WarehouseError where ClickHouse fails. Nothing is
    published then.
    """
    files = find_files(names)
    with connect() as client:
        prepare(client)
        with writer_lease(connect, client, ", ".join(names)) as load:
            report(Progress("looking at the input"))
            found = _within_reach(client, load, [(file, shape_of(client, file)) for file in files], report)
            for file, shape in found:
                require_usable(client, file, shape)
            total = row_count(client, found)

            def explain(error: QueryFailedError) -> InputError:
                return explain_refusal(client, found, replace, error)

            return _load(connect, client, load, raw_events(found), replace, explain, report, total)


def ingest_events(connect: Connect, events: RawEvents, source: str, report: Report = lambda _: None) -> list[LoadedDay]:
    """Load events that a query makes. Raises DayLoadedError for days that are published already."""

    def explain(error: QueryFailedError) -> InputError:
        return InputError(f"{source}: {reason(error)}")

    with connect() as client:
        prepare(client)
        with writer_lease(connect, client, source) as load:
            return _load(connect, client, load, events, False, explain, report)


def _within_reach(
    client: Client, load: Load, looked_at: Sequence[tuple[File, Shape]], report: Report
) -> list[tuple[File, Shape]]:
    """The files, all where ClickHouse can read them: a server has been sent those of this machine."""
    if is_embedded(client):
        return list(looked_at)
    sweep_unpublished(client, load.number)
    found: list[tuple[File, Shape]] = []
    for number, (file, shape) in enumerate(looked_at, 1):
        if file.function == "file":
            report(Progress(f"sending file {number} of {len(looked_at)}"))
            values = {"load": load.number, "file": number}
            try:
                send(client, file.name, file.format, shape.select, shape.structure, values, _settings(load))
            except QueryFailedError as error:
                raise InputError(f"{file.name}: {reason(error)}") from error
            file = Received(file.name, file.function, file.format, load.number, number)  # noqa: PLW2901
        found.append((file, shape))
    synced(client, load.cluster, "incoming")
    return found


def _load(
    connect: Connect,
    client: Client,
    load: Load,
    events: RawEvents,
    replace: bool,
    explain: Callable[[QueryFailedError], InputError],
    report: Report,
    total: int = 0,
) -> list[LoadedDay]:
    report(Progress("making room"))
    sweep_unpublished(client, load.number)
    try:
        whole = _write(connect, client, load, events, replace, report, total)
    except QueryFailedError as error:
        raise explain(error) from error
    except NoSpaceError as error:
        raise NoSpaceError(f"{error}; nothing was published") from error
    report(Progress("checking sums"))
    if not whole and not total:
        # Of a file that was sent, and of Parquet, the number is known.
        total = _event_count(client, load, events)
    try:
        days = _checked(client, load.number, total)
    except WarehouseError as error:
        raise error if whole else ConnectionLostError("the connection to ClickHouse broke in a statement") from error
    publish(client, load.number, load.source, days)
    with suppress(WarehouseError):
        # Otherwise the next load does.
        forget_received(client, load.number + 1)
    return days


def _write(
    connect: Connect,
    client: Client,
    load: Load,
    events: RawEvents,
    replace: bool,
    report: Report,
    total: int,
) -> bool:
    """Write a load's rows. Returns whether ClickHouse has said of each statement that it succeeded."""
    today = datetime.now(UTC).date()
    parameters = {
        **events.parameters,
        "oldest": OLDEST_DAY,
        "newest": today,
        "replace": replace,
        **versions(load.number),
    }
    # A version of ClickHouse that does not know a setting refuses it.
    settings = allowed_settings(client, WRITE_SETTINGS) | _settings(load)
    with reported(connect, load.number, report, total):
        whole = run(client, statement("write_packages", events.sql), parameters, settings, load.cluster)
    report(Progress("summing over all packages", rows_read=total, total=total))
    synced(client, load.cluster, "downloads_daily")
    for name in ("write_all", "write_overall"):
        whole &= run(client, statement(name), versions(load.number), settings, load.cluster)
    # What is published next must be there for whoever reads it, from whichever replica.
    synced(client, load.cluster, "downloads_daily", "overall_daily")
    return whole


def _settings(load: Load) -> dict[str, Any]:
    return {"log_comment": load.comment} | (CLUSTER_SETTINGS if load.cluster else {})


def _event_count(client: Client, load: Load, events: RawEvents) -> int:
    """The downloads of the input, counted once more: all were written, if the load has as many."""
    sql, settings = statement("event_count", events.sql), _settings(load) | keep_alive(client)
    with translated():
        ((total,),) = client.query(sql, parameters=events.parameters, settings=settings).result_rows
    return int(total)


def _checked(client: Client, load: int, total: int) -> list[LoadedDay]:
    """The days that a load has written. Raises WarehouseError where their sums do not add up to the events."""
    overall = {day: sums for day, *sums in ask(client, "written_overall", versions(load))}
    days = []
    for day, with_mirrors, dropped, events, packages, rows, without_mirrors, agree in ask(
        client, "written", versions(load)
    ):
        if not agree or overall.get(day, [0, 0]) != [with_mirrors, without_mirrors]:
            raise WarehouseError(f"the sums of {day} do not agree; nothing was published")
        days.append(LoadedDay(day, events, dropped, packages, rows))
    if not days:
        # What had been sent may have been removed by a writer that has taken the place.
        raise WarehouseError("nothing was written of the input, and nothing was published")
    written = sum(day.events for day in days)
    if total and written != total:
        raise WarehouseError(f"{written:,} events were written of {total:,}; nothing was published")
    return days
