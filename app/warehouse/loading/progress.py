"""How far a load is, as ClickHouse says while it runs; and how to cancel it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec

from app.warehouse.engines.errors import WarehouseError
from app.warehouse.loading.journal import versions
from app.warehouse.loading.migrations import cluster_of
from app.warehouse.loading.running import comment, kill
from app.warehouse.loading.statements import Connect, ask

REPORT_SECONDS = 0.5

LOADING, WRITING = "loading", "writing"
"""The steps of which ClickHouse says how far they are."""


class Progress(msgspec.Struct, frozen=True):
    """How far a call is: rows of input read, of `total` (0 where that is not known), and what is written so far."""

    step: str
    rows_read: int = 0
    rows_written: int = 0
    days_written: int = 0
    total: int = 0


Report = Callable[[Progress], None]


@contextmanager
def reported(connect: Connect, load: int, report: Report, total: int) -> Iterator[None]:
    """Report a few times a second how far a load's first statement is, while the block runs it."""

    def poll(done: threading.Event) -> None:
        rows_read = 0
        while not done.is_set():
            # A connection that breaks ends the reports of it, not those of the next.
            with suppress(WarehouseError), connect() as poller:
                parameters = {"comment": comment(poller.database, load), **versions(load)}
                while not done.wait(REPORT_SECONDS):
                    for read, written, days in ask(poller, "progress", parameters):
                        # What is read once writing has begun is no input, but what the GROUP BY has put on disk.
                        rows_read = rows_read if written else read
                        report(Progress(WRITING if written else LOADING, rows_read, written, days, total))
            done.wait(REPORT_SECONDS)

    with background_thread("progress", poll):
        yield


@contextmanager
def background_thread(name: str, work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Have a thread of that name work while the block runs. The event that it is given says that it is over."""
    done = threading.Event()
    thread = threading.Thread(target=work, args=[done], name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def cancel(connect: Connect) -> None:
    """Stop the load that runs. It fails as any load does: nothing is published."""
    with connect() as client:
        kill(client, comment(client.database), cluster_of(client))
