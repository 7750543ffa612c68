"""The store that a source is loaded into: what it follows, what it lacks, and loads into it."""

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from itertools import compress
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from app.warehouse.dimensions import CI, COUNTED_ALWAYS
from app.warehouse.engines.errors import translated
from app.warehouse.loading.journal import require_scope, sweep_unpublished, synced
from app.warehouse.loading.load import DEFAULT_LOAD_TIMING, Load, LoadTiming
from app.warehouse.loading.migrations import prepare
from app.warehouse.loading.statements import Connect, ask, command, statement
from app.warehouse.loading.writer_lease import PROCESS_LOCK, WriterBusyError, writer_lease
from app.warehouse.sources.clickpy import Ranking
from app.warehouse.sources.source import Counts, Source

EPOCH = date(1970, 1, 1)

LOOK_SHARE = 0.9
"""Of the time between two looks: so long after one, no process that writes to the same store takes another."""

BUSY_SECONDS = 30.0
"""How long a load waits for the writer lease."""

DEFAULT_DAYS = 400
"""Days that a package is fetched for: more than a year, so that years can be compared."""

Followed = dict[str, tuple[tuple[str, ...], date]]
"""By package: the dimensions that have not been fetched yet, and the last day for which these are missing."""


class SyncStore:
    """The store of a source. Every method raises WarehouseError."""

    def __init__(
        self,
        connect: Connect,
        timing: LoadTiming = DEFAULT_LOAD_TIMING,
        process_lock: threading.Lock = PROCESS_LOCK,
    ) -> None:
        self.connect = connect
        self._timing = timing
        self._process_lock = process_lock

    def prepare(self) -> None:
        """Make the tables of an embedded store. Raises SchemaError for a server's that are not of this version."""
        with self.connect() as client:
            prepare(client)

    def followed(self) -> Followed:
        """The packages that the store follows."""
        with self.connect() as client:
            return followed_in(client)

    def claim_look(self, now: datetime, interval: float) -> bool:
        """Whether no other process has looked for new days within most of an interval; then this one looks."""
        since = now - timedelta(seconds=interval * LOOK_SHARE)
        with self.connect() as client:
            if ask(client, "looked_since", {"since": since}):
                return False
            insert(client, "asked", [{"project": "", "at": now}])
        return True

    def mark_asked(self, packages: Sequence[str]) -> None:
        """Keep that these packages were asked for."""
        with self.connect() as client:
            insert(client, "asked", [{"project": package} for package in packages])

    def keep_ranking(self, kind: str, ranking: Ranking) -> None:
        """Keep a ranking of the source."""
        with self.connect() as client:
            insert(client, "rankings", [{"kind": kind, **msgspec.structs.asdict(ranking)}])

    @contextmanager
    def load(self, client: Client, source: str, *, of_all: bool = False) -> Iterator[Load]:
        """A load that has the lease while the block lasts. Raises WriterBusyError if it is not free for long.

        It is `of_all` packages, or adds some. Raises InputError for a store that holds the other.
        """
        give_up_at = time.monotonic() + BUSY_SECONDS
        with ExitStack() as stack:
            while True:
                lease = writer_lease(self.connect, client, source, self._timing, self._process_lock)
                try:
                    load = stack.enter_context(lease)
                    break
                except WriterBusyError:
                    if time.monotonic() > give_up_at:
                        raise
                    time.sleep(self._timing.poll / 10)
            # What is decided now is decided by what other nodes have written too.
            synced(client, load.cluster, "followed", "fetched_days", timing=self._timing)
            sweep_unpublished(client, load.number, timing=self._timing)
            require_scope(client, of_all=of_all)
            yield load


def synced_days(setting: str, default: int) -> int | None:
    """The number of days in SYNC_DAYS; None for all that a source has."""
    if not setting:
        return default
    return None if setting == "all" else int(setting)


def synced_dimensions(source: Source, optional: Collection[str]) -> tuple[list[str], list[str]]:
    """The dimensions that are loaded of a source; and what the journal says of its days: these, and CI if it has that.

    `optional` are those of the optional dimensions that are loaded if the source has them.
    """
    wanted = {*COUNTED_ALWAYS, *optional}
    dimensions = [dimension for dimension in source.dimensions if dimension in wanted]
    return dimensions, [*dimensions, *({CI} & set(source.dimensions))]


def followed_in(client: Client) -> Followed:
    """The packages that the store follows."""
    return {package: (tuple(incomplete), last) for package, incomplete, last in ask(client, "followed_packages")}


def completed_in(client: Client) -> list[date]:
    """The days that all of them have, in order."""
    return list(completed_dimensions_in(client))


def completed_dimensions_in(client: Client) -> dict[date, list[str]]:
    """The completed days, in order, and which of the optional dimensions each has."""
    return {day: list(dimensions) for day, dimensions in ask(client, "completed_days")}


def not_fetched_in(client: Client, days: Sequence[date]) -> list[str]:
    """The followed packages whose rows of some days are not there yet; none if the days are completed."""
    if not set(days).isdisjoint(completed_in(client)):
        return []
    fetched = {package for (package,) in ask(client, "fetched_packages", {"days": list(days)})}
    return [package for package in followed_in(client) if package not in fetched]


def remove_leftovers(client: Client, load: Load, packages: Sequence[str]) -> None:
    """Remove the rows of packages that were followed before."""
    before = [package for (package,) in ask(client, "known_before", {"packages": list(packages)})]
    if before:
        for table in ("downloads_daily", "overall_daily"):
            command(client, statement(f"remove_packages_{table}", cluster=load.cluster), {"packages": before})


def write_counts(client: Client, load: Load, counts: Counts, wanted: set[tuple[date, str]]) -> None:
    """Write the rows of counts that are of some days and dimensions, as those of a load."""
    if not wanted.issuperset(zip(counts.dates, counts.dimensions, strict=True)):
        kept = [key in wanted for key in zip(counts.dates, counts.dimensions, strict=True)]
        columns: Iterator[Any] = (list(compress(column, kept)) for column in counts)
        counts = Counts(*columns)
    if not counts.dates:
        return
    first = load.number << 16
    row_versions = [first | (day - EPOCH).days for day in counts.dates]
    with translated():
        client.insert(
            "downloads_daily",
            [*counts, row_versions],
            column_names=["project", "dimension", "category", "date", "downloads", "version"],
            column_oriented=True,
            settings={"log_comment": load.comment},
        )


def insert(client: Client, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows of equal columns, if there are any."""
    if not rows:
        return
    with translated():
        client.insert(table, [list(row.values()) for row in rows], column_names=list(rows[0]))
