"""The engine behind the facade in older versions of chDB, which keep settings for all: one statement at a time.

What a request sets is taken back by the next. Rights are not looked at: `readonly` could not be taken back.
"""

import re
import threading
from pathlib import Path
from typing import Any

from chdb.session import Session

from tests.support.clickhouse_engine import Asked, EngineError, Quota, Result, quoted
from tests.support.clickhouse_users import USERS


class OldEngine:
    """Runs statements as `Engine` does, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._session = Session(str(folder))
        self._guard = threading.Lock()
        self._was_set: set[str] = set()
        self.quota: Quota | None = None
        self.version, self.timezone = self._query("SELECT version(), timezone()").decode().strip().split("\t")
        self.compresses = self._query("SELECT toString(getSetting('enable_http_compression'))").decode().strip()

    def _query(self, sql: str, named: str = "TSVRaw") -> bytes:
        body: bytes = self._session.query(sql, named).bytes()
        return body

    def run(self, asked: Asked) -> Result:
        """Run a statement in the calling thread. Raises EngineError."""
        if self.quota:
            self.quota.count(asked)
        settings = USERS[asked.user].settings | asked.settings
        settings.pop("readonly", None)
        for name in settings:
            if not re.fullmatch(r"\w+", name):
                raise EngineError(115, f"Unknown setting '{name}'. (UNKNOWN_SETTING)")
        with self._guard:
            try:
                self._apply(settings)
                body = self._query(f"{_use(asked)}{_parameters(asked)}{asked.sql}", asked.format)
            except Exception as error:  # chDB raises classes of its own that it does not export
                raise EngineError.of(error) from None
        return Result(body, _NO_SUMMARY, asked.settings.get("session_timezone") or self.timezone)

    def _apply(self, settings: dict[str, Any]) -> None:
        for name in sorted(self._was_set - settings.keys()):
            self._query(f"SET `{name}` = DEFAULT")
        self._was_set = set()
        for name, value in settings.items():
            self._query(f"SET `{name}` = '{quoted(value)}'")
            self._was_set.add(name)


_NO_SUMMARY = dict.fromkeys(("read_rows", "read_bytes", "written_rows", "written_bytes", "result_rows"), "0")


def _use(asked: Asked) -> str:
    return f"USE `{asked.database}`; " if asked.database else ""


def _parameters(asked: Asked) -> str:
    return "".join(f"SET param_{name} = '{quoted(value)}'; " for name, value in asked.parameters.items())
