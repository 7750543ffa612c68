"""An embedded engine: a folder, the clients of this process on it, and the lock that keeps other processes out.

The engine keeps one folder per process and is synchronous; a client serves one thread. So readers share a few threads,
each with a client of its own.
"""

import asyncio
import fcntl
import itertools
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from app.settings import SettingError
from app.warehouse.engines.connection import (
    DEFAULT_READER_LIMITS,
    NO_SETTINGS,
    Columns,
    QuerySettings,
    ReaderLimits,
)
from app.warehouse.engines.errors import WarehouseError, WarehouseInUseError, WarehouseUnavailableError, translated
from app.warehouse.loading.statements import command, statement

READER_THREADS = 32
"""At most: a thread starts when none is free. MAX_QUERIES bounds the queries that run at once."""
HOLDER_FILE = "pypistats-server.lock"
VERSION_FILE = "pypistats-server.engine"
"""Holds the version of the engine that has opened the folder last."""

SESSION_SETTINGS: Mapping[str, Any] = {
    # The engine takes the host's time zone otherwise; a day is a UTC day.
    "session_timezone": "UTC",
    # Compilation of a query on the journal takes ten times as long as the query.
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
    "compile_sort_description": 0,
}

_readers = itertools.count()


def embedded_folder(url: str, setting: str = "CLICKHOUSE_URL") -> Path:
    """The folder that a `chdb://` URL names: `chdb:///var/lib/x` absolute, `chdb://x` below the working directory.

    Raises SettingError for a URL that names none.
    """
    parts = urlsplit(url)
    folder = unquote(parts.netloc + parts.path)
    if not folder.strip("/") or parts.query or parts.fragment:
        raise SettingError(f"{setting}: an embedded ClickHouse is chdb:///path/to/folder")
    return Path(folder).absolute()


class EmbeddedEngine:
    """An embedded engine in a folder. The process that has one open is the only one that can.

    Raises WarehouseInUseError where another process has it, SettingError where chDB is not installed.
    """

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.database = database
        self._lock = _FolderLock(folder)
        try:
            with _place_for_temporary_files(folder):
                _refuse_newer(folder)
                with translated(), self.client(database=None) as client:
                    client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
                    _write_version(folder, str(client.server_version))
        except BaseException:
            self._lock.release()
            raise

    @property
    def where(self) -> str:
        return f"embedded in {self.folder}"

    def client(self, database: str | None = "") -> Client:
        """A new client, for one thread. The caller closes it."""
        try:
            return clickhouse_connect.get_client(
                interface="chdb",
                path=str(self.folder),
                database=self.database if database == "" else database,
                settings=dict(SESSION_SETTINGS),
            )
        except ImportError:
            raise SettingError("an embedded ClickHouse needs chDB: pip install 'pypistats-server[embedded]'") from None
        except ClickHouseError as error:
            raise WarehouseUnavailableError(f"{self.folder} cannot be opened as a folder of ClickHouse") from error

    def reader(self, limits: ReaderLimits = DEFAULT_READER_LIMITS) -> "EmbeddedReader":
        return EmbeddedReader(self, limits)

    def close(self) -> None:
        """Leave the folder to the next process. All clients and readers must be closed before."""
        self._lock.release()


def _refuse_newer(folder: Path) -> None:
    """Raise WarehouseUnavailableError for a folder that a newer engine has written.

    Before the engine looks into the folder: it would detach the parts that it cannot read, and answer without them.
    """
    try:
        written = (folder / VERSION_FILE).read_text(encoding="utf-8").strip()
        ours = import_module("chdb").engine_version
    except (OSError, ImportError):
        return
    if _numbers(written) > _numbers(ours):
        raise WarehouseUnavailableError(
            f"{folder} was written by ClickHouse {written}, which this one, {ours}, cannot read: "
            "pip install --upgrade chdb"
        )


def _write_version(folder: Path, version: str) -> None:
    """Keep which engine writes the folder."""
    file = folder / VERSION_FILE
    with suppress(OSError):
        # A full disk does not prevent reading.
        if not file.exists() or file.read_text(encoding="utf-8").strip() != version:
            file.write_text(f"{version}\n", encoding="utf-8")


def _numbers(version: str) -> list[int]:
    """The year and the month of a version."""
    return [int(part) for part in version.split(".")[:2] if part.isdecimal()]


