"""The engine behind the facade: a ClickHouse server's users, settings and sessions on connections of an embedded one.

Everything that can be the engine's own doing is: limits, refusals, codes and texts of exceptions come from it.
"""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import chdb
import msgspec

from tests.support.clickhouse_users import CHANGES_SETTINGS, READ_ONLY, USERS


class EngineError(Exception):
    """What ClickHouse answers instead of a result."""

    def __init__(self, code: int, text: str, *, is_foreign: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.is_foreign = is_foreign
        """Whether it is of a library that ClickHouse uses: then the text is all there is."""

    @classmethod
    def of(cls, error: Exception) -> "EngineError":
        """The engine's own exception. Some of its texts say code, version and name twice."""
        text = re.sub(r"^(Code: \d+\. DB::Exception: )+", "", str(error)).strip()
        text = re.sub(r"(\([A-Z_]+\)) \(version [\d.]+\)\. \1$", r"\1", text)
        code = re.match(r"Code: (\d+)", str(error))
        return cls(int(code[1]) if code else 1001, text)


class Asked(msgspec.Struct, frozen=True):
    """A statement, by whom it is asked and what came with it."""

    user: str
    database: str
    settings: dict[str, str]
    parameters: dict[str, str]
    sql: str
    format: str
    session: str = ""
    by_get: bool = False


class Result(msgspec.Struct, frozen=True):
    """The bytes of a result, and figures as they stand in X-ClickHouse-Summary."""

    body: bytes
    summary: dict[str, str]
    timezone: str


QUOTA_USAGE = re.compile(r"\bsystem\s*\.\s*quota_usage\b", re.IGNORECASE)
FREE = re.compile(r"\bFROM\s+system\s*\.\s*(one|quotas?(_limits|_usage)?|quotas_usage)\b", re.IGNORECASE)
"""What a query may ask without being counted: it reads none but these tables, or none at all (that is system.one)."""


class Quota:
    """So many queries of a user in an interval, as src/Access/EnabledQuota.cpp counts them."""

    def __init__(self, user: str, queries: int, seconds: int) -> None:
        self._user = user
        self._most = queries
        self._seconds = seconds
        self._used = 0
        self._end = 0.0
        self._guard = threading.Lock()

    def count(self, asked: Asked) -> str:
        """Count a statement, and return it with this quota as the table system.quota_usage.

        Raises EngineError where the user has had all of his queries in this interval.
        """
        is_free = FREE.search(asked.sql) or not re.search(r"\bFROM\b", asked.sql, re.IGNORECASE)
        if asked.user != self._user:
            return asked.sql
        if is_free:
            return self._shown(asked.sql)
        with self._guard:
            now = time.time()
            if now >= self._end:
                self._used, self._end = 0, (now // self._seconds + 1) * self._seconds
            self._used += 1
            if self._used > self._most:
                end = datetime.fromtimestamp(self._end, UTC).strftime("%Y-%m-%d %H:%M:%S")
                raise EngineError(
                    201,
                    f"Quota for user `{self._user}` for {self._seconds}s has been exceeded: queries = "
                    f"{self._used}/{self._most}. Interval will end at {end}. "
                    f"Name of quota template: `{self._user}`. (QUOTA_EXCEEDED)",
                )
        return asked.sql

    def _shown(self, sql: str) -> str:
        with self._guard:
            columns = (
                f"SELECT '{self._user}' AS quota_name, toNullable(toUInt32({self._seconds})) AS duration, "
                f"toNullable(toUInt64({self._used})) AS queries, toNullable(toUInt64({self._most})) AS max_queries, "
                f"toNullable(toDateTime({int(self._end or time.time() + self._seconds)}, 'UTC')) AS end_time"
            )
        return QUOTA_USAGE.sub(f"({columns})", sql)


class Engine:
    """Connections to an embedded engine, one for each user and its settings."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._idle: dict[Any, list[Any]] = {}
        self._sessions: dict[tuple[str, str], tuple[Any, threading.Lock]] = {}
        self._guard = threading.Lock()
        self.quota: Quota | None = None
        self._main = chdb.connect(self._folder)
        self._looker, self._looks = chdb.connect(self._folder), threading.Lock()
        self.version, self.timezone = self._values("SELECT version(), timezone()")
        self.compresses = self._values("SELECT toString(getSetting('enable_http_compression'))")[0]

    def _values(self, sql: str, connection: Any = None) -> list[str]:
        text: str = (connection or self._main).query(sql, "TSVRaw").bytes().decode()
        return text.removesuffix("\n").split("\t")

    def run(self, asked: Asked) -> Result:
        """Run a statement in the calling thread. Raises EngineError."""
        sql = self.quota.count(asked) if self.quota else asked.sql
        try:
            with self._connection(asked) as connection:
                result = connection.query(sql, asked.format, params=asked.parameters)
                return Result(result.bytes(), _summary(result), asked.settings.get("session_timezone") or self.timezone)
        except EngineError:
            raise
        except Exception as error:  # chDB raises classes of its own that it does not export
            raise EngineError.of(error) from None

    def progress(self, asked: Asked) -> dict[str, str]:
        """The figures of a statement that runs, as they stand in X-ClickHouse-Progress; none where it does not.

        It is found by its comment: the engine gives its queries ids and texts of its own.
        """
        names = ("read_rows", "read_bytes", "written_rows", "written_bytes", "total_rows_to_read")
        comment = quoted(asked.settings.get("log_comment", ""))
        with self._looks:
            found = self._looker.query(
                "SELECT read_rows, read_bytes, written_rows, written_bytes, total_rows_approx FROM system.processes "
                f"WHERE Settings['log_comment'] = '{comment}' AND '{comment}' != '' LIMIT 1",
                "TSVRaw",
            )
            figures: str = found.bytes().decode()
        return dict(zip(names, figures.split(), strict=True)) if figures else {}

    @contextmanager
    def _connection(self, asked: Asked) -> Iterator[Any]:
        if asked.session:
            with self._session(asked) as connection:
                yield connection
            return
        # Who names no database may have no right to the default one.
        key = (asked.user, asked.by_get, bool(asked.database), tuple(sorted(asked.settings.items())))
        with self._guard:
            idle = self._idle.setdefault(key, [])
            connection = idle.pop() if idle else None
        connection = connection or self._open(asked)
        try:
            self._use(connection, asked.database)
            yield connection
        finally:
            # What a statement sets is gone with its request, unless it came in a session.
            if re.match(r"\s*(SET|USE)\b", asked.sql, re.IGNORECASE):
                connection.close()
            else:
                idle.append(connection)

    @contextmanager
    def _session(self, asked: Asked) -> Iterator[Any]:
        with self._guard:
            key = (asked.user, asked.session)
            if key not in self._sessions:
                self._sessions[key] = (self._open(asked), threading.Lock())
            connection, lock = self._sessions[key]
        if not lock.acquire(blocking=False):
            raise EngineError(373, f"Session {asked.session} is locked by a concurrent client. (SESSION_IS_LOCKED)")
        try:
            # What comes with a request of a session stays in it here; in ClickHouse it goes with the request.
            self._apply(connection, asked)
            self._use(connection, asked.database)
            yield connection
        finally:
            lock.release()

    def _open(self, asked: Asked) -> Any:
        profile = {name: value for name, value in USERS[asked.user].settings.items() if name != "readonly"}
        connection = chdb.connect(self._folder)
        try:
            self._set(connection, profile)
            self._apply(connection, asked)
            connection.query(f"SET readonly = {_readonly(asked)}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _apply(self, connection: Any, asked: Asked) -> None:
        """Make a connection's settings what a request says."""
        self._refuse(connection, asked)
        self._set(connection, asked.settings)

    @staticmethod
    def _use(connection: Any, database: str) -> None:
        if database:
            connection.query(f"USE `{database}`")

    def _refuse(self, connection: Any, asked: Asked) -> None:
        """Raise what ClickHouse does for settings that the user may not change. The engine lets its owner do all."""
        readonly = _readonly(asked)
        if readonly == READ_ONLY and re.match(r"\s*SET\b", asked.sql, re.IGNORECASE):
            raise EngineError(164, "Cannot modify settings in readonly mode. (READONLY)")
        for name, value in asked.settings.items():
            if readonly != READ_ONLY and (readonly != CHANGES_SETTINGS or name != "readonly"):
                continue
            (current,) = self._values(f"SELECT getSetting('{quoted(name)}')", connection)
            if value != (readonly if name == "readonly" else current):
                raise EngineError(164, f"Cannot modify '{name}' setting in readonly mode. (READONLY)")

    @staticmethod
    def _set(connection: Any, settings: Mapping[str, str]) -> None:
        for name in settings:
            if not re.fullmatch(r"\w+", name):
                raise EngineError(115, f"Unknown setting '{name}'. (UNKNOWN_SETTING)")
        if settings:
            connection.query("SET " + ", ".join(f"`{name}` = '{quoted(value)}'" for name, value in settings.items()))


def _readonly(asked: Asked) -> str:
    """What the requesting user may do; a GET changes nothing, whichever user sends it."""
    return USERS[asked.user].settings.get("readonly", CHANGES_SETTINGS if asked.by_get else "0")


def quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _summary(result: Any) -> dict[str, str]:
    counted = {
        "read_rows": "storage_rows_read",
        "read_bytes": "storage_bytes_read",
        "written_rows": "rows_written",
        "written_bytes": "bytes_written",
        "total_rows_to_read": "storage_rows_read",
        "result_rows": "rows_read",
        "result_bytes": "bytes_read",
    }
    # Older versions of chDB count less.
    summary = {name: str(getattr(result, attribute, int)()) for name, attribute in counted.items()}
    return summary | {"elapsed_ns": str(int(result.elapsed() * 1e9))}
