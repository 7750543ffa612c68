"""A ClickHouse server over HTTP: what is sent to it, what its faults are, and that an app outlives them."""

import asyncio
import http.server
import logging
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from litestar.testing import TestClient

from app.cache.timing import CacheTiming
from app.main import create_app
from app.settings import Secret, Settings
from app.warehouse.engines.connection import DEFAULT_READER_LIMITS, ReaderLimits
from app.warehouse.engines.errors import QueryFailedError, WarehouseUnavailableError
from app.warehouse.engines.server import ServerEngine, ServerReader, server_address
from tests.support.answers import assert_problem, body, eventually
from tests.support.clickhouse_users import USERS
from tests.support.dataset import NOON, Dataset
from tests.support.events import event, write_jsonl
from tests.support.facade import Facade, running_facade
from tests.support.fixtures import Backend
from tests.support.load import wait_until
from tests.support.server import run, started

CERTIFICATE = Path(__file__).parent / "support" / "self_signed.pem"
ROWS = "SELECT number FROM numbers({n:UInt64})"


def server_of(
    facade: Facade, user: str = "api", password: str | None = None, database: str = "default"
) -> ServerEngine:
    secret = Secret(USERS[user].password if password is None else password)
    return ServerEngine(server_address(facade.url), user, secret, database)


@contextmanager
def variables(dataset: Dataset, user: str = "api", **changes: str) -> Iterator[dict[str, str]]:
    """The environment of a command that reads a data set."""
    yield {
        "CLICKHOUSE_URL": dataset.settings.clickhouse_url,
        "CLICKHOUSE_USER": user,
        "CLICKHOUSE_PASSWORD": USERS[user].password,
        "CLICKHOUSE_DATABASE": dataset.settings.clickhouse_database,
        **changes,
    }


@pytest.mark.parametrize(
    ("user", "limits"),
    [
        ("api", {"max_execution_time": "30", "max_result_rows": "500000", "session_timezone": "UTC"}),
        # A limit of the user's own that is lower stays.
        ("hurried", {"max_execution_time": "5", "max_result_rows": "500000", "session_timezone": "UTC"}),
        # The public data set's user may change nothing, and is sent nothing.
        ("demo", {}),
    ],
)
async def test_every_query_has_limits_that_its_user_may_set(facade: Facade, user: str, limits: dict[str, str]) -> None:
    facade.requests()
    reader = server_of(facade, user).reader()
    assert await reader.query(ROWS, {"n": 3}) == [[0, 1, 2]]
    await reader.query(ROWS, {"n": 3})
    await reader.close()

    queries = [seen["parameters"] for seen in facade.requests() if "numbers" in seen["sql"]]
    assert len(queries) == 2
    for parameters in queries:
        assert {name: parameters[name] for name in parameters if name.startswith(("max_", "session_"))} == limits
        assert parameters["param_n"] == "3"
    if user == "demo":
        assert set(parameters) == {"database", "wait_end_of_query", "query_id", "param_n"}


async def test_answers_are_compressed(facade: Facade) -> None:
    facade.requests()
    reader = server_of(facade).reader()
    await reader.query(ROWS, {"n": 3})
    await reader.close()

    (seen,) = [seen for seen in facade.requests() if "numbers" in seen["sql"]]
    assert {"lz4", "zstd"} <= set(seen["accepts"].split(","))


FAULTS: list[dict[str, Any]] = [
    {"kind": "refuse"},
    {"kind": "hang"},
    {"kind": "error", "code": 241},
    {"kind": "error", "code": 201},
    {"kind": "error", "code": 202, "status": 503},
    {"kind": "error", "code": 0, "status": 502},
    {"kind": "cut"},
    {"kind": "exception", "code": 241},
    {"kind": "exception", "code": 395},
    {"kind": "garbage"},
]


