"""Loading into a cluster's tables and answering from them, as far as one engine can be a cluster.

Its shards are all in that engine, which is each of them without a network. It has no queue of distributed statements
and no Keeper, so `ON CLUSTER` is taken out of statements and kept for a look, and tables are not replicated; all else
is as `migrate` and `ingest` make it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.summary import QuerySummary
from litestar.testing import TestClient

from app.main import create_app
from app.settings import Secret, Settings
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.loading.ingest import ingest
from app.warehouse.loading.journal import sweep_superseded
from app.warehouse.loading.migrations import REPLICATED_EVERYWHERE, REPLICATED_SHARD, cluster_of, migrations, rendered
from tests.support.answers import body
from tests.support.clickhouse_users import USERS
from tests.support.dataset import NOON
from tests.support.events import event, write_jsonl
from tests.support.facade import Facade, running_facade
from tests.support.oracle import Oracle, published
from tests.support.server import NOWHERE

CLUSTER = "pypistats"
ON_CLUSTER = f" ON CLUSTER {CLUSTER}"
SHARD = "<shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard>"
CONFIG = """<clickhouse><tcp_port>9000</tcp_port>
<remote_servers><pypistats>{shards}</pypistats></remote_servers></clickhouse>"""

FIRST = [
    *[event(f"2026-03-{day:02} 12:00:00 UTC", f"package-{n}", version=str(day)) for day in (8, 9) for n in range(12)],
    event("2026-03-09 12:00:00 UTC", "package-3", installer="devpi"),
    event("2026-03-09 12:00:00 UTC", "package-3", python="3"),
]
SECOND = [event("2026-03-09 13:00:00 UTC", f"package-{n}", installer="uv") for n in range(3, 9)]
PATHS = ["overall", "version", "installer", "country"]


def settings(facade: Facade, user: str) -> Settings:
    return Settings(
        clickhouse_url=facade.url,
        clickhouse_user=user,
        clickhouse_password=Secret(USERS[user].password),
        clickhouse_cluster=CLUSTER,
        pypi_api_url=NOWHERE,
    )


class Cluster:
    """Clients of a cluster's node, and what they have done on all of its nodes."""

    def __init__(self, facade: Facade) -> None:
        self.facade = facade
        self.on_all_nodes: list[str] = []
        self._server = ServerEngine(server_address(facade.url), "ingest", Secret(USERS["ingest"].password), "pypi")

    def make_tables(self) -> None:
        with self._server.client(database=None) as client:
            client.command("CREATE DATABASE pypi")
        with self._server.client() as client:
            for migration in migrations():
                sql = rendered(migration, "pypi", CLUSTER)
                for text in (ON_CLUSTER, REPLICATED_SHARD, REPLICATED_EVERYWHERE):
                    sql = sql.replace(text, "MergeTree" if "Replicated" in text else "")
                client.command(sql)
            client.command(f"INSERT INTO schema_versions (number) SELECT number FROM numbers({len(migrations())})")

    def client(self) -> Client:
        client = self._server.client()
        raw_insert = client.raw_insert

        def on_this_node(table: str, *, insert_block: Iterable[bytes], **more: Any) -> QuerySummary:
            """A form with a statement; files that are sent as they are have a table."""
            if table:
                return raw_insert(table, insert_block=insert_block, **more)  # type: ignore[arg-type]
            body = b"".join(insert_block)
            if ON_CLUSTER.encode() in body:
                sql = body.split(b"\r\n\r\n", maxsplit=1)[1].split(b"\r\n--")[0].decode()
                statement = sql.split("\n", maxsplit=1)[1].strip()
                self.on_all_nodes.append(statement.split(" WHERE")[0])
                if statement.startswith("SYSTEM SYNC REPLICA"):
                    return QuerySummary({})
            return raw_insert(table, insert_block=body.replace(ON_CLUSTER.encode(), b""), **more)

        client.raw_insert = on_this_node  # type: ignore[method-assign,assignment]
        return client

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self._server.client() as client:
            return [tuple(row) for row in client.query(sql).result_rows]

    @contextmanager
    def app(self) -> Iterator[TestClient[Any]]:
        """A client of an app, whose user may only read."""
        with TestClient(create_app(settings(self.facade, "api"), now=lambda: NOON)) as client:
            yield client


@pytest.fixture(scope="module")
def of_shards(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Any]:
    """Starts an engine on one and the same folder, as a cluster of so many shards."""
    folder = tmp_path_factory.mktemp("cluster")

    @contextmanager
    def start(shards: int) -> Iterator[Cluster]:
        config = folder / f"{shards}.xml"
        config.write_text(CONFIG.format(shards=SHARD * shards))
        with running_facade(Path(f"{folder}/data?config-file={config}")) as facade:
            yield Cluster(facade)

    return start