@contextmanager
def _place_for_temporary_files(folder: Path) -> Iterator[None]:
    """Let the engine write temporary files while the block runs: into its own folder where no other can be written.

    chDB writes some when it is imported, which the first client does, and looks only at TMPDIR for a place. The driver
    writes a file for each insert, so where Python has found no folder for temporary files, the engine's stays it.
    """
    before = os.environ.get("TMPDIR")
    try:
        os.environ["TMPDIR"] = tempfile.gettempdir()
    except FileNotFoundError:
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        del os.environ["TMPDIR"]
        if before is not None:
            os.environ["TMPDIR"] = before


class EmbeddedReader:
    """Async queries on an embedded engine: as many at once as it has threads, the rest wait their turn."""

    def __init__(self, engine: EmbeddedEngine, limits: ReaderLimits) -> None:
        self._engine = engine
        self._limits = limits
        self._clients: list[Client] = []
        self._local = threading.local()
        self._executor = ThreadPoolExecutor(READER_THREADS, thread_name_prefix="clickhouse")
        self._comment = f"pypistats-server reader {next(_readers)}."

    def _client(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._engine.client()
            client.set_client_setting("max_execution_time", self._limits.query_seconds)
            client.set_client_setting("max_result_rows", self._limits.max_rows)
            client.set_client_setting("log_comment", self._comment)
            self._clients.append(client)
        return client

    def _query(self, sql: str, parameters: Mapping[str, Any], settings: QuerySettings) -> Columns:
        with translated():
            return (
                self._client()
                .query(sql, parameters=dict(parameters), settings=dict(settings), column_oriented=True)
                .result_set
            )

    async def query(self, sql: str, parameters: Mapping[str, Any], settings: QuerySettings = NO_SETTINGS) -> Columns:
        """What a query returns. Raises WarehouseError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                return await loop.run_in_executor(self._executor, self._query, sql, parameters, settings)
        except TimeoutError:
            raise WarehouseUnavailableError("ClickHouse did not answer in time") from None

    async def close(self) -> None:
        """Stop the queries that run, whose results are no longer awaited, and close the clients."""
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        with suppress(WarehouseError), self._engine.client() as client:
            command(client, statement("stop"), {"comment": self._comment})
        self._executor.shutdown(wait=True)
        for client in self._clients:
            client.close()


class _FolderLock:
    """One process at a time in an engine's folder, and a name for the one that is there.

    The engine locks its folder too, but does not say so in words that help. Within a process the lock is shared.
    """

    _held: ClassVar[dict[Path, tuple[int, int]]] = {}
    _guard = threading.Lock()

    def __init__(self, folder: Path) -> None:
        self._path = folder / HOLDER_FILE
        with self._guard:
            descriptor, holders = self._held.get(self._path, (-1, 0))
            if not holders:
                descriptor = self._acquire()
            self._held[self._path] = (descriptor, holders + 1)

    def _acquire(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise WarehouseUnavailableError(f"{self._path.parent} cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 4096)
            os.close(descriptor)
            raise WarehouseInUseError(self._who(holder)) from None
        os.ftruncate(descriptor, 0)
        with suppress(OSError):
            # The lock holds without a name too, and a full disk does not prevent reading.
            os.write(descriptor, json.dumps({"pid": os.getpid(), "command": _command()}).encode())
        return descriptor

    def _who(self, holder: bytes) -> str:
        try:
            values = json.loads(holder)
            who = f"process {values['pid']} ({values['command']})"
        except (ValueError, KeyError, TypeError):
            who = "another process"
        return (
            f"{self._path.parent} is in use by {who}, and an embedded ClickHouse serves one process at a time. "
            "Stop that process first; or, if it is a running server, start it with --watch FOLDER and move the files "
            "into that folder: it loads them while it serves."
        )

    def release(self) -> None:
        with self._guard:
            descriptor, holders = self._held[self._path]
            if holders > 1:
                self._held[self._path] = (descriptor, holders - 1)
                return
            del self._held[self._path]
            # Emptied, not removed: a file removed under a waiting process would give two holders.
            os.ftruncate(descriptor, 0)
            os.close(descriptor)


def _command() -> str:
    """How this process was started, without what its arguments may hold."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
