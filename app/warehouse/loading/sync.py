"""Loads from a source into a store that holds some packages: those that it follows.

Every followed package has the rows of every completed day. A load either adds packages, with all completed days; or the
rows of a new day, for some packages at a time, which no reader counts before the day is completed for all; or
dimensions that came later. It is written under the writer lease, and counts from the instant when the journal says so.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from itertools import compress
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from app.warehouse.dimensions import CI, COUNTED_ALWAYS, COUNTED_WHERE_KNOWN
from app.warehouse.engines.errors import ConnectionLostError, WarehouseError, translated
from app.warehouse.loading.journal import (
    loaded_days,
    publish,
    publish_added,
    publish_later,
    require_scope,
    sweep_unpublished,
    synced,
    versions,
)
from app.warehouse.loading.load import DEFAULT_LOAD_TIMING, Load, LoadTiming
from app.warehouse.loading.migrations import prepare
from app.warehouse.loading.running import run
from app.warehouse.loading.statements import Connect, ask, command, statement
from app.warehouse.loading.sums import checked, complete
from app.warehouse.loading.writer_lease import PROCESS_LOCK, WriterBusyError, writer_lease
from app.warehouse.sources.clickpy import Ranking
from app.warehouse.sources.errors import SourceError, TooMuchError
from app.warehouse.sources.source import Counts, Source
from app.windows import Window

EPOCH = date(1970, 1, 1)

LATER_DIMENSIONS = ("version", "country")
"""Those with the most rows: they are fetched by themselves where a source does not give all dimensions at a time."""

PACKAGES_PER_QUERY = 100
PACKAGE_DAYS_PER_QUERY = 4_000
"""Packages times days of one query, if it is about more than one package."""

LOOK_SHARE = 0.9
"""Of the time between two looks: so long after one, no process that writes to the same store takes another."""

BUSY_SECONDS = 30.0
"""How long a load waits for the writer lease."""

Followed = dict[str, tuple[tuple[str, ...], date]]
"""By package: the dimensions that have not been fetched yet, and the last day for which these are missing."""


class Synced(msgspec.Struct):
    """What loads from a source have done: days completed, packages added, names that the source does not have, rows."""

    days: list[date] = msgspec.field(default_factory=list)
    packages: list[str] = msgspec.field(default_factory=list)
    unknown: list[str] = msgspec.field(default_factory=list)
    rows: int = 0


class Plan(msgspec.Struct, frozen=True):
    """What loads from a source would do: days to complete, packages to follow, the number of those that are followed
    already; and what is asked of the source: packages (None for all) and their days."""

    days: Sequence[date]
    packages: Sequence[str]
    followed: int
    asked: Sequence[tuple[Sequence[str] | None, Window]] = ()

    @property
    def queries(self) -> int:
        """The number of queries to the source."""
        return len(self.asked)


Step = Callable[[str], None]
"""Is told what is being done, for people."""


class Sync:
    """Loads from one source into one store. Every method raises WarehouseError, and SourceError for the source's."""

    def __init__(
        self,
        connect: Connect,
        source: Source,
        days: int | None,
        timing: LoadTiming = DEFAULT_LOAD_TIMING,
        process_lock: threading.Lock = PROCESS_LOCK,
        optional: Collection[str] = COUNTED_WHERE_KNOWN,
    ) -> None:
        """`days` is the number of days that a package is followed for, None for all that the source has; `optional`
        are those of the optional dimensions that are loaded if the source has them."""
        self._connect = connect
        self._source = source
        wanted = {*COUNTED_ALWAYS, *optional}
        self.dimensions: Sequence[str] = [dimension for dimension in source.dimensions if dimension in wanted]
        self._kept = [*self.dimensions, *({CI} & set(source.dimensions))]
        self._days = days
        self._timing = timing
        self._process_lock = process_lock

    def prepare(self) -> None:
        """Make the tables of an embedded store. Raises SchemaError for a server's that are not of this version."""
        with self._connect() as client:
            prepare(client)

    def followed(self) -> Followed:
        """The packages that the store follows."""
        with self._connect() as client:
            return _followed(client)

    def completed(self) -> list[date]:
        """The days that all of them have, in order."""
        with self._connect() as client:
            return _completed(client)

    def add(self, packages: Sequence[str], step: Step = lambda _: None) -> Synced:
        """Follow packages, with all completed days. If there are none, those of the source are completed first."""
        synced = Synced(days=self._begin())
        followed, days = self.followed(), self.completed()
        missing = [package for package in packages if package not in followed]
        for batch in _batches(missing, len(days)):
            step(f"fetching {_named(batch)}")
            self._add(batch, synced)
        return synced

    def plan(self, packages: Sequence[str]) -> Plan:
        """What `add`, `update` and `complete_dimensions` would do."""
        followed, completed = self.followed(), self.completed()
        new = [package for package in packages if package not in followed]
        days = sorted(set(self._wanted_days()).difference(completed))
        history = completed or days
        asked = [(batch, Window(history[0], history[-1])) for batch in _batches(new, len(history))]
        if completed and days:
            asked += [(batch, Window(days[0], days[-1])) for batch in _batches([*followed, *new], len(days))]
        for package, (dimensions, last) in followed.items():
            asked += [([package], Window(history[0], last))] * len(dimensions)
        return Plan(days, new, len(followed), asked)

    def plan_all(self) -> Plan:
        """What `load_all` would do."""
        days = self._days_of_all()
        return Plan(days, [], 0, [(None, Window(day, day)) for day in days])

    def _days_of_all(self) -> list[date]:
        """The days of all packages that the store is to have and lacks."""
        with self._connect() as client:
            loaded = loaded_days(client)
        days = list(self._source.days())
        if self._days is not None:
            days = days[-self._days :]
        return [day for day in days if day not in set(loaded)]

    def load_all(self, step: Step = lambda _: None) -> Synced:
        """Load the days of all packages that the store lacks, oldest first, each at one instant."""
        synced = Synced()
        for day in self._days_of_all():
            step(f"fetching {day} of all packages")
            with self._load(f"{self._source.name}: {day}", of_all=True) as (client, load):
                for counts in self._source.counts(None, Window(day, day), self.dimensions):
                    write_counts(client, load, counts, {(day, name) for name in (*self.dimensions, "dropped")})
                complete(client, load)
                written = checked(client, load, 0, self._kept)
                publish(client, load.number, load.source, written, load.timing, self._kept)
            synced.days.append(day)
            synced.rows += sum(each.rows for each in written)
        return synced

    def _begin(self) -> list[date]:
        """Complete the days that a store begins with, while it has no packages; return them if it had none."""
        if self.completed():
            return []
        with self._load(f"{self._source.name}: the first days") as (client, load):
            # Another process may have been faster.
            days = [] if _completed(client) else self._wanted_days()
            publish_added(client, load, [load.number], days, self._kept)
        return days

    def _wanted_days(self) -> list[date]:
        """The days of the source that the store is to have."""
        days = list(self._source.days())
        if not days:
            raise SourceError(f"{self._source.title} has no day that is complete")
        return days if self._days is None else days[-self._days :]

    def _add(self, packages: Sequence[str], synced: Synced) -> None:
        with self._load(f"{self._source.name}: {_named(packages)}") as (client, load):
            # Another process may have followed one of them, or completed a day, since.
            followed, days = _followed(client), _completed(client)
            packages = [package for package in packages if package not in followed]
            _remove_leftovers(client, load, packages)
            incomplete: dict[str, Sequence[str]] = {}
            try:
                found = self._write(client, load, packages, days, self.dimensions)
            except TooMuchError:
                first = [dimension for dimension in self.dimensions if dimension not in LATER_DIMENSIONS]
                found = self._write(client, load, packages, days, first)
                incomplete = dict.fromkeys(found, LATER_DIMENSIONS)
            unknown = [package for package in packages if package not in found]
            _insert(
                client,
                "followed",
                [
                    {
                        "project": package,
                        "state": "followed" if package in found else "unknown",
                        "load": load.number if package in found else 0,
                        "last": days[-1],
                        "incomplete": list(incomplete.get(package, ())),
                    }
                    for package in packages
                ],
            )
            publish_added(client, load, [load.number])
        synced.packages += sorted(found)
        synced.unknown += unknown
        synced.rows += sum(found.values())

    def update(self, step: Step = lambda _: None) -> Synced:
        """Complete the days that the source has completed since, for all followed packages at one instant.

        A call that was cut off left its rows there, and the next goes on where it stopped.
        """
        synced = Synced(days=self._begin())
        with self._connect() as client:
            completed, followed = _completed(client), _followed(client)
            begun = [day for (day,) in ask(client, "begun_days")]
        if synced.days or not followed:
            return synced
        days = begun or sorted(set(self._wanted_days()).difference(completed))
        if not days:
            return synced
        before: list[str] = []
        while missing := self._not_fetched(days):
            if missing == before:
                raise WarehouseError("the store does not show the rows that were fetched; nothing was published")
            before = missing
            for batch in _batches(missing, len(days)):
                step(f"fetching {_days_named(days)} of {len(missing):,} packages")
                synced.rows += self._fetch_days(batch, days)
        with self._load(f"{self._source.name}: {_days_named(days)}") as (client, load):
            if _not_fetched(client, days):
                # Another process has followed a package at this moment: the next look goes on with it.
                return synced
            if not set(days).isdisjoint(_completed(client)):
                # Another process has completed them.
                return synced
            loads = [number for (number,) in ask(client, "fetched_loads", {"days": days})]
            publish_added(client, load, [load.number, *loads], days, self._kept)
            command(client, statement("forget_fetched_days", cluster=load.cluster), {"days": days})
        synced.days += days
        return synced

    def _not_fetched(self, days: Sequence[date]) -> list[str]:
        with self._connect() as client:
            return _not_fetched(client, days)

    def _fetch_days(self, packages: Sequence[str], days: Sequence[date]) -> int:
        """Write the rows of some packages on days that are not completed; return their number."""
        with self._load(f"{self._source.name}: {_days_named(days)}") as (client, load):
            # Another process may have fetched some of them since.
            missing = set(_not_fetched(client, days))
            wanted = [package for package in packages if package in missing]
            found = self._write(client, load, wanted, days, self.dimensions)
            _insert(client, "fetched_days", [{"date": day, "load": load.number, "packages": wanted} for day in days])
            publish_later(client, load)
        return sum(found.values())

    def complete_dimensions(self, step: Step = lambda _: None) -> Synced:
        """Fetch the dimensions that packages lack, one at a time."""
        synced = Synced()
        for package, (dimensions, last) in self.followed().items():
            for number, dimension in enumerate(dimensions):
                step(f"fetching the dimension {dimension} of {package}")
                self._complete(package, dimension, dimensions[number + 1 :], last, synced)
        return synced

    def _complete(self, package: str, dimension: str, rest: Sequence[str], last: date, synced: Synced) -> None:
        with self._load(f"{self._source.name}: {dimension} of {package}") as (client, load):
            # Another process may have fetched it since.
            is_missing = dimension in _followed(client).get(package, ((), last))[0]
            parts = [[day for day in _completed(client) if day <= last]] if is_missing else []
            while parts:
                days = parts.pop()
                try:
                    found = self._write(client, load, [package], days, [dimension])
                except TooMuchError:
                    if len(days) == 1:
                        raise
                    parts += [days[: len(days) // 2], days[len(days) // 2 :]]
                    continue
                synced.rows += sum(found.values())
            if is_missing:
                row = {"project": package, "state": "followed", "load": load.number, "last": last}
                _insert(client, "followed", [row | {"incomplete": list(rest)}])
            publish_added(client, load, [load.number])

    def unfollow(self, unasked_since: datetime) -> list[str]:
        """Stop following the packages that nobody has asked for since a time, and remove their rows."""
        with self._connect() as client:
            packages = [package for (package,) in ask(client, "unasked_packages", {"since": unasked_since})]
            if not packages or ask(client, "begun_days"):
                return []
        with self._load(f"no longer followed: {_named(packages)}") as (client, load):
            _insert(
                client, "followed", [{"project": package, "state": "unfollowed", "load": 0} for package in packages]
            )
            _remove_leftovers(client, load, packages)
            publish_added(client, load, [load.number])
        return packages

    def claim_look(self, now: datetime, interval: float) -> bool:
        """Whether no other process has looked for new days within most of an interval; then this one looks."""
        since = now - timedelta(seconds=interval * LOOK_SHARE)
        with self._connect() as client:
            if ask(client, "looked_since", {"since": since}):
                return False
            _insert(client, "asked", [{"project": "", "at": now}])
        return True

    def mark_asked(self, packages: Sequence[str]) -> None:
        """Keep that these packages were asked for."""
        with self._connect() as client:
            _insert(client, "asked", [{"project": package} for package in packages])

    def keep_ranking(self, kind: str, ranking: Ranking) -> None:
        """Keep a ranking of the source."""
        with self._connect() as client:
            _insert(client, "rankings", [{"kind": kind, **msgspec.structs.asdict(ranking)}])

    def _write(
        self, client: Client, load: Load, packages: Sequence[str], days: Sequence[date], dimensions: Sequence[str]
    ) -> dict[str, int]:
        """Write what the source has of packages on some days; return the number of rows of each that it has."""
        if not packages:
            return {}
        found: Counter[str] = Counter()
        counted = {(day, dimension) for day in days for dimension in COUNTED_ALWAYS}
        completed = _completed_dimensions(client)
        for day in days:
            # A day that was completed by a version without a dimension has none for any package.
            counted |= {(day, dimension) for dimension in completed.get(day, dimensions)}
        for counts in self._source.counts(packages, Window(days[0], days[-1]), dimensions):
            found.update(counts.packages)
            write_counts(client, load, counts, counted)
        if "overall" in dimensions and not run(
            client, load, statement("write_overall"), versions(load.number), {"log_comment": load.comment}
        ):
            raise ConnectionLostError("the connection to ClickHouse broke in a statement")
        return found

    @contextmanager
    def _load(self, source: str, *, of_all: bool = False) -> Iterator[tuple[Client, Load]]:
        """A load that has the lease while the block lasts. Raises WriterBusyError if it is not free for long.

        It is `of_all` packages, or adds some. Raises InputError for a store that holds the other.
        """
        give_up_at = time.monotonic() + BUSY_SECONDS
        with ExitStack() as stack:
            client = stack.enter_context(self._connect())
            while True:
                lease = writer_lease(self._connect, client, source, self._timing, self._process_lock)
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
            yield client, load


def synced_days(text: str) -> int | None:
    """The number of days in SYNC_DAYS; None for all that a source has."""
    return None if text == "all" else int(text)


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


def _followed(client: Client) -> Followed:
    return {package: (tuple(incomplete), last) for package, incomplete, last in ask(client, "followed_packages")}


def _completed(client: Client) -> list[date]:
    return list(_completed_dimensions(client))


def _completed_dimensions(client: Client) -> dict[date, list[str]]:
    """The completed days, in order, and which of the optional dimensions each has."""
    return {day: list(dimensions) for day, dimensions in ask(client, "completed_days")}


def _not_fetched(client: Client, days: Sequence[date]) -> list[str]:
    """The followed packages whose rows of some days are not there yet; none if the days are completed."""
    if not set(days).isdisjoint(_completed(client)):
        return []
    fetched = {package for (package,) in ask(client, "fetched_packages", {"days": list(days)})}
    return [package for package in _followed(client) if package not in fetched]


def _remove_leftovers(client: Client, load: Load, packages: Sequence[str]) -> None:
    """Remove the rows of packages that were followed before."""
    before = [package for (package,) in ask(client, "known_before", {"packages": list(packages)})]
    if before:
        for table in ("downloads_daily", "overall_daily"):
            command(client, statement(f"remove_packages_{table}", cluster=load.cluster), {"packages": before})


def _insert(client: Client, table: str, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    with translated():
        client.insert(table, [list(row.values()) for row in rows], column_names=list(rows[0]))


def _batches(packages: Sequence[str], days: int) -> Iterator[list[str]]:
    """Packages that one query asks for, at a time."""
    size = max(1, min(PACKAGES_PER_QUERY, PACKAGE_DAYS_PER_QUERY // days))
    for first in range(0, len(packages), size):
        yield list(packages[first : first + size])


def _named(packages: Sequence[str]) -> str:
    return packages[0] if len(packages) == 1 else f"{packages[0]} and {len(packages) - 1:,} more"


def _days_named(days: Sequence[date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}"
