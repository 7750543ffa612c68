"""A connection that is ended while its statement runs: nothing counts twice, and the message to the user is true.

ClickHouse runs a statement on when its client has gone. Load balancers end connections on which nothing is sent.
"""

import time
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from msgspec import structs

from app.settings import Secret
from app.warehouse.engines.errors import ConnectionLostError
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.loading.files import RawEvents
from app.warehouse.loading.ingest import ingest, ingest_events
from app.warehouse.loading.journal import abandon, announce, sweep_unpublished
from app.warehouse.loading.load import LoadTiming
from tests.support.answers import body, series
from tests.support.clickhouse_users import USERS
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.facade import Facade
from tests.support.fixtures import Backend
from tests.support.proxy import Cut, Moment, Proxy, running_proxy

pytestmark = pytest.mark.only_backend(Backend.HTTP)

SHORT = LoadTiming(poll=0.05, unreachable=0.5)
MONDAY, TUESDAY = event("2026-03-09 12:00:00 UTC"), event("2026-03-10 12:00:00 UTC", "other")
SLOW = """
SELECT '' AS source, toDate32('2026-03-09') AS day, 'numpy' AS raw_project, NULL AS raw_country, NULL AS raw_version,
    NULL AS raw_file_type, 'pip' AS raw_installer, '3.13' AS raw_python, NULL AS raw_system,
    NULL AS raw_ci, NULL AS raw_cpu, NULL AS raw_libc, NULL AS raw_libc_version, NULL AS raw_distro,
    NULL AS raw_distro_version, NULL AS raw_implementation, NULL AS raw_installer_version, NULL AS raw_filename,
    1 AS downloads
FROM (SELECT number FROM numbers({rows}) WHERE sleepEachRow({seconds}) = 0 SETTINGS max_block_size = 1)
"""


def slow_events(rows: int, seconds: float) -> RawEvents:
    """Downloads of one day, each of which ClickHouse takes so many seconds to read."""
    return RawEvents(SLOW.replace("{rows}", str(rows)).replace("{seconds}", str(seconds)), {})


def through(proxy: Proxy, dataset: Dataset) -> ServerEngine:
    """The data set's server as it is reached through a proxy."""
    password = Secret(USERS["ingest"].password)
    return ServerEngine(server_address(proxy.url), "ingest", password, dataset.engine.database)


def cut_at(piece: bytes, moment: Moment) -> Cut:
    """Ends the connection of the first request that has this piece of a statement."""
    left = [moment]
    return lambda _, request: left.pop() if left and piece in request else None


def runs(dataset: Dataset) -> bool:
    """Whether a statement of a load runs."""
    ((count,),) = dataset.query(
        "SELECT count() FROM system.processes WHERE startsWith(Settings['log_comment'], 'pypistats-server load')"
    )
    return bool(count)


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
    """As it was seen: 18 downloads for 9. The first load's statement would take half an hour."""
    with (
        running_proxy(facade.port, cut_at(b"ARRAY JOIN", "running"), goes=True) as proxy,
        pytest.raises(ConnectionLostError) as lost,
    ):
        ingest_events(through(proxy, dataset).client, slow_events(1_000, 2.0), "first", timing=SHORT)
    assert str(lost.value).endswith("; the next load ends what may still run for this one")
    wait_until(lambda: runs(dataset))

    dataset.load([MONDAY] * 9, timing=structs.replace(SHORT, silent=0.0))
    wait_until(lambda: not runs(dataset))

    assert downloads(dataset) == counted(9)
    dataset.load([TUESDAY])
    assert downloads(dataset) == counted(9)


def write_rows(dataset: Dataset, load: int) -> None:
    """What a statement of a load writes that nobody could end."""
    dataset.query(
        "INSERT INTO downloads_daily SELECT 'numpy', 'overall', category, toDate('2026-03-09') AS day, "
        f"bitOr(bitShiftLeft(toUInt64({load}), 16), toUInt64(toUInt16(day))), 9 "
        "FROM (SELECT arrayJoin(['with_mirrors', 'without_mirrors']) AS category)"
    )


def test_rows_that_appear_later_never_count_and_are_found_later(dataset: Dataset) -> None:
    with dataset.engine.client() as client:
        announce(client, 1, "first.csv", "the first")
        abandon(client, 1)
        dataset.load([MONDAY] * 9)
        write_rows(dataset, 1)
        for _ in range(3):
            assert downloads(dataset) == counted(9)
            sweep_unpublished(client, 3, again=timedelta(0))
        # It is looked at until nothing of it was found twice in a row, and is forgotten then.
        assert dataset.query("SELECT rows FROM loads WHERE load = 1 AND state = 'swept' ORDER BY at") == [
            (0,),
            (2,),
            (0,),
            (0,),
        ]
        sweep_unpublished(client, 3, again=timedelta(0))
    assert dataset.query("SELECT count() FROM loads WHERE load = 1 AND state = 'swept'") == [(4,)]
    assert dataset.query("SELECT count() FROM downloads_daily WHERE version < 131072") == [(0,)]
    assert downloads(dataset) == counted(9)


