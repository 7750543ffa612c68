"""The writer lease: one writer at a time, in an embedded engine and on a server that several machines write to.

The holder has the newest load number in the journal. ClickHouse gives each number once, so of two writers that begin at
one moment one is refused. The holder sends heartbeats. If they stop, the next writer takes the lease: it first writes
that the old load will never be published, and stops its statements. Every statement of a load fails once there is a
newer load, so a writer that was only suspended can do no harm when it continues.
"""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from clickhouse_connect.driver.client import Client

from app.warehouse.engines.errors import (
    ConnectionLostError,
    InputError,
    NoSpaceError,
    QueryFailedError,
    WarehouseError,
)
from app.warehouse.loading.journal import abandon, announce, heartbeat, is_published, sweep_unpublished, synced
from app.warehouse.loading.load import DEFAULT_LOAD_TIMING, Load, LoadTiming
from app.warehouse.loading.migrations import cluster_of
from app.warehouse.loading.progress import background_thread
from app.warehouse.loading.running import ACCESS_DENIED, comment, stop
from app.warehouse.loading.statements import Connect, ask, is_embedded

PROCESS_LOCK = threading.Lock()
"""One load at a time in a process."""

logger = logging.getLogger(__name__)


class WriterBusyError(WarehouseError):
    """Another load is running; the message says whose."""


@contextmanager
def writer_lease(
    connect: Connect,
    client: Client,
    source: str,
    timing: LoadTiming = DEFAULT_LOAD_TIMING,
    process_lock: threading.Lock = PROCESS_LOCK,
) -> Iterator[Load]:
    """Hold the lease while the block lasts. Raises WriterBusyError if another writer holds it."""
    if not process_lock.acquire(blocking=False):
        raise WriterBusyError("another load is running; one at a time")
    try:
        load = _take(client, source, timing)
        try:
            with _heartbeats(connect, client, load):
                yield load
        except Exception as error:
            outcome = _give_up(connect, load, error)
            if isinstance(error, ConnectionLostError):
                raise ConnectionLostError(f"{error}; {outcome}") from error
            raise
    finally:
        process_lock.release()


def _give_up(connect: Connect, load: Load, error: Exception) -> str:
    """End the statements of a load that has failed, and write in the journal that it will not be published.

    Returns the outcome in words. The engine may be gone too; then the next load does this.
    """
    try:
        # By a client of its own: one whose query broke off may be in the middle of that answer.
        with connect() as own:
            ended = _stop(own, load.comment, load.cluster, load.timing)
            if isinstance(error, InputError | NoSpaceError):
                # Without space this may have to wait for some.
                sweep_unpublished(own, load.number + 1, timing=load.timing)
            if not is_published(own, load.number):
                abandon(own, load.number)
            if is_published(own, load.number):
                return "the load was published before that"
            return f"{'what still ran for the load was ended, and ' if ended else ''}nothing was published"
    except WarehouseError:
        return "the next load ends what may still run for this one"


def _take(client: Client, source: str, timing: LoadTiming) -> Load:
    cluster = cluster_of(client)
    synced(client, cluster, "loads", timing=timing)
    ((last, holder, is_over, silent),) = ask(client, "writer") or [(0, "", 1, 0.0)]
    # In an embedded engine no other writer can be alive: its folder belongs to this process.
    if not is_over and not is_embedded(client) and silent < timing.silent:
        raise WriterBusyError(
            f"another load is running, of {holder}; one at a time. "
            f"If that process is dead, its lease ends in {timing.silent - silent:.0f} seconds"
        )
    number, me = last + 1, _name()
    load = Load(number, source, cluster, comment(client.database, number), timing)
    try:
        announce(client, number, source, me)
        synced(client, cluster, "loads", timing=timing)
        if (holder := _holder(client, number)) != me:
            raise WriterBusyError(f"another load has begun at this moment, of {holder}; one at a time")
        if not is_over:
            abandon(client, last)
            synced(client, cluster, "loads", timing=timing)
        # Of any earlier load: nothing runs yet for this one.
        _stop(client, comment(client.database), cluster, timing)
    except WarehouseError:
        with suppress(WarehouseError):
            if _holder(client, number) == me:
                abandon(client, number)
        raise
    return load


def _holder(client: Client, load: int) -> str:
    """The holder of a load; the empty string if it has none."""
    rows = ask(client, "announced", {"load": load})
    return str(rows[0][0]) if rows else ""


def _stop(client: Client, prefix: str, cluster: str, timing: LoadTiming) -> bool:
    """End the statements with a prefix of comments. Returns False if the user may not; their rows never count."""
    if is_embedded(client):
        # There, a statement ends before its load does.
        return True
    try:
        stop(client, prefix, cluster, timing)
    except QueryFailedError as error:
        if error.code != ACCESS_DENIED:
            raise
        logger.warning("this user may not end what loads still run: grant it system.processes and KILL QUERY")
        return False
    return True


def _name() -> str:
    """A name of this writer for messages, which no other writer has."""
    return f"process {os.getpid()} on {socket.gethostname()} ({secrets.token_hex(4)})"


@contextmanager
def _heartbeats(connect: Connect, client: Client, load: Load) -> Iterator[None]:
    """Send heartbeats, where another writer could take over."""
    if is_embedded(client):
        yield
        return

    def send(done: threading.Event) -> None:
        while not done.wait(load.timing.heartbeat):
            # After a failure the next one is sent in time, or too late; the journal decides then.
            with suppress(WarehouseError), connect() as own:
                heartbeat(own, load.number)

    with background_thread("heartbeat", send):
        yield
