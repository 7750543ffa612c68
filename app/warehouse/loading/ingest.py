"""Download events in, days published.

One call replaces whole days: each day found in the input becomes exactly what the input says, at one instant. The
steps, in order: announce the load, sweep what earlier ones left, write its rows, check their sums, publish. Until the
last step no reader counts a row of it, so a call that is killed leaves nothing but rows that the next call removes.
"""

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import date, timedelta

from clickhouse_connect.driver.client import Client
from msgspec import structs

from app.warehouse.dimensions import CI, COUNTED_WHERE_KNOWN
from app.warehouse.engines.errors import (
    ConnectionLostError,
    InputError,
    NoSpaceError,
    QueryFailedError,
    WarehouseError,
    translated,
)
from app.warehouse.loading.describe import described
from app.warehouse.loading.examine import (
    OLDEST_DAY,
    UNKNOWN_SIZE,
    InputSize,
    cut_categories,
    explain_refusal,
    input_size,
    require_usable,
    unseen_columns,
)
from app.warehouse.loading.files import File, RawEvents, Received, Shape, raw_events, reason
from app.warehouse.loading.finding import Note, find_files
from app.warehouse.loading.journal import (
    LoadedDay,
    forget_received,
    publish,
    remove_day,
    require_scope,
    sweep_unpublished,
    synced,
    versions,
)
from app.warehouse.loading.load import DEFAULT_LOAD_TIMING, Load, LoadTiming
from app.warehouse.loading.migrations import prepare
from app.warehouse.loading.progress import Progress, Report, reported
from app.warehouse.loading.running import keep_alive, run
from app.warehouse.loading.shapes import counted_dimensions, missing_columns
from app.warehouse.loading.statements import Connect, is_embedded, statement
from app.warehouse.loading.sums import checked, complete, load_settings, write_settings
from app.warehouse.loading.upload import fetch, send
from app.warehouse.loading.writer_lease import PROCESS_LOCK, writer_lease

logger = logging.getLogger(__name__)


def ingest(
    connect: Connect,
    names: Sequence[str],
    *,
    replace: bool = False,
    report: Report = lambda _: None,
    note: Note = logger.warning,
    unfinished: Callable[[LoadedDay], None] = lambda _: None,
    before_publishing: Callable[[], None] = lambda: None,
    timing: LoadTiming = DEFAULT_LOAD_TIMING,
    process_lock: threading.Lock = PROCESS_LOCK,
    dimensions: Collection[str] = COUNTED_WHERE_KNOWN,
) -> list[LoadedDay]:
    """Load the download events of files, folders, shell patterns and URLs; return the days published, in order.

    A server is sent the local files, and reads URLs by itself. Notes say what is passed over or left out. Today is
    always left out, because it is not over in UTC; `unfinished` is called with its downloads. An exception of
    `before_publishing` ends the load. Of the optional `dimensions`, those are loaded whose columns all files have.
    Raises InputError where the input cannot be loaded (DayLoadedError where it needs `replace`), WriterBusyError, and
    WarehouseError where ClickHouse fails. Nothing is published then. Of all loads with one `process_lock`, one runs at
    a time.
    """
    files = find_files(names, note)
    with connect() as client:
        prepare(client)
        require_scope(client, of_all=True)
        with writer_lease(connect, client, ", ".join(names), timing, process_lock) as load:
            report(Progress("looking at the input"))
            looked_at, rows = described(client, files, note)
            found = require_usable(client, _within_reach(client, load, looked_at, report), note)
            size = input_size(client, found, rows)
            counted = _counted(found, dimensions, note)

            def explain(error: QueryFailedError) -> InputError:
                return explain_refusal(client, found, replace, timing.now().date(), error)

            return _load(
                connect,
                client,
                load,
                raw_events(found),
                explain,
                counted,
                replace=replace,
                report=report,
                note=note,
                unfinished=unfinished,
                before_publishing=before_publishing,
                size=size,
            )


def ingest_events(
    connect: Connect,
    events: RawEvents,
    source: str,
    report: Report = lambda _: None,
    timing: LoadTiming = DEFAULT_LOAD_TIMING,
    dimensions: Collection[str] = COUNTED_WHERE_KNOWN,
) -> list[LoadedDay]:
    """Load events that a query makes, with all columns. Raises DayLoadedError for days that are published already."""

    def explain(error: QueryFailedError) -> InputError:
        return InputError(f"{source}: {reason(error)}")

    with connect() as client:
        prepare(client)
        require_scope(client, of_all=True)
        with writer_lease(connect, client, source, timing) as load:
            return _load(connect, client, load, events, explain, list(dimensions), report=report)


def _counted(found: Sequence[tuple[File, Shape]], dimensions: Collection[str], note: Note) -> list[str]:
    """The optional dimensions whose columns all files have. Reports the others in a note."""
    missing = missing_columns(found)
    possible = counted_dimensions(missing)
    if lost := [dimension for dimension in dimensions if dimension not in possible]:
        columns = ", ".join(missing)
        note(f"not loaded: {', '.join(lost)}; {next(iter(missing.values()))} has no {columns}")
    return [dimension for dimension in possible if dimension in dimensions]


