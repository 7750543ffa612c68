"""A real server whose ClickHouse, over a real socket, breaks under load: what was answered is answered still, the rest
is a 503 in time, nothing piles up, and all is well again by itself.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.answers import assert_problem, body
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.facade import Facade
from tests.support.fixtures import Backend
from tests.support.load import wait_until
from tests.support.outage import FAULTS, KNOWN, Outage, outage
from tests.support.server import Served, started, variables

pytestmark = pytest.mark.only_backend(Backend.HTTP)

SECONDS = 1.0
WITHIN_SECONDS = 15
"""Half of what a query may take."""
NUMPY = "/api/packages/numpy/recent"
UNAVAILABLE = "the statistics cannot be read at the moment"
BUSY = "too many questions about downloads are being answered at the moment"


@pytest.fixture
def loaded(dataset: Dataset) -> Dataset:
    """Two packages, one day."""
    dataset.load([event("2026-03-10 12:00:00 UTC", name) for name in ("numpy", "scipy")])
    return dataset


@pytest.fixture(scope="module")
def server(make_dataset: Callable[[], Dataset], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all outages: each finds it as the one before has left it."""
    dataset = make_dataset()
    dataset.load([event("2026-03-10 12:00:00 UTC")])
    with started("--workers", "1", cwd=tmp_path_factory.mktemp("server"), **variables(dataset)) as server:
        yield server


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_outage_under_load(server: Served, facade: Facade, fault: Mapping[str, Any]) -> None:
    found = outage(server.port, facade, fault, SECONDS)

    assert_known_is_answered(found)
    assert_new_is_told_when_to_come_again(found)
    # Only the poll queries ClickHouse, and the driver may repeat it.
    assert found.asked <= 5 + 5 * found.counted
    assert "Traceback" not in server.logged()


def assert_known_is_answered(found: Outage) -> None:
    known = [exchange for exchange in found.exchanges if exchange.is_known]
    assert {exchange.status for exchange in known} == {200}
    assert {exchange.path: exchange.body for exchange in known} == found.before
    assert {(exchange.path, exchange.body) for exchange in known} == set(found.before.items())
    assert {exchange.path for exchange in found.stale} == set(KNOWN)
    for exchange in found.stale:
        assert exchange.headers["cache-control"] == "public, max-age=5, stale-if-error=86400"
        assert 0 <= int(exchange.headers["age"]) <= exchange.ended - found.broken_at + 10
    assert [exchange for exchange in found.stale if exchange.began > found.recovered_at] == []


def assert_new_is_told_when_to_come_again(found: Outage) -> None:
    new = [exchange for exchange in found.exchanges if not exchange.is_known]
    assert {exchange.status for exchange in new} == {404, 503}
    for exchange in found.unavailable:
        assert exchange.headers["content-type"] == "application/problem+json"
        assert int(exchange.headers["retry-after"]) > 0
        assert exchange.ended - exchange.began < WITHIN_SECONDS
    assert [exchange for exchange in found.unavailable if exchange.began > found.recovered_at] == []


def test_slow_questions_slow_no_other(loaded: Dataset, facade: Facade, tmp_path: Path) -> None:
    with (
        started(cwd=tmp_path, **variables(loaded, MAX_QUERIES="2")) as server,
        httpx.Client(base_url=server.base, timeout=60) as client,
        ThreadPoolExecutor() as threads,
    ):
        known = client.get(NUMPY)
        with facade.broken("slow", of="slow-", seconds=60):
            slow = [threads.submit(httpx.get, f"{server.base}/api/packages/slow-0/overall", timeout=60)]
            wait_until(lambda: facade.counts()["slowed"] == 1)
            # There is a turn left for the others.
            others = [client.get(f"/api/packages/scipy/{series}").status_code for series in ("overall", "system")]
            slow.append(threads.submit(httpx.get, f"{server.base}/api/packages/slow-1/overall", timeout=60))
            wait_until(lambda: facade.counts()["slowed"] == 2)
            # There is none.
            waiting = [
                threads.submit(httpx.get, f"{server.base}/api/packages/other-{number}/overall", timeout=60)
                for number in range(4)
            ]
            hits = []
            facade.requests()
            while not all(answer.done() for answer in waiting):
                hits.append(client.get(NUMPY))
            asked, slowed = facade.requests(), facade.counts()["slowed"]
            assert not any(answer.done() for answer in slow)
        after = client.get("/api/packages/other-0/overall")

    assert others == [200, 200]
    assert {(hit.status_code, hit.content, "age" in hit.headers) for hit in hits} == {(200, known.content, False)}
    for answer in waiting:
        assert_problem(answer.result(), 503, "Service Unavailable", BUSY)
        assert int(answer.result().headers["retry-after"]) > 0
    assert slowed == 2
    assert [request["sql"] for request in asked if "FROM loads" not in request["sql"]] == []  # but polls
    assert [answer.result().status_code for answer in slow] == [404, 404]
    assert after.status_code == 404


@pytest.mark.parametrize("kind", ["refuse", "swallow"])
def test_a_clickhouse_that_comes_later_is_found(loaded: Dataset, facade: Facade, tmp_path: Path, kind: str) -> None:
    with facade.broken(kind), started(cwd=tmp_path, **variables(loaded)) as server:
        client = httpx.Client(base_url=server.base, timeout=60)
        alive, ready, answer = client.get("/health"), client.get("/health?deep=1"), client.get(NUMPY)
        facade.set_fault("none")
        wait_until(lambda: client.get(NUMPY).status_code == 200)
        recovered = client.get("/health?deep=1")
        client.close()

    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()["detail"]) == (503, "ClickHouse does not answer")
    assert_problem(answer, 503, "Service Unavailable", UNAVAILABLE)
    assert int(answer.headers["retry-after"]) > 0
    assert body(recovered)["clickhouse"] == "reachable"
