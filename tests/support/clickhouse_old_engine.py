"""The engine behind the facade in older versions of chDB: one statement at a time, in a process of its own.

Their connections share one set of settings: what a statement sets is taken back by the next. The oldest does not
outlive an error: then the next statement has a new process. Rights are not looked at.
"""

import multiprocessing
import os
import re
import threading
from multiprocessing.connection import Connection
from pathlib import Path

import chdb
from chdb.session import Session

from tests.support.clickhouse_engine import Asked, EngineError, Quota, Result, quoted
from tests.support.clickhouse_users import USERS

NO_SUMMARY = dict.fromkeys(("read_rows", "read_bytes", "written_rows", "written_bytes", "result_rows"), "0")

INFILE = re.compile(r"\bFROM\s+INFILE\s+'([^']*)'\s+FORMAT\s+(\w+)\s*$")

_processes = multiprocessing.get_context("spawn")


class OldEngine:
    """Runs statements as `Engine` does, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._guard = threading.Lock()
        self._worker: Connection | None = None
        self._current: dict[str, str] = {}
        self._database = ""
        self.quota: Quota | None = None
        about = self._query("SELECT version(), timezone(), toString(getSetting('enable_http_compression'))", "TSVRaw")
        lines = self._query("SELECT name, value FROM system.settings", "TSVRaw").decode().splitlines()
        self._defaults = dict(line.split("\t", maxsplit=1) for line in lines if "\t" in line)
        self.version, self.timezone, self.compresses = about.decode().removesuffix("\n").split("\t")

    def run(self, asked: Asked) -> Result:
        """Run a statement. Raises EngineError."""
        statement = self.quota.count(asked) if self.quota else asked.sql
        settings = USERS[asked.user].settings | asked.settings
        settings.pop("readonly", None)
        for name in settings:
            if name not in self._defaults:
                raise EngineError(115, f"Unknown setting '{name}'. (UNKNOWN_SETTING)")
        # What is set stays set for all statements, text cannot be taken back, and the oldest cannot even read it again:
        # so no comments, and UTC by the process's own zone.
        sql = _with_token(statement, settings.get("insert_deduplication_token", ""))
        settings = {name: value for name, value in settings.items() if value.isdecimal()}
        with self._guard:
            wanted = {name: self._defaults[name] for name in self._current} | settings
            for name, value in wanted.items():
                if self._current.get(name, self._defaults[name]) != value:
                    self._query(f"SET `{name}` = '{quoted(value)}'", "TSV")
                    self._current[name] = value
            if asked.database and asked.database != self._database:
                self._query(f"USE `{asked.database}`", "TSV")
                self._database = asked.database
            given = [f"SET param_{name} = '{quoted(value)}'" for name, value in asked.parameters.items()]
            body = self._query(";\n".join([*given, sql]), asked.format)
        return Result(body, NO_SUMMARY, asked.settings.get("session_timezone") or self.timezone)

    def _query(self, sql: str, named: str) -> bytes:
        if self._worker is None:
            self._worker, theirs = _processes.Pipe()
            _processes.Process(target=_work, args=(self._folder, theirs), daemon=True).start()
            theirs.close()
        self._worker.send((sql, named))
        try:
            body, error, has_ended = self._worker.recv()
        except EOFError:
            body, error, has_ended = b"", "Code: 236. DB::Exception: The engine has ended. (ABORTED)", True
        if has_ended:
            # The folder keeps the settings of the oldest.
            self._worker, self._database = None, ""
        if error:
            raise EngineError.of(RuntimeError(error))
        done: bytes = body
        return done


def _with_token(sql: str, token: str) -> str:
    """An insert with its token in itself, by a query: the oldest mistakes the columns of what is inserted by INFILE."""
    sql = INFILE.sub(r"SELECT * FROM file('\1', '\2')", sql)
    return f"{sql} SETTINGS insert_deduplication_token = '{token}'" if token else sql


def _work(folder: str, asked: Connection) -> None:
    """Run requests until the input ends."""
    os.environ["TZ"] = "UTC"
    session, ends_with_error = Session(folder), not hasattr(chdb, "connect")
    while True:
        try:
            sql, named = asked.recv()
        except EOFError:
            os._exit(0)
        try:
            asked.send((session.query(sql, named).bytes(), "", False))
        except Exception as error:  # chDB raises classes of its own that it does not export
            asked.send((b"", str(error), ends_with_error))
            if ends_with_error:
                os._exit(0)
