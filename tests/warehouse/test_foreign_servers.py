"""What is refused before it can do harm: a folder of a newer engine, and replicas behind one address."""

import re
from pathlib import Path

import pytest

from app.settings import Secret
from app.warehouse.engines.embedded import VERSION_FILE, EmbeddedEngine
from app.warehouse.engines.errors import WarehouseUnavailableError
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.loading.migrations import SchemaError, migrate
from tests.support.clickhouse_users import USERS
from tests.support.dataset import Dataset
from tests.support.facade import running_facade

KEEPER_OF_TESTS = """<clickhouse><zookeeper><implementation>testkeeper</implementation></zookeeper></clickhouse>"""


def test_a_folder_of_a_newer_engine_is_refused_before_it_is_touched(tmp_path: Path) -> None:
    part = tmp_path / "store" / "part.bin"
    part.parent.mkdir()
    part.write_bytes(b"what only the newer engine can read")
    (tmp_path / VERSION_FILE).write_text("99.1.2.3\n")

    with pytest.raises(WarehouseUnavailableError, match=r"was written by ClickHouse 99\.1\.2\.3, which this one, 2"):
        EmbeddedEngine(tmp_path, "pypi")

    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"part.bin", VERSION_FILE, "pypistats-server.lock"}


def test_a_folder_says_which_engine_has_written_it(dataset: Dataset, data_folder: Path) -> None:
    with dataset.engine.client() as client:
        assert (data_folder / VERSION_FILE).read_text() == f"{client.server_version}\n"
    assert re.fullmatch(r"\d+\.\d+[\d.]+\n", (data_folder / VERSION_FILE).read_text())
    EmbeddedEngine(data_folder, "again").close()


def test_replicas_behind_one_address_are_refused(tmp_path: Path) -> None:
    config = tmp_path / "config.xml"
    config.write_text(KEEPER_OF_TESTS)
    with running_facade(Path(f"{tmp_path}/data?config-file={config}")) as facade:
        server = ServerEngine(server_address(facade.url), "ingest", Secret(USERS["ingest"].password), "pypi")
        with server.client(database=None) as client:
            client.command("CREATE DATABASE pypi")
        with server.client() as client:
            client.command("CREATE TABLE loads (n UInt8) ENGINE = ReplicatedMergeTree('/loads', '1') ORDER BY n")
            with pytest.raises(SchemaError, match=r"by replicas behind one address \(engine ReplicatedMergeTree\)"):
                migrate(client)
