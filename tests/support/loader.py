"""Functions that look at a folder's data, or load into it until something kills them, in a process of their own.

`load` prints the answers that the folder gives, then loads the files with --replace. MARKER is a piece of a statement
or of inserted values: DELAY seconds after the statement that has it begins, or right after it ends where DELAY is
`after`, the process kills itself as `kill -9` does. With MARKER `-` it loads to the end, and prints the answers once
more.
"""

import json
import os
import signal
import tempfile
import threading
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from litestar.testing import TestClient

from app.discovery.sources.timed_lookups import LookupTimeouts
from app.main import create_app
from app.settings import Settings
from app.warehouse.engines.embedded import EmbeddedEngine
from app.warehouse.loading.ingest import ingest
from tests.support.server import NOWHERE, REPOSITORY, environment
from tests.support.zygote import Fork, fork

PATHS = [
    "/api/packages/numpy/overall",
    "/api/packages/numpy/version",
    "/api/packages/new/installer",
    "/api/packages/__all__/system",
    "/api/packages/numpy/summary",
    "/api/recent?package=numpy&package=new&package=old",
    "/api/top?period=week",
    "/api/search?q=n",
]
LEFT = """
SELECT (SELECT count() FROM incoming) + (
    SELECT count() FROM (SELECT version FROM downloads_daily UNION ALL SELECT version FROM overall_daily)
    WHERE version NOT IN (SELECT version FROM loads WHERE state = 'published')
)
"""
OF_LEFT = {"incoming", "downloads_daily", "overall_daily", "loads"}


def look(data: Path) -> dict[str, Any]:
    """The answers that a folder gives, by path, as (status, body); and what its tables hold besides (`facts`)."""
    with tempfile.TemporaryDirectory() as folder:
        process = _fork("print_answers", str(data), stdout=Path(folder, "log"))
        assert process.wait() == 0, process.output()
        found: dict[str, Any] = printed(process)[-1]
        return found


def start_load(data: Path, marker: str, delay: str, *files: str, log: Path) -> Fork:
    """`load` below, which runs and writes to a file."""
    log.unlink(missing_ok=True)
    return _fork("load", str(data), marker, delay, *files, stdout=log)


def printed(process: Fork) -> list[dict[str, Any]]:
    """The answers that a process has printed, each time that it has."""
    return [json.loads(line) for line in process.output().splitlines() if line.startswith("{")]


def _fork(function: str, *arguments: str, stdout: Path) -> Fork:
    name = f"tests.support.loader:{function}"
    return fork(name, *arguments, cwd=REPOSITORY, environment=environment(), stdout=stdout)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def answers(folder: Path) -> dict[str, Any]:
    """Every answer's status and body; and what the tables hold besides."""
    settings = Settings(clickhouse_url=f"chdb://{folder}", pypi_api_url=NOWHERE)
    # PyPI is not there: an answer about downloads does not wait for it.
    with TestClient(create_app(settings, lookup_timeouts=LookupTimeouts(statistics=0))) as client:
        return {path: [(answer := client.get(path)).status_code, answer.json()] for path in PATHS}


def deadly(client: Client, marker: str, delay: str) -> Client:
    """A client that kills the process at the marked statement."""

    def wrap(name: str) -> None:
        method = getattr(client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if marker not in f"{args} {kwargs}".replace("\\", ""):
                return method(*args, **kwargs)
            if delay != "after":
                threading.Timer(float(delay), die).start()
                return method(*args, **kwargs)
            result = method(*args, **kwargs)
            die()
            return result

        setattr(client, name, call)

    for name in ("command", "insert", "query"):
        wrap(name)
    return client


def print_answers(arguments: list[str]) -> None:
    """What `look` gives; the only argument is the folder."""
    data = Path(arguments[0])
    engine = EmbeddedEngine(data, "pypi")
    with engine.client() as client:
        tables = [name for (name,) in client.query("SHOW TABLES").result_rows]
        # A load that was killed while it made the tables has no rows.
        left = client.query(LEFT).result_rows[0][0] if set(tables) >= OF_LEFT else 0
        parts = client.query("SELECT count() FROM system.detached_parts").result_rows[0][0]
    found = answers(data)
    engine.close()
    print(json.dumps(found | {"facts": {"left": left, "tables": tables, "detached": parts}}), flush=True)


def load(arguments: list[str]) -> None:
    folder, marker, delay, *files = arguments
    data = Path(folder)
    print(json.dumps(answers(data)), flush=True)
    engine = EmbeddedEngine(data, "pypi")
    connect = engine.client if marker == "-" else lambda: deadly(engine.client(), marker, delay)
    ingest(connect, files, replace=True)
    if marker != "-":
        threading.Event().wait(10)  # for what is to kill it later than it has loaded
    with engine.client() as client:
        left = client.query(
            "SELECT count() FROM (SELECT version FROM downloads_daily UNION ALL SELECT version FROM overall_daily) "
            "WHERE version NOT IN (SELECT version FROM loads WHERE state = 'published')"
        ).result_rows[0][0]
        tables = client.query("SELECT name FROM system.tables WHERE database = 'pypi' ORDER BY name").result_rows
        started = client.query("SELECT uniqExact(load) FROM loads").result_rows[0][0]
    engine.close()
    facts = {"left": left, "tables": [name for (name,) in tables], "loads": started}
    print(json.dumps(answers(data) | {"facts": facts}), flush=True)