def _within_reach(
    client: Client, load: Load, looked_at: Sequence[tuple[File, Shape]], report: Report
) -> list[tuple[File, Shape]]:
    """The files, where ClickHouse reads them as often as it is asked: a server stores their raw events."""
    if is_embedded(client):
        return list(looked_at)
    sweep_unpublished(client, load.number, timing=load.timing)
    found = [
        (Received(**structs.asdict(file), load=load.number, number=number), shape)
        for number, (file, shape) in enumerate(looked_at, 1)
    ]

    def sending(file: Received) -> None:
        report(Progress(f"{'sending' if file.is_local else 'reading'} file {file.number:,} of {len(found):,}"))

    settings = load_settings(load) | keep_alive(client, load.timing)
    send(client, [(file, shape) for file, shape in found if file.is_local], settings, sending)
    for (remote, shape), (file, _) in zip(looked_at, found, strict=True):
        if not remote.is_local:
            sending(file)
            fetch(client, load, remote, shape, file.number, settings)
    synced(client, load.cluster, "incoming", timing=load.timing)
    return list(found)


def _load(
    connect: Connect,
    client: Client,
    load: Load,
    events: RawEvents,
    explain: Callable[[QueryFailedError], InputError],
    dimensions: Sequence[str],
    *,
    report: Report,
    replace: bool = False,
    note: Note = lambda _: None,
    unfinished: Callable[[LoadedDay], None] = lambda _: None,
    before_publishing: Callable[[], None] = lambda: None,
    size: InputSize = UNKNOWN_SIZE,
) -> list[LoadedDay]:
    today = load.timing.now().date()
    report(Progress("making room"))
    sweep_unpublished(client, load.number, timing=load.timing)
    try:
        whole = _write(connect, client, load, events, dimensions, today, replace, report, size.rows)
    except QueryFailedError as error:
        raise explain(error) from error
    except NoSpaceError as error:
        raise NoSpaceError(f"{error}; nothing was published") from error
    report(Progress("checking sums"))
    # Of a file that was sent, and of Parquet, the number is known.
    downloads = size.downloads if whole or size.downloads else _event_count(client, load, events)
    try:
        written = checked(client, load, downloads, dimensions)
    except WarehouseError as error:
        raise error if whole else ConnectionLostError("the connection to ClickHouse broke in a statement") from error
    days = finished_days(written, today, load.source, note, unfinished)
    if len(days) < len(written):
        # The number of downloads that were left out, which nothing reads any more.
        remove_day(client, load.number, today, load.cluster, load.timing)
    for column in unseen_columns(client, load, events):
        note(f"no row says anything of {column}: all of these downloads count as null there")
    for cut in cut_categories(client, load):
        note(f"cut to 100 characters: {cut}")
    before_publishing()
    publish(client, load.number, load.source, days, load.timing, [*dimensions, CI])
    with suppress(WarehouseError):
        # Otherwise the next load does.
        forget_received(client, load.number + 1)
    return days


def _write(
    connect: Connect,
    client: Client,
    load: Load,
    events: RawEvents,
    dimensions: Sequence[str],
    today: date,
    replace: bool,
    report: Report,
    total: int,
) -> bool:
    """Write a load's rows. Returns whether ClickHouse has said of each statement that it succeeded."""
    parameters = {
        **events.parameters,
        "oldest": OLDEST_DAY,
        "today": today,
        "replace": replace,
        "dimensions": list(dimensions),
        **versions(load.number),
    }
    # A version of ClickHouse that does not know a setting refuses it.
    settings = write_settings(client, load)
    with reported(connect, load.number, report, total):
        whole = run(client, load, statement("write_packages", events.sql), parameters, settings)
    report(Progress("summing over all packages", rows_read=total, total=total))
    return complete(client, load) and whole


def _event_count(client: Client, load: Load, events: RawEvents) -> int:
    """The downloads of the input, counted once more: all were written, if the load has as many."""
    sql, settings = statement("event_count", events.sql), load_settings(load) | keep_alive(client, load.timing)
    with translated():
        ((total,),) = client.query(sql, parameters=events.parameters, settings=settings).result_rows
    return int(total)


def finished_days(
    written: Sequence[LoadedDay], today: date, source: str, note: Note, unfinished: Callable[[LoadedDay], None]
) -> list[LoadedDay]:
    """The days that are over. Of today only the number of downloads that were left out is written.

    Raises InputError where there is no other day.
    """
    left_out = sum(day.events for day in written if day.date == today)
    when = f"load {today} once it is over, from {today + timedelta(days=1)} 00:00 UTC on"
    days = [day for day in written if day.date != today]
    if not days:
        raise InputError(
            f"{source}: all {left_out:,} downloads are of today, and no day is published before it is over; {when}"
            if left_out
            else f"{source}: there is no download in it"
        )
    if left_out:
        note(f"left out: {left_out:,} downloads of today, which is not over; {when}")
        unfinished(LoadedDay(today, left_out, left_out, 0, 0))
    return days