def test_the_next_load_removes_rows_that_came_after_the_sweep(dataset: Dataset) -> None:
    """As loads before this version have left them, that counted twice for good."""
    with dataset.engine.client() as client:
        announce(client, 1, "first.csv", "the first")
        abandon(client, 1)
    dataset.load([MONDAY] * 9)
    write_rows(dataset, 1)
    dataset.query("ALTER TABLE loads UPDATE at = at - 1000 WHERE load = 1 SETTINGS mutations_sync = 2")

    dataset.load([TUESDAY])

    assert dataset.query("SELECT count() FROM downloads_daily WHERE version < 131072") == [(0,)]
    assert downloads(dataset) == counted(9)


@pytest.mark.parametrize("moment", ["running", "answered"])
@pytest.mark.parametrize("statement", [b"ARRAY JOIN", b"SELECT '__all__'", b"INSERT INTO overall_daily"])
def test_a_statement_whose_connection_broke_is_waited_for(
    dataset: Dataset, facade: Facade, statement: bytes, moment: Moment, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_jsonl(dataset.folder / "a.jsonl", [MONDAY] * 9)
    with running_proxy(facade.port, cut=cut_at(statement, moment)) as proxy:
        (day,) = ingest(through(proxy, dataset).client, [str(path)], timing=SHORT)

    assert (day.date, day.events, proxy.ended) == (date(2026, 3, 9), 9, 1)
    assert "the connection broke" in caplog.text
    assert downloads(dataset) == counted(9)


def test_a_long_statement_keeps_its_connection_alive(dataset: Dataset, facade: Facade) -> None:
    """The load balancer would end a connection after a part of its time."""
    timing = structs.replace(SHORT, progress=0.1)
    with running_proxy(facade.port, silent_seconds=1.5) as proxy:
        (day,) = ingest_events(through(proxy, dataset).client, slow_events(5, 0.5), "slow", timing=timing)

    assert (day.events, proxy.ended) == (5, 0)
    assert proxy.progress_headers > 1


def test_a_silent_statement_loses_its_connection(dataset: Dataset, facade: Facade) -> None:
    timing = structs.replace(SHORT, progress=60)
    with running_proxy(facade.port, silent_seconds=1) as proxy, pytest.raises(ConnectionLostError) as lost:
        ingest_events(through(proxy, dataset).client, slow_events(4, 0.5), "slow", timing=timing)

    assert proxy.ended > 0
    assert "nothing was published" in str(lost.value)


def test_an_answer_that_ends_among_its_headers_is_none(
    dataset: Dataset, facade: Facade, caplog: pytest.LogCaptureFixture
) -> None:
    """It has status 200 and headers, and no end."""
    timing = structs.replace(SHORT, progress=0.1)
    with running_proxy(facade.port, cut=cut_at(b"ARRAY JOIN", "headers")) as proxy:
        (day,) = ingest_events(through(proxy, dataset).client, slow_events(9, 0.1), "slow", timing=timing)

    assert (day.events, proxy.ended) == (9, 1)
    assert "the connection broke" in caplog.text


def test_a_load_is_published_although_the_answer_to_that_was_lost(dataset: Dataset, facade: Facade) -> None:
    path = write_jsonl(dataset.folder / "a.jsonl", [MONDAY] * 9)
    with running_proxy(facade.port, cut=cut_at(b"insert_deduplication_token=end", "answered")) as proxy:
        (day,) = ingest(through(proxy, dataset).client, [str(path)], timing=SHORT)

    assert (day.events, proxy.ended) == (9, 1)
    assert dataset.query("SELECT count(), uniqExact(load) FROM loads WHERE state = 'published'") == [(1, 1)]
    assert downloads(dataset) == counted(9)


def test_a_statement_that_did_not_begin_publishes_nothing(dataset: Dataset, facade: Facade) -> None:
    path = write_jsonl(dataset.folder / "a.jsonl", [MONDAY] * 9)
    with (
        running_proxy(facade.port, cut=cut_at(b"ARRAY JOIN", "before")) as proxy,
        pytest.raises(ConnectionLostError) as lost,
    ):
        ingest(through(proxy, dataset).client, [str(path)], timing=SHORT)

    assert str(lost.value) == (
        "the connection to ClickHouse broke in a statement; "
        "what still ran for the load was ended, and nothing was published"
    )
    dataset.load([MONDAY] * 9)
    assert downloads(dataset) == counted(9)
