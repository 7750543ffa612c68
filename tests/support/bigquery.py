"""BigQuery for tests: an emulator in a process of its own, and a proxy before it that refuses what BigQuery refuses.

python -m tests.support.bigquery

installs the emulator into a virtual environment of its own below .compat/. Tests that need it are skipped without it.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from app.settings import Settings
from app.warehouse.sources.bigquery import BigQuery
from tests.support.server import REPOSITORY, free_port

HOME = REPOSITORY / ".compat" / "bigquery-emulator"
PYTHON = HOME / "bin" / "python"
READY = HOME / "ready"
PACKAGES = Path(__file__).with_name("bigquery_emulator.txt")
START_SECONDS = 60
PROJECT = "test-project"
DATASET = f"{PROJECT}.pypi"

# DuckDB, on which the emulator runs, would otherwise download its extension when it starts.
INSTALL_EXTENSION = """
import duckdb, duckdb_extension_spatial, pathlib
(file,) = pathlib.Path(duckdb_extension_spatial.__file__).parent.rglob("spatial.duckdb_extension")
duckdb.execute(f"INSTALL '{file}'")
"""

# The columns of PyPI's table.
COLUMNS = {
    "timestamp": "TIMESTAMP",
    "country_code": "STRING",
    "url": "STRING",
    "project": "STRING",
    "file": dict.fromkeys(("filename", "project", "version", "type"), "STRING"),
    "details": {
        "installer": dict.fromkeys(("name", "version"), "STRING"),
        "python": "STRING",
        "implementation": dict.fromkeys(("name", "version"), "STRING"),
        "distro": {
            **dict.fromkeys(("name", "version", "id"), "STRING"),
            "libc": dict.fromkeys(("lib", "version"), "STRING"),
        },
        "system": dict.fromkeys(("name", "release"), "STRING"),
        **dict.fromkeys(("cpu", "openssl_version", "setuptools_version", "rustc_version"), "STRING"),
        "ci": "BOOLEAN",
    },
    "tls_protocol": "STRING",
    "tls_cipher": "STRING",
}


class Proxy(ThreadingHTTPServer):
    """An address that passes requests on to the emulator.

    It adds what a query reads, and refuses one that may be billed more than its limit: the emulator has no bytes.
    """

    day_bytes = 0
    """The bytes that a query of one day reads."""
    refusal: tuple[int, str] | None = None
    """The status and the reason with which queries are refused."""

    def __init__(self, emulator: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.emulator = httpx.Client(base_url=emulator, timeout=600)
        self.queries: list[dict[str, Any]] = []
        """The configurations of the queries that were sent."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def table(self, name: str) -> "Table":
        """An empty table."""
        self.day_bytes, self.refusal = 0, None
        self.queries.clear()
        return Table(self, name)

    def answer_query(self, job: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        """The status and body with which BigQuery refuses a query; None if it runs it."""
        query = job["configuration"]["query"]
        self.queries.append(job["configuration"])
        if self.refusal:
            status, reason = self.refusal
            error = {"reason": reason, "message": "secret details"}
            return status, {"error": {"code": status, "message": "secret details", "errors": [error]}}
        if self.bytes_of(query) > int(query.get("maximumBytesBilled", sys.maxsize)):
            error = {"reason": "bytesBilledLimitExceeded", "message": "Query exceeded limit for bytes billed: secret"}
            return 200, {**job, "status": {"state": "DONE", "errorResult": error, "errors": [error]}}
        return None

    def bytes_of(self, query: Mapping[str, Any]) -> int:
        """What a query reads: a number of bytes for each day between its parameters @start and @end."""
        values = {p["name"]: p["parameterValue"].get("value") for p in query.get("queryParameters", ())}
        if "start" not in values:
            return 0
        start, end = (datetime.fromisoformat(values[name]) for name in ("start", "end"))
        return self.day_bytes * (end - start).days


class _Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        job = json.loads(body) if self.command == "POST" and self.path.partition("?")[0].endswith("/jobs") else None
        refused = self.server.answer_query(job) if job else None
        if refused:
            self._send(refused[0], json.dumps(refused[1]).encode())
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}}
        answer = self.server.emulator.request(self.command, self.path, content=body, headers=headers)
        self._send(answer.status_code, self._with_bytes(answer.json(), job) if job else answer.content)

    def _with_bytes(self, answer: dict[str, Any], job: Mapping[str, Any]) -> bytes:
        read = str(self.server.bytes_of(job["configuration"]["query"]))
        query = answer.setdefault("statistics", {}).setdefault("query", {})
        query |= {"totalBytesProcessed": read, "totalBytesBilled": read}
        return json.dumps(answer).encode()

    def _send(self, status: int, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()


class Table:
    """A table with the columns of PyPI's, partitioned and clustered as it is."""

    def __init__(self, proxy: Proxy, name: str, columns: Mapping[str, Any] = COLUMNS) -> None:
        self.proxy = proxy
        self.name = f"{DATASET}.{name}"
        table = bigquery.Table(self.name, [_field(*column) for column in columns.items()])
        table.time_partitioning = bigquery.TimePartitioning("DAY", "timestamp")
        table.clustering_fields = ["project"]
        with self._client() as client:
            client.create_dataset(DATASET, exists_ok=True)
            client.create_table(table)

    def write(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Add events."""
        rows = [{**event, "timestamp": _utc(event["timestamp"])} for event in events]
        with self._client() as client:
            assert client.insert_rows_json(self.name, rows) == []

    def source(self, **options: Any) -> BigQuery:
        """The source of it; `options` are settings, or arguments of BigQuery."""
        arguments = {name: options.pop(name) for name in {"now", "patience"} & options.keys()}
        where = {
            "bigquery_project": PROJECT,
            "bigquery_table": self.name,
            "bigquery_api_endpoint": self.proxy.url,
        }
        return BigQuery(Settings(**{**where, **options}), **arguments)

    def _client(self) -> bigquery.Client:
        return bigquery.Client(PROJECT, AnonymousCredentials(), client_options={"api_endpoint": self.proxy.url})


def _field(name: str, kind: str | Mapping[str, Any]) -> bigquery.SchemaField:
    if isinstance(kind, str):
        return bigquery.SchemaField(name, kind)
    return bigquery.SchemaField(name, "RECORD", fields=[_field(*part) for part in kind.items()])


def _utc(timestamp: str) -> str:
    instant = datetime.fromisoformat(timestamp.replace(" UTC", "+00:00")).astimezone(UTC)
    return instant.strftime("%Y-%m-%d %H:%M:%S.%f UTC")


@pytest.fixture(scope="session")
def bigquery_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """BigQuery, as far as the emulator goes."""
    if not READY.exists():
        pytest.skip("BigQuery's emulator is not installed: make emulator")
    with running_emulator(tmp_path_factory.mktemp("bigquery") / "log") as url, Proxy(url) as proxy, proxy.emulator:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        yield proxy
        proxy.shutdown()
        thread.join()


@contextmanager
def running_emulator(log: Path) -> Iterator[str]:
    """An empty emulator for as long as the block lasts; gives its base URL. Skips the test if it does not start."""
    port = free_port()
    ports = ["--rest-port", str(port), "--grpc-port", "0"]
    variables = {"HOME": str(HOME), "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false", "BQEMU_QUERY_CACHE_TTL_SECONDS": "0"}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [HOME / "bin" / "bqemulator", "start", *ports, "--log-level", "error"],
            env={**os.environ, **variables},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        if not _is_up(process, url):
            pytest.skip(f"BigQuery's emulator does not start: {log.read_text(errors='replace')[-500:]}")
        yield url
    finally:
        process.kill()
        process.wait()


def _is_up(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return True
    return False


def install() -> None:
    """Install the emulator, unless it is there."""
    if READY.exists() and READY.stat().st_mtime > PACKAGES.stat().st_mtime:
        return
    subprocess.run([sys.executable, "-m", "venv", HOME], check=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", PACKAGES], check=True)
    subprocess.run([PYTHON, "-c", INSTALL_EXTENSION], check=True, env={**os.environ, "HOME": str(HOME)})
    READY.touch()


if __name__ == "__main__":
    install()
