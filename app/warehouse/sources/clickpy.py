"""The tables of ClickPy, ClickHouse's public data set, as a source: the public server, or one's own.

The public role cuts results of 1,000 rows and long reads without an error. So a query asks for a bounded number of
packages, by the keys of the tables, and its result has few rows of arrays.
"""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from app.warehouse.dimensions import COUNTED_ALWAYS
from app.warehouse.engines.connection import Engine, Rows
from app.warehouse.engines.errors import ConnectionLostError, WarehouseError, translated
from app.warehouse.loading.statements import require_complete
from app.warehouse.reading.followed import CUT_AT
from app.warehouse.sources.calls import SourceCalls
from app.warehouse.sources.errors import SourceError, TooMuchError
from app.warehouse.sources.quota import Quota
from app.warehouse.sources.source import Counts
from app.warehouse.sql import read_sql
from app.windows import Window, popularity_windows, recent_windows, week_before

TABLES = (
    "pypi_downloads_per_day",
    "pypi_downloads",
    "pypi_downloads_per_month",
    "pypi_downloads_per_day_by_version_by_python",
    "pypi_downloads_per_day_by_version_by_system",
    "pypi_downloads_per_day_by_version_by_installer_by_type",
    "pypi_downloads_per_day_by_version_by_installer_by_type_by_country",
)
"""The tables that are read; the first is in no store of ours."""

RANKED = 400
"""Packages of the ranking of all: each of them has up to millions of rows."""

STABLE_AFTER = timedelta(minutes=50)
"""A day whose downloads have not changed for so long is not being filled any more."""
FILLED_AFTER = timedelta(hours=30)
"""So long after its end, a day is not being filled any more."""
USUAL_SHARE = 0.8
"""A day with less than this share of the downloads of the same weekday before lacks some, or is a holiday."""
HOLIDAY_AFTER = timedelta(hours=72)
"""So long after its end, a day lacks nothing: it is a holiday."""

QUOTA_EXCEEDED = 201
TOO_MUCH = {158, 159, 160, 241, 307, 396}
"""ClickHouse's codes for a query that takes or returns too much: rows, time, memory, bytes."""
END_OF_INTERVAL = re.compile(r"Interval will end at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")


class Ranking(msgspec.Struct, frozen=True):
    """Packages, and their downloads without mirrors in windows that end with `day`: columns of equal length.

    `before` are the weeks that the last week is compared with. The most downloaded package of the month is first.
    """

    day: date
    packages: Sequence[str]
    last_day: Sequence[int]
    last_week: Sequence[int]
    last_month: Sequence[int]
    before: Sequence[int]