@pytest.fixture(scope="module")
def loaded(of_shards: Callable[[int], Any], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A cluster that two calls have been loaded into, the second in place of a day; its engine has ended."""
    folder = tmp_path_factory.mktemp("files")
    with of_shards(1) as cluster:
        cluster.make_tables()
        with cluster.client() as client:
            assert cluster_of(client) == CLUSTER
        for number, events in enumerate((FIRST, SECOND)):
            ingest(cluster.client, [str(write_jsonl(folder / f"{number}.jsonl", events))], replace=True)
        with cluster.client() as client:
            sweep_superseded(client, timedelta(0))
        loaded: Cluster = cluster
    return loaded


def test_what_is_done_on_all_nodes(loaded: Cluster) -> None:
    """Rows are there for everybody before they are summed, and before they are published; then what is over goes."""
    caught_up = [f"SYSTEM SYNC REPLICA{ON_CLUSTER} {name}" for name in ("downloads_daily_local", "overall_daily_local")]
    taken = [f"SYSTEM SYNC REPLICA{ON_CLUSTER} loads"] * 2
    received = [f"SYSTEM SYNC REPLICA{ON_CLUSTER} incoming_local"]
    forgotten = [f"ALTER TABLE incoming_local{ON_CLUSTER} DROP PARTITION {{load:UInt32}}"]
    a_load = [*taken, *received, caught_up[0], *caught_up, *forgotten]
    swept = [f"DELETE FROM {name}_local{ON_CLUSTER}" for name in ("downloads_daily", "overall_daily")]

    assert loaded.on_all_nodes == [*a_load, *a_load, *swept]


def test_rows_are_in_the_shards_and_answers_are_right(loaded: Cluster, of_shards: Callable[[int], Any]) -> None:
    oracle = Oracle(published(FIRST, SECOND))
    with of_shards(1) as cluster:
        engines = dict(cluster.query("SELECT name, engine FROM system.tables WHERE database = 'pypi'"))
        assert {name for name, engine in engines.items() if engine == "Distributed"} == {
            "downloads_daily",
            "overall_daily",
            "incoming",
        }
        assert cluster.query("SELECT DISTINCT toString(date) FROM downloads_daily_local ORDER BY date") == [
            ("2026-03-08",),
            ("2026-03-09",),
        ]
        with cluster.app() as client:
            for package in (*(f"package-{n}" for n in range(12)), "__all__"):
                for path in PATHS:
                    if (path, package) != ("version", "__all__"):
                        answer = client.get(f"/api/packages/{package}/{path}")
                        assert (answer.status_code, answer.json()) == oracle.series(package, path, {}), package
            assert (200, body(client.get("/api/top?period=week"))) == oracle.top("week")
            assert body(client.get("/health?deep=1"))["schema"] == "current"


def test_a_request_asks_one_shard(loaded: Cluster, of_shards: Callable[[int], Any]) -> None:
    """With two shards that are the same engine, whatever both are asked for is there twice."""
    oracle = Oracle(published(FIRST, SECOND))
    with of_shards(2) as cluster:
        assert cluster.query("SELECT count() FROM system.clusters WHERE cluster = 'pypistats'") == [(2,)]
        with cluster.app() as client:
            for package in (*(f"package-{n}" for n in range(12)), "__all__"):
                for path in ("overall", "installer", "country"):
                    answer = client.get(f"/api/packages/{package}/{path}")
                    assert (answer.status_code, answer.json()) == oracle.series(package, path, {}), package
                answer = client.get(f"/api/packages/{package}/recent")
                assert (answer.status_code, answer.json()) == oracle.recent(package, {})
            ranked = body(client.get("/api/top?period=week"))["data"]

    # A ranking is of all shards, each of which sums its own packages.
    _, right = oracle.top("week")
    assert sorted(row["downloads"] for row in ranked) == sorted(2 * [row["downloads"] for row in right["data"]])


def test_packages_are_spread_by_their_names(loaded: Cluster, of_shards: Callable[[int], Any]) -> None:
    with of_shards(2) as cluster:
        ((key, both),) = cluster.query(
            "SELECT extract(engine_full, 'cityHash64\\\\(\\\\w+\\\\)'), "
            "(SELECT uniqExact(cityHash64(project) % 2) FROM downloads_daily_local) "
            "FROM system.tables WHERE database = 'pypi' AND name = 'downloads_daily'"
        )

    assert (key, both) == ("cityHash64(project)", 2)


def test_days_are_those_that_were_loaded(loaded: Cluster, of_shards: Callable[[int], Any]) -> None:
    with of_shards(1) as cluster:
        days = cluster.query("SELECT DISTINCT date FROM loads WHERE state = 'published' ORDER BY date")

    assert days == [(date(2026, 3, 8),), (date(2026, 3, 9),)]
