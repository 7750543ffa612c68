"""BigQuery as a source: it counts the downloads of a day, and sends the rows that the store keeps."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from app.settings import Settings
from app.warehouse.dimensions import CI, DIMENSIONS
from app.warehouse.loading.shapes import OPTIONAL
from app.warehouse.sources.calls import SourceCalls
from app.warehouse.sources.errors import SourceError
from app.warehouse.sources.quota import Quota
from app.warehouse.sources.source import Counts
from app.warehouse.sql import read_sql
from app.windows import Window

if TYPE_CHECKING:
    from app.warehouse.sources.bigquery_client import Client, Parameters

SETTLING_TIME = timedelta(hours=6)
"""How long after its end a day may still get rows. BigQuery sorts streamed rows into partitions within 90 minutes."""


class BigQuery:
    """The table that `BIGQUERY_TABLE` names. Every method raises SourceError.

    The rows of some packages are found by the normalised names, which are those that PyPI's table has.
    `bytes_billed` is what all queries were billed. Requests that fail for a moment are repeated for `patience` seconds.
    """

    name = "bigquery"
    title = "BigQuery"
    counts_by_day = True
    dimensions: Sequence[str] = (*DIMENSIONS, CI)

    def __init__(
        self, settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC), patience: float = 60
    ) -> None:
        self._settings = settings
        self._now = now
        self._patience = patience
        self.quota = Quota(self.title, now)
        self.calls = SourceCalls()
        self.bytes_billed = 0

    def days(self) -> list[date]:
        """The days that are complete, in order: they ended six hours ago, and a later day has rows.

        The later day shows that the table is still filled. A call is billed 10 MB.
        """
        dataset, _, table = self._settings.bigquery_table.rpartition(".")
        sql = read_sql("sources/sql/bigquery_partitions.sql").replace("{{dataset}}", dataset)
        self.quota.spend()
        with self._connected() as client:
            pages = self.calls.each(client.pages(sql, {"table": table}))
            days = [date.fromisoformat(day) for page in pages for (day,) in page]
        if not days:
            raise SourceError("BigQuery: the table is not there, or has no partition of a day; see BIGQUERY_TABLE")
        newest = (self._now() - SETTLING_TIME).astimezone(UTC).date() - timedelta(days=1)
        return [day for day in days[:-1] if day <= newest]

    def counts(
        self, packages: Sequence[str] | None, window: Window, dimensions: Sequence[str] = ()
    ) -> Iterator[Counts]:
        """The counts of packages (of all packages if None) on each day of a window, in batches of up to 100,000 rows.

        A day is one query. Of all packages, what is left out is counted too, as loads of files count it: the package is
        '', the dimension `dropped`.
        """
        if packages is not None and not packages:
            return
        with self._connected() as client:
            for day in window.days:
                self.quota.spend()
                for page in self.calls.each(client.pages(*self._counting(packages, Window(day, day), dimensions))):
                    package, dimension, category, downloads = ([row[i] for row in page] for i in range(4))
                    yield Counts(package, dimension, category, [day] * len(page), downloads)

    def estimate(self, packages: Sequence[str] | None, window: Window, dimensions: Sequence[str] = ()) -> int:
        """The bytes that `counts` can be billed at most, by a dry run, which is free.

        Of some packages far less is billed: which blocks of a day need not be read is found out when they are read.
        """
        with self._connected() as client:
            return client.estimate(*self._counting(packages, window, dimensions))

    def _counting(
        self, packages: Sequence[str] | None, window: Window, dimensions: Sequence[str]
    ) -> "tuple[str, Parameters]":
        """The query that counts packages, and its parameters."""
        of_packages = "TRUE" if packages is None else read_sql("sources/sql/bigquery_of_packages.sql")
        sql = read_sql("sources/sql/bigquery_counts.sql").replace("{{of_packages}}", of_packages)
        counted = dimensions or DIMENSIONS
        for field in OPTIONAL:
            nothing = f"CAST(NULL AS {'BOOL' if field.raw == 'raw_ci' else 'STRING'})"
            is_needed = not set(counted).isdisjoint(field.dimensions)
            sql = sql.replace(f"{{{{{field.bigquery}}}}}", field.bigquery if is_needed else nothing)
        parameters: Parameters = {
            "start": datetime.combine(window.start, time(), UTC),
            "end": datetime.combine(window.end + timedelta(days=1), time(), UTC),
            "all_packages": packages is None,
            "dimensions": [*counted, "dropped"],
        }
        if packages is not None:
            parameters["projects"] = list(packages)
        return sql.replace("{{table}}", self._settings.bigquery_table), parameters

    def close(self) -> None:
        """Nothing is held between two calls."""

    @contextmanager
    def _connected(self) -> "Iterator[Client]":
        try:
            from app.warehouse.sources.bigquery_client import connected  # noqa: PLC0415
        except ModuleNotFoundError:
            raise SourceError("BigQuery needs its client: pip install 'pypistats-server[bigquery]'") from None
        with connected(self._settings, self._patience) as client:
            try:
                yield client
            finally:
                self.bytes_billed += client.bytes_billed
