"""A connection that is ended while its statement runs: nothing counts twice, and the user is told what is true.

ClickHouse runs a statement on when its client has gone. Load balancers end connections on which nothing is sent.
"""

import time
from collections.abc import Callable

import pytest

from app.settings import Secret
from app.warehouse.engines.errors import WarehouseError
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.loading.files import RawEvents
from app.warehouse.loading.ingest import ingest_events
from tests.support.answers import body, series
from tests.support.clickhouse_users import USERS
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.facade import Facade
from tests.support.fixtures import Backend
from tests.support.proxy import Proxy, running_proxy

pytestmark = pytest.mark.only_backend(Backend.HTTP)

MONDAY = event("2026-03-09 12:00:00 UTC")
SLOW = """
SELECT toDate32('2026-03-09') AS day, 'numpy' AS raw_project, NULL AS raw_country, NULL AS raw_version,
    NULL AS raw_file_type, 'pip' AS raw_installer, '3.13' AS raw_python, NULL AS raw_system, 1 AS downloads
FROM (SELECT number FROM numbers({rows}) WHERE sleepEachRow({seconds}) = 0 SETTINGS max_block_size = 1)
"""


def slow_events(rows: int, seconds: float) -> RawEvents:
    """Downloads of one day, each of which ClickHouse takes so many seconds to read."""
    return RawEvents(SLOW.replace("{rows}", str(rows)).replace("{seconds}", str(seconds)), {})


def through(proxy: Proxy, dataset: Dataset) -> ServerEngine:
    """The data set's server as it is reached through a proxy."""
    password = Secret(USERS["ingest"].password)
    return ServerEngine(server_address(proxy.url), "ingest", password, dataset.engine.database)


def running(dataset: Dataset) -> int:
    """How many statements of loads run."""
    ((count,),) = dataset.query(
        "SELECT count() FROM system.processes WHERE startsWith(Settings['log_comment'], 'pypistats-server load')"
    )
    return int(count)


def wait_until(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def downloads(dataset: Dataset) -> object:
    with dataset.client() as client:
        return body(client.get("/api/packages/numpy/overall?mirrors=true"))


def counted(number: int) -> object:
    return series("overall", "numpy", f"with_mirrors 2026-03-09 {number}")


def test_a_load_whose_statement_ran_on_does_not_count_beside_the_next(dataset: Dataset, facade: Facade) -> None:
    """As it was seen: 18 downloads for 9."""
    with running_proxy(facade.port, silent_seconds=0.5) as proxy, pytest.raises(WarehouseError):
        ingest_events(through(proxy, dataset).client, slow_events(9, 1.0), "first")
    assert proxy.ended

    dataset.load([MONDAY] * 9)
    wait_until(lambda: running(dataset) == 0)

    assert downloads(dataset) == counted(9)
    dataset.load([event("2026-03-10 12:00:00 UTC", "other")])
    assert downloads(dataset) == counted(9)
