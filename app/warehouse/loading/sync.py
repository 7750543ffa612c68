"""Loads from a source into a store that holds some packages: those that it follows.

Every followed package has the rows of every completed day. A load either adds packages, with all completed days; or the
rows of a new day, for some packages at a time, which no reader counts before the day is completed for all; or
dimensions that came later. It is written under the writer lease, and counts from the instant when the journal says so.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime

import msgspec
from clickhouse_connect.driver.client import Client

from app.warehouse.dimensions import COUNTED_ALWAYS, COUNTED_WHERE_KNOWN
from app.warehouse.engines.errors import ConnectionLostError, WarehouseError
from app.warehouse.loading.journal import publish_added, publish_later, versions
from app.warehouse.loading.load import Load
from app.warehouse.loading.running import run
from app.warehouse.loading.statements import ask, command, statement
from app.warehouse.loading.sync_store import (
    SyncStore,
    completed_dimensions_in,
    completed_in,
    followed_in,
    insert,
    not_fetched_in,
    remove_leftovers,
    synced_dimensions,
    write_counts,
)
from app.warehouse.sources.errors import SourceError, TooMuchError
from app.warehouse.sources.source import Source
from app.windows import Window

LATER_DIMENSIONS = ("version", "country")
"""Those with the most rows: they are fetched by themselves where a source does not give all dimensions at a time."""

PACKAGES_PER_QUERY = 100
PACKAGE_DAYS_PER_QUERY = 4_000
"""Packages times days of one query, if it is about more than one package."""


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


Step = Callable[[str], None]
"""Receives a description of the current step, for display."""


class Sync:
    """Loads of packages from one source into one store. Raises WarehouseError, and SourceError for the source's."""

    def __init__(
        self,
        store: SyncStore,
        source: Source,
        days: int | None,
        optional: Collection[str] = COUNTED_WHERE_KNOWN,
    ) -> None:
        """`days` is the number of days that a package is followed for, None for all that the source has; `optional`
        are those of the optional dimensions that are loaded if the source has them."""
        self.store = store
        self._source = source
        self.dimensions, self._kept = synced_dimensions(source, optional)
        self._days = days

    def add(self, packages: Sequence[str], step: Step = lambda _: None) -> Synced:
        """Follow packages, with all completed days. If there are none, those of the source are completed first."""
        with self.store.connect() as client:
            completed, synced = completed_in(client), Synced()
            if not completed:
                synced.days = self._begin(client)
                completed = completed_in(client)
            followed = followed_in(client)
            missing = [package for package in packages if package not in followed]
            for batch in _batches(missing, len(completed)):
                step(f"fetching {_named(batch)}")
                self._add(client, batch, synced)
        return synced

    def plan(self, packages: Sequence[str]) -> Plan:
        """What `add`, `update` and `complete_dimensions` would do."""
        with self.store.connect() as client:
            followed, completed = followed_in(client), completed_in(client)
        new = [package for package in packages if package not in followed]
        days = sorted(set(self._wanted_days()).difference(completed))
        history = completed or days
        asked = [(batch, Window(history[0], history[-1])) for batch in _batches(new, len(history))]
        if completed and days:
            asked += [(batch, Window(days[0], days[-1])) for batch in _batches([*followed, *new], len(days))]
        for package, (dimensions, last) in followed.items():
            asked += [([package], Window(history[0], last))] * len(dimensions)
        return Plan(days, new, len(followed), asked)

    def _begin(self, client: Client) -> list[date]:
        """Complete the days that a store begins with; return them, none if another process was faster."""
        with self.store.load(client, f"{self._source.name}: the first days") as load:
            days = [] if completed_in(client) else self._wanted_days()
            publish_added(client, load, [load.number], days, self._kept)
        return days

    def _wanted_days(self) -> list[date]:
        """The days of the source that the store is to have."""
        days = list(self._source.days())
        if not days:
            raise SourceError(f"{self._source.title} has no day that is complete")
        return days if self._days is None else days[-self._days :]

    def _add(self, client: Client, packages: Sequence[str], synced: Synced) -> None:
        with self.store.load(client, f"{self._source.name}: {_named(packages)}") as load:
            # Another process may have followed one of them, or completed a day, since.
            known, completed = followed_in(client), completed_dimensions_in(client)
            packages = [package for package in packages if package not in known]
            remove_leftovers(client, load, packages)
            incomplete: dict[str, Sequence[str]] = {}
            try:
                found = self._write(client, load, packages, completed, self.dimensions)
            except TooMuchError:
                first = [dimension for dimension in self.dimensions if dimension not in LATER_DIMENSIONS]
                found = self._write(client, load, packages, completed, first)
                incomplete = dict.fromkeys(found, LATER_DIMENSIONS)
            unknown = [package for package in packages if package not in found]
            insert(
                client,
                "followed",
                [
                    {
                        "project": package,
                        "state": "followed" if package in found else "unknown",
                        "load": load.number if package in found else 0,
                        "last": max(completed),
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
        with self.store.connect() as client:
            completed, followed = completed_in(client), followed_in(client)
            if not completed:
                # These are the newest, also if another process has completed them at this moment.
                return Synced(days=self._begin(client))
            synced = Synced()
            if not followed:
                return synced
            begun = [day for (day,) in ask(client, "begun_days")]
            days = begun or sorted(set(self._wanted_days()).difference(completed))
            if days:
                synced.rows = self._fetch_days(client, days, step)
                synced.days = self._complete_days(client, days)
        return synced

    def _fetch_days(self, client: Client, days: Sequence[date], step: Step) -> int:
        """Write the rows of days that are not completed, of all followed packages; return their number."""
        rows, before = 0, list[str]()
        while missing := not_fetched_in(client, days):
            if missing == before:
                raise WarehouseError("the store does not show the rows that were fetched; nothing was published")
            before = missing
            for batch in _batches(missing, len(days)):
                step(f"fetching {_days_named(days)} of {len(missing):,} packages")
                rows += self._fetch_days_of(client, batch, days)
        return rows

    def _fetch_days_of(self, client: Client, packages: Sequence[str], days: Sequence[date]) -> int:
        with self.store.load(client, f"{self._source.name}: {_days_named(days)}") as load:
            # Another process may have fetched some of them since.
            missing = set(not_fetched_in(client, days))
            wanted = [package for package in packages if package in missing]
            found = self._write(client, load, wanted, dict.fromkeys(days, self.dimensions), self.dimensions)
            insert(client, "fetched_days", [{"date": day, "load": load.number, "packages": wanted} for day in days])
            publish_later(client, load)
        return sum(found.values())

    def _complete_days(self, client: Client, days: list[date]) -> list[date]:
        """Complete days that are fetched; return them, none if another process has done so or follows a package now."""
        with self.store.load(client, f"{self._source.name}: {_days_named(days)}") as load:
            if not_fetched_in(client, days) or not set(days).isdisjoint(completed_in(client)):
                return []
            loads = [number for (number,) in ask(client, "fetched_loads", {"days": days})]
            publish_added(client, load, [load.number, *loads], days, self._kept)
            command(client, statement("forget_fetched_days", cluster=load.cluster), {"days": days})
        return days

    def complete_dimensions(self, step: Step = lambda _: None) -> Synced:
        """Fetch the dimensions that packages lack, one at a time."""
        synced = Synced()
        with self.store.connect() as client:
            for package, (dimensions, last) in followed_in(client).items():
                for number, dimension in enumerate(dimensions):
                    step(f"fetching the dimension {dimension} of {package}")
                    synced.rows += self._complete(client, package, dimension, dimensions[number + 1 :], last)
        return synced

    def _complete(self, client: Client, package: str, dimension: str, rest: Sequence[str], last: date) -> int:
        rows = 0
        with self.store.load(client, f"{self._source.name}: {dimension} of {package}") as load:
            # Another process may have fetched it since.
            is_missing = dimension in followed_in(client).get(package, ((), last))[0]
            completed = completed_dimensions_in(client)
            parts = [[day for day in completed if day <= last]] if is_missing else []
            while parts:
                days = parts.pop()
                try:
                    found = self._write(client, load, [package], {day: completed[day] for day in days}, [dimension])
                except TooMuchError:
                    if len(days) == 1:
                        raise
                    parts += [days[: len(days) // 2], days[len(days) // 2 :]]
                    continue
                rows += sum(found.values())
            if is_missing:
                row = {"project": package, "state": "followed", "load": load.number, "last": last}
                insert(client, "followed", [row | {"incomplete": list(rest)}])
            publish_added(client, load, [load.number])
        return rows

    def unfollow(self, unasked_since: datetime) -> list[str]:
        """Stop following the packages that were not requested since a time, and remove their rows."""
        with self.store.connect() as client:
            packages = [package for (package,) in ask(client, "unasked_packages", {"since": unasked_since})]
            if not packages or ask(client, "begun_days"):
                return []
            with self.store.load(client, f"no longer followed: {_named(packages)}") as load:
                unfollowed = [{"project": package, "state": "unfollowed", "load": 0} for package in packages]
                insert(client, "followed", unfollowed)
                remove_leftovers(client, load, packages)
                publish_added(client, load, [load.number])
        return packages

    def _write(
        self,
        client: Client,
        load: Load,
        packages: Sequence[str],
        days: Mapping[date, Collection[str]],
        dimensions: Sequence[str],
    ) -> dict[str, int]:
        """Write what the source has of packages on some days; return the number of rows of each that it has.

        `days` says which of the optional dimensions each day has: one that was completed by a version without a
        dimension has none for any package.
        """
        if not packages:
            return {}
        found: Counter[str] = Counter()
        counted = {(day, dimension) for day, optional in days.items() for dimension in (*COUNTED_ALWAYS, *optional)}
        for counts in self._source.counts(packages, Window(min(days), max(days)), dimensions):
            found.update(counts.packages)
            write_counts(client, load, counts, counted)
        if "overall" in dimensions and not run(
            client, load, statement("write_overall"), versions(load.number), {"log_comment": load.comment}
        ):
            raise ConnectionLostError("the connection to ClickHouse broke in a statement")
        return found


def _batches(packages: Sequence[str], days: int) -> Iterator[list[str]]:
    """Packages that one query asks for, at a time."""
    size = max(1, min(PACKAGES_PER_QUERY, PACKAGE_DAYS_PER_QUERY // days))
    for first in range(0, len(packages), size):
        yield list(packages[first : first + size])


def _named(packages: Sequence[str]) -> str:
    return packages[0] if len(packages) == 1 else f"{packages[0]} and {len(packages) - 1:,} more"


def _days_named(days: Sequence[date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}"
