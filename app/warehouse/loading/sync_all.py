"""Loads whole days of all packages from a source, into a store that holds all."""

from collections.abc import Collection
from datetime import date

from clickhouse_connect.driver.client import Client

from app.warehouse.dimensions import COUNTED_WHERE_KNOWN
from app.warehouse.loading.journal import loaded_days, publish
from app.warehouse.loading.sums import checked, complete
from app.warehouse.loading.sync import Plan, Step, Synced
from app.warehouse.loading.sync_store import SyncStore, synced_dimensions, write_counts
from app.warehouse.sources.source import Source
from app.windows import Window

SINCE_NEWEST = 0
"""Of the days of a store: those after the newest loaded one."""
MAX_SINCE_NEWEST = 7
"""Each day of all packages costs money: a server that was off for long does not spend more than a week's by itself."""


class AllPackagesSync:
    """Loads of all packages from one source into one store. Raises WarehouseError, and SourceError for the source's."""

    def __init__(
        self,
        store: SyncStore,
        source: Source,
        days: int | None = SINCE_NEWEST,
        optional: Collection[str] = COUNTED_WHERE_KNOWN,
    ) -> None:
        """`days` is the number of the source's last days that the store is to have, None for all of them.

        With SINCE_NEWEST, the store is to have those after the newest day that is loaded, a week at most; the newest
        alone if no day is loaded. `optional` are those of the optional dimensions that are loaded if the source has
        them.
        """
        self._store = store
        self._source = source
        self.dimensions, self._kept = synced_dimensions(source, optional)
        self._days = days

    def plan(self) -> Plan:
        """What `run` would do."""
        with self._store.connect() as client:
            days = self._missing_days(client)
        return Plan(days, [], 0, [(None, Window(day, day)) for day in days])

    def run(self, step: Step = lambda _: None) -> Synced:
        """Load the days that the store lacks, oldest first, each at one instant."""
        synced = Synced()
        with self._store.connect() as client:
            for day in self._missing_days(client):
                step(f"fetching {day} of all packages")
                with self._store.load(client, f"{self._source.name}: {day}", of_all=True) as load:
                    for counts in self._source.counts(None, Window(day, day), self.dimensions):
                        write_counts(client, load, counts, {(day, name) for name in (*self.dimensions, "dropped")})
                    complete(client, load)
                    written = checked(client, load, 0, self._kept)
                    publish(client, load.number, load.source, written, load.timing, self._kept)
                synced.days.append(day)
                synced.rows += sum(each.rows for each in written)
        return synced

    def _missing_days(self, client: Client) -> list[date]:
        """The days that the store is to have and lacks."""
        loaded = loaded_days(client)
        days = list(self._source.days())
        if self._days is None:
            wanted = days
        elif self._days != SINCE_NEWEST:
            wanted = days[-self._days :]
        elif loaded:
            wanted = [day for day in days if day > loaded[-1]][-MAX_SINCE_NEWEST:]
        else:
            wanted = days[-1:]
        return [day for day in wanted if day not in set(loaded)]