class ClickPy:
    """The source. It is asked one query at a time, over one connection. The README lists how its numbers differ."""

    name = "clickpy"
    counts_by_day = False
    dimensions: Sequence[str] = (*COUNTED_ALWAYS, "origin")

    def __init__(self, engine: Engine, title: str, now: Callable[[], datetime]) -> None:
        self.title = title
        self.quota = Quota(title, now)
        self.calls = SourceCalls()
        self._engine = engine
        self._now = now
        self._guard = threading.Lock()
        self._client: Client | None = None
        self._first_seen: dict[tuple[date, int], datetime] = {}

    def days(self) -> Sequence[date]:
        """The days that are complete, in order. Nothing in the tables says so: see `is_complete`."""
        ((days, downloads),) = self._ask(_sql("looks"), {}) or [((), ())]
        seen = dict(zip(days, downloads, strict=True))
        now = self._now()
        first_seen = {look: self._first_seen.get(look, now) for look in seen.items()}
        self._first_seen = first_seen
        return [day for day in days if self._is_complete(day, seen, now - first_seen[day, seen[day]], now)]

    @staticmethod
    def _is_complete(day: date, seen: dict[date, int], unchanged: timedelta, now: datetime) -> bool:
        """Whether a day is over, is not being filled any more, and has about as many downloads as its weekday has."""
        since_end = now - datetime.combine(day + timedelta(days=1), time(), UTC)
        if since_end < timedelta(0) or (unchanged < STABLE_AFTER and since_end < FILLED_AFTER):
            return False
        return since_end >= HOLIDAY_AFTER or seen[day] >= USUAL_SHARE * seen.get(week_before(day), 0)

    def counts(
        self, packages: Sequence[str] | None, window: Window, dimensions: Sequence[str] = ()
    ) -> Iterator[Counts]:
        """The counts of packages, in one query."""
        if packages is None:
            raise SourceError(f"{self.title} gives the downloads of named packages, not of all")
        parameters = {
            "packages": list(packages),
            "dimensions": list(dimensions or self.dimensions),
            "start": window.start,
            "end": window.end,
        }
        counts = Counts([], [], [], [], [])
        for package, dimension, categories, dates, downloads in self._ask(_sql("counts"), parameters):
            for category, days, numbers in zip(categories, dates, downloads, strict=True):
                counts.packages.extend([package] * len(days))
                counts.dimensions.extend([dimension] * len(days))
                counts.categories.extend([category] * len(days))
                counts.dates.extend(days)
                counts.downloads.extend(numbers)
        yield counts

    def top(self, newest: date) -> Ranking:
        """The most downloaded packages of the month that ends with a day."""
        return self._ranking("top", newest, {"limit": RANKED})

    def search(self, prefix: str, window: Window) -> Ranking:
        """The packages whose name starts with a prefix and that were downloaded in a window."""
        return self._ranking("search", window.end, {"limit": CUT_AT, "prefix": prefix, "start": window.start})

    def _ranking(self, candidates: str, newest: date, parameters: dict[str, Any]) -> Ranking:
        recent, popularity = recent_windows(newest), popularity_windows(newest, 1)
        windows = {
            "day": recent.day.start,
            "week": recent.week.start,
            "month": recent.month.start,
            "end": newest,
            "before_start": popularity.before.start,
            "before_end": popularity.before.end,
            "first": popularity.first,
        }
        sql = _sql("ranking").replace("{{candidates}}", _sql(candidates))
        ((packages, *columns),) = self._ask(sql, windows | parameters)
        return Ranking(newest, packages, *columns)

    def _ask(self, sql: str, parameters: dict[str, Any]) -> Rows:
        """The rows of a query. Raises SourceError."""
        with self._guard:
            try:
                client = self._connected()
                self.quota.spend()
                with translated():
                    result = self.calls.run(lambda: client.query(sql, parameters=parameters))
                require_complete(client, result.summary, bool(result.result_rows))
            except ConnectionLostError as error:
                self.close()
                raise SourceError(f"{self.title} does not answer: {error}") from error
            except SourceError:
                raise
            except WarehouseError as error:
                raise self._translated(error) from error
            limit = client.server_settings.get("max_rows_to_read")
            if limit is not None and 0 < int(limit.value) <= int(result.summary.get("read_rows", 0)):
                # It may have stopped reading there, and have answered from that.
                raise TooMuchError(f"{self.title} does not read so much for one query")
            return result.result_rows

    def _connected(self) -> Client:
        """The client, which stays connected: what the driver asks first counts against the quota."""
        if self._client is None:
            self._client = self.calls.run(self._engine.client)
            try:
                with translated():
                    rows = self._client.query(_sql("quota")).result_rows
            except WarehouseError:
                # An older server, or a user who may not see it: what is sent is counted here.
                rows = []
            for used, limit, ends_at in rows:
                self.quota.observe(used, limit, ends_at.replace(tzinfo=UTC) if ends_at.tzinfo is None else ends_at)
        return self._client

    def _translated(self, error: WarehouseError) -> SourceError:
        code, text = getattr(error.__cause__, "code", None), str(error.__cause__)
        if code == QUOTA_EXCEEDED:
            found = END_OF_INTERVAL.search(text)
            return self.quota.exhaust(datetime.fromisoformat(found[1]).replace(tzinfo=UTC) if found else None)
        if code in TOO_MUCH:
            return TooMuchError(f"{self.title} does not give so much at a time")
        return SourceError(f"{self.title} cannot be asked: {error}")

    def close(self) -> None:
        """Close the connection; the next query connects again."""
        if self._client is not None:
            self._client.close()
            self._client = None


def is_clickpys(client: Client) -> bool:
    """Whether the client's database has these tables: nothing of ours belongs there."""
    with translated():
        return bool(client.command(f"EXISTS TABLE {TABLES[0]}"))


def _sql(name: str) -> str:
    return read_sql(f"sources/sql/clickpy_{name}.sql")