@pytest.mark.parametrize("connected", [True, False], ids=["connected", "not-yet"])
@pytest.mark.parametrize("user", ["api", "demo"], ids=["compressed", "plain"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(map(str, fault.values())))
async def test_every_fault_is_an_error_of_ours_and_passes(
    facade: Facade, fault: dict[str, Any], user: str, connected: bool
) -> None:
    reader = server_of(facade, user).reader()
    if connected:
        assert list(map(len, await reader.query(ROWS, {"n": 900}))) == [900]
    reader.limits = ReaderLimits(answer_seconds=0.5)
    with facade.broken(**fault):
        for _ in range(2):
            with pytest.raises(WarehouseUnavailableError):
                await reader.query(ROWS, {"n": 900})
    reader.limits = DEFAULT_READER_LIMITS
    assert list(map(len, await reader.query(ROWS, {"n": 900}))) == [900]
    await reader.close()


async def test_answers_that_do_not_end_hold_up_no_other(facade: Facade) -> None:
    reader = server_of(facade).reader()
    await reader.query(ROWS, {"n": 3})
    with facade.broken("drip", seconds=60):
        hanging = [asyncio.create_task(reader.query(ROWS, {"n": 900})) for _ in range(25)]
        await asyncio.to_thread(wait_until, lambda: facade.counts()["slowed"] == len(hanging))
    async with asyncio.timeout(20):
        found = await reader.query(ROWS, {"n": 3})
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    await reader.close()

    assert found == [[0, 1, 2]]


async def test_the_event_loop_keeps_its_own_threads(facade: Facade) -> None:
    """Those of a reader are for nothing else, and end with it."""
    before = set(threading.enumerate())
    reader = server_of(facade).reader()
    await reader.query(ROWS, {"n": 3})
    readers = set(threading.enumerate()) - before
    other = await asyncio.to_thread(threading.current_thread)
    await reader.close()

    assert readers
    assert {thread.name.rpartition("_")[0] or thread.name for thread in readers} == {"clickhouse-reader"}
    assert other not in readers
    assert not [thread for thread in readers if thread.is_alive()]


async def test_a_bug_is_no_outage(facade: Facade) -> None:
    reader = server_of(facade).reader()
    with pytest.raises(QueryFailedError, match="UNKNOWN_TABLE") as error:
        await reader.query("SELECT * FROM nope", {})
    await reader.close()

    assert error.value.code == 60


@pytest.mark.parametrize(
    ("user", "password", "database", "says"),
    [
        ("api", "hush-hush", "default", "ClickHouse refuses the user or the password: see CLICKHOUSE_USER"),
        ("api", None, "nope", "ClickHouse has no such database: see CLICKHOUSE_DATABASE"),
    ],
)
async def test_what_an_operator_has_to_mend_is_said(
    facade: Facade, caplog: pytest.LogCaptureFixture, user: str, password: str | None, database: str, says: str
) -> None:
    server = server_of(facade, user, password, database)
    reader = server.reader()
    with caplog.at_level(logging.DEBUG), pytest.raises(WarehouseUnavailableError, match=says):
        await reader.query("SELECT 1", {})
    await reader.close()
    with pytest.raises(WarehouseUnavailableError, match=says):
        server.client()

    assert "hush" not in caplog.text


async def test_a_clickhouse_that_is_too_old_is_refused_in_a_sentence(facade: Facade) -> None:
    address, password = server_address(facade.url), Secret(USERS["api"].password)
    server = ServerEngine(address, "api", password, "default", oldest_version=(99, 1))
    reader = server.reader()
    says = r"^ClickHouse is version [\d.]+: 99\.1 or newer is needed$"
    with pytest.raises(WarehouseUnavailableError, match=says):
        await reader.query("SELECT 1", {})
    await reader.close()
    with pytest.raises(WarehouseUnavailableError, match=says):
        server.client()


@pytest.fixture
def tls_port() -> Iterator[int]:
    """A port that speaks TLS, with a self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


async def test_certificates_are_verified(tls_port: int) -> None:
    reader = ServerReader(ServerEngine(server_address(f"https://127.0.0.1:{tls_port}"), "demo", Secret(""), "pypi"))
    with pytest.raises(WarehouseUnavailableError, match="its certificate cannot be verified"):
        await reader.query("SELECT 1", {})
    await reader.close()


async def test_tls_where_there_is_none(facade: Facade) -> None:
    reader = ServerReader(ServerEngine(server_address(f"https://127.0.0.1:{facade.port}"), "demo", Secret(""), "pypi"))
    with pytest.raises(WarehouseUnavailableError, match="no TLS where https:// expects it"):
        await reader.query("SELECT 1", {})
    await reader.close()


async def test_a_name_that_nobody_has() -> None:
    reader = ServerReader(ServerEngine(server_address("http://nobody.invalid"), "demo", Secret(""), "pypi"))
    with pytest.raises(WarehouseUnavailableError, match="its host's name is unknown"):
        await reader.query("SELECT 1", {})
    await reader.close()


def test_days_are_utc_days_wherever_the_server_is(tmp_path: Path) -> None:
    events = [event(f"2026-03-{time} UTC") for time in ("09 23:59:59", "10 00:00:00", "10 23:59:59")]
    with running_facade(tmp_path / "server", TZ="Pacific/Kiritimati") as facade:
        writer = server_of(facade, "ingest", database="pypi")
        with writer.client(database=None) as client:
            assert client.command("SELECT serverTimezone()") == "Pacific/Kiritimati"
            client.command("CREATE DATABASE pypi")
        settings = Settings(
            clickhouse_url=facade.url, pypi_api_url="http://127.0.0.1:9", local_index_cache_dir=str(tmp_path / "index")
        )
        dataset = Dataset(tmp_path, writer, settings)
        dataset.make_tables()
        days = dataset.load(events)
        with dataset.client() as client:
            series = body(client.get("/api/packages/numpy/overall?mirrors=false"))

    assert [(day.date.isoformat(), day.events) for day in days] == [("2026-03-09", 1), ("2026-03-10", 2)]
    assert [(row["date"], row["downloads"]) for row in series["data"]] == [("2026-03-09", 1), ("2026-03-10", 2)]


class TestOverHTTP:
    """Apps and commands on a server."""

    pytestmark = pytest.mark.only_backend(Backend.HTTP)

    def test_a_server_that_comes_later_is_found(self, facade: Facade, dataset: Dataset) -> None:
        dataset.load([event()])
        client = TestClient(dataset.app(), raise_server_exceptions=False)
        with ExitStack() as stack:
            with facade.broken("refuse"):
                stack.enter_context(client)
                for path in ("/api/packages/numpy/recent", "/api/top"):
                    assert_problem(
                        client.get(path), 503, "Service Unavailable", "the statistics cannot be read at the moment"
                    )
                assert client.get("/health").status_code == 200
                assert client.get("/health?deep=1").json()["clickhouse"] == "unreachable"
            recent = {"last_day": 1, "last_week": 1, "last_month": 1}
            eventually(
                client,
                "/api/packages/numpy/recent",
                {"data": recent, "package": "numpy", "type": "recent_downloads"},
            )
            assert body(client.get("/health?deep=1"))["clickhouse"] == "reachable"

    def test_a_server_that_hangs_keeps_nobody_from_starting(
        self,
        facade: Facade,
        dataset: Dataset,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        app = create_app(dataset.settings, now=lambda: NOON, timing=CacheTiming(poll_first=0.2))
        began = time.monotonic()
        with facade.broken("hang"), TestClient(app) as client:
            assert client.get("/health").status_code == 200
            assert time.monotonic() - began < DEFAULT_READER_LIMITS.answer_seconds / 2
        assert "ClickHouse has not answered in 0.2 s; serving, and asking it again" in caplog.messages

    def test_a_server_that_takes_two_seconds_for_each_query_serves(self, facade: Facade, dataset: Dataset) -> None:
        dataset.load([event()])
        with facade.broken("slow", seconds=2), dataset.client() as client:
            recent = {"last_day": 1, "last_week": 1, "last_month": 1}
            eventually(
                client,
                "/api/packages/numpy/recent",
                {"data": recent, "package": "numpy", "type": "recent_downloads"},
            )

    def test_check_looks_at_it(self, dataset: Dataset, tmp_path: Path) -> None:
        dataset.load([event()])
        with variables(dataset) as environment:
            result = run("check", cwd=tmp_path, **environment)

        assert result.returncode == 0, result.stdout
        url = re.escape(dataset.settings.clickhouse_url)
        assert re.search(rf"ok    connection: ClickHouse [\d.]+ at {url}, user api\n", result.stdout)
        assert "ok    newest day: 2026-03-10" in result.stdout
        assert USERS["api"].password not in result.stdout + result.stderr

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"CLICKHOUSE_PASSWORD": "hush"}, "see CLICKHOUSE_USER and CLICKHOUSE_PASSWORD"),
            ({"CLICKHOUSE_DATABASE": "nope"}, "see CLICKHOUSE_DATABASE"),
            ({"CLICKHOUSE_URL": "http://127.0.0.1:9"}, "the connection is refused"),
        ],
    )
    def test_check_says_what_is_wrong(
        self, dataset: Dataset, tmp_path: Path, change: dict[str, str], says: str
    ) -> None:
        with variables(dataset, **change) as environment:
            result = run("check", cwd=tmp_path, **environment)

        assert result.returncode == 1
        assert re.search(rf"wrong connection: .*{says}", result.stdout)
        assert "hush" not in result.stdout + result.stderr

    def test_several_workers_answer_alike(self, dataset: Dataset, tmp_path: Path) -> None:
        dataset.load([event()])
        with variables(dataset) as environment, started("--workers", "2", cwd=tmp_path, **environment) as server:
            answers = [httpx.get(f"{server.base}/api/packages/numpy/recent") for _ in range(20)]
            workers = psutil.Process(server.process.pid).children()
            serving = [worker for worker in workers if "spawn_main" in " ".join(worker.cmdline())]
        _, staying = psutil.wait_procs(workers, timeout=30)

        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert len(serving) == 2
        assert staying == []

    def test_watching_is_for_one_process(self, dataset: Dataset, tmp_path: Path) -> None:
        with variables(dataset) as environment:
            result = run("serve", "--workers", "2", "--watch", "spool", cwd=tmp_path, **environment)

        assert result.returncode == 1
        assert "--watch: one process loads at a time" in result.stderr

    def test_ingest_and_serve_with_users_of_their_own(self, dataset: Dataset, tmp_path: Path) -> None:
        events = write_jsonl(tmp_path / "events.jsonl", [event()])
        with variables(dataset, "ingest") as environment:
            loaded = run("ingest", str(events), cwd=tmp_path, **environment)
        assert loaded.returncode == 0, loaded.stderr
        with variables(dataset, "demo") as environment, started(cwd=tmp_path, **environment) as server:
            assert httpx.get(f"{server.base}/api/packages/numpy/recent").json()["data"]["last_day"] == 1
