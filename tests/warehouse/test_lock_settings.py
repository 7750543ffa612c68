"""A load is published or abandoned, never both, whatever the server's defaults are; and where it allows no other."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.settings import Secret
from app.warehouse.engines.errors import WarehouseError
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.loading.ingest import ingest
from app.warehouse.loading.journal import LoadedDay, abandon, announce, is_published, loaded_days, publish
from app.warehouse.loading.migrations import create_database, migrate
from tests.support.clickhouse_users import USERS
from tests.support.events import event, write_jsonl
from tests.support.facade import running_facade
from tests.support.server import run

DEFAULTS = (
    "<insert_deduplicate>0</insert_deduplicate>"
    "<deduplicate_insert>disable</deduplicate_insert>"
    "<async_insert>1</async_insert>"
)
CONSTRAINTS = "<constraints><deduplicate_insert><const/></deduplicate_insert></constraints>"
USERS_XML = """<clickhouse>
<profiles><default>{profile}</default></profiles>
<users><default><password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default></users>
<quotas><default/></quotas>
</clickhouse>"""
DAY = LoadedDay(date(2026, 3, 9), 1, 0, 1, 1)

Start = Callable[[str], Any]


@pytest.fixture
def server_of(tmp_path: Path) -> Start:
    """Starts a ClickHouse with such a default profile, and our tables in it."""

    @contextmanager
    def start(profile: str) -> Iterator[ServerEngine]:
        (tmp_path / "users.xml").write_text(USERS_XML.format(profile=profile))
        config = tmp_path / "config.xml"
        config.write_text(f"<clickhouse><users_config>{tmp_path}/users.xml</users_config></clickhouse>")
        with running_facade(Path(f"{tmp_path}/data?config-file={config}")) as facade:
            engine = ServerEngine(server_address(facade.url), "ingest", Secret(USERS["ingest"].password), "pypi")
            with engine.client(database=None) as client:
                create_database(client, "pypi")
            with engine.client() as client:
                migrate(client)
            yield engine

    return start


def states(engine: ServerEngine) -> set[tuple[int, str]]:
    with engine.client() as client:
        return {(load, state) for load, state in client.query("SELECT load, toString(state) FROM loads").result_rows}


def test_the_first_of_published_and_abandoned_stands(server_of: Start) -> None:
    def announced(number: int) -> None:
        with engine.client() as client:
            announce(client, 3, "x.csv", f"writer {number}")

    with server_of(DEFAULTS) as engine, engine.client() as client:
        abandon(client, 1)
        with pytest.raises(WarehouseError, match="nothing was published"):
            publish(client, 1, "a.csv", [DAY])
        publish(client, 2, "a.csv", [DAY])
        abandon(client, 2)
        with ThreadPoolExecutor(8) as writers:
            list(writers.map(announced, range(8)))

        assert states(engine) == {(1, "abandoned"), (2, "published"), (3, "started")}
        assert client.query("SELECT count() FROM loads WHERE load = 3").result_rows == [(1,)]
        assert [is_published(client, load) for load in (1, 2)] == [False, True]


def test_where_the_server_allows_both_what_is_abandoned_does_not_count(server_of: Start, tmp_path: Path) -> None:
    path = str(write_jsonl(tmp_path / "a.jsonl", [event("2026-03-09 12:00:00 UTC")]))
    with server_of(DEFAULTS + CONSTRAINTS) as engine, engine.client() as client:
        ingest(engine.client, [path])
        assert loaded_days(client) == [DAY.date]
        abandon(client, 1)
        assert states(engine) >= {(1, "published"), (1, "abandoned")}
        assert (is_published(client, 1), loaded_days(client)) == (False, [])

        # It is swept as one that was never published, and what replaces it counts alone.
        ingest(engine.client, [path])

        assert client.query("SELECT DISTINCT bitShiftRight(version, 16) FROM downloads_daily").result_rows == [(2,)]
        assert loaded_days(client) == [DAY.date]


def test_migrate_and_check_say_that_the_server_allows_both(server_of: Start, tmp_path: Path) -> None:
    sentence = (
        "the server fixes deduplicate_insert=disable: of two loads that begin at one moment both could be published; "
        "let the user set insert_deduplicate=1, deduplicate_insert=enable, async_insert=0"
    )
    with server_of(DEFAULTS + CONSTRAINTS) as engine:
        variables = {
            "CLICKHOUSE_URL": str(engine.address),
            "CLICKHOUSE_USER": "ingest",
            "CLICKHOUSE_PASSWORD": USERS["ingest"].password,
        }
        migrated, checked = (run(command, cwd=tmp_path, **variables) for command in ("migrate", "check"))
        # The API's user may set nothing, and loads nothing.
        reader = {"CLICKHOUSE_USER": "api", "CLICKHOUSE_PASSWORD": USERS["api"].password}
        checked_by_reader = run("check", cwd=tmp_path, **variables | reader)

    assert (migrated.returncode, migrated.stderr.strip()) == (0, sentence)
    assert sentence in " ".join(checked.stdout.split())
    assert "fixes" not in checked_by_reader.stdout
