"""One client cannot keep the others waiting: for ClickHouse, for a health check."""

import asyncio
import tracemalloc
from collections.abc import Callable

import pytest

from app.cache.compression import preferred
from app.cache.timing import CacheTiming
from app.charts.render import Renderer
from app.serving.client import network
from app.warehouse.reading.query_limiter import QueryLimits
from tests.support.client import at_address, client_of
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.faults import faulty

WAIT_SECONDS = 60
RARE_POLLS = CacheTiming(poll_interval=600, poll_late=600, poll_timeout=600, look=600)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not is_so():  # noqa: ASYNC110  (what is waited for is not ours to signal)
            await asyncio.sleep(0.01)


@pytest.fixture
def loaded(dataset: Dataset) -> Dataset:
    dataset.load([event("2026-03-10 12:00:00 UTC", name) for name in ("numpy", "scipy")])
    return dataset


async def test_clients_take_turns(loaded: Dataset) -> None:
    limits = QueryLimits(1, wait_seconds=600)
    async with faulty(loaded, timing=RARE_POLLS, query_limits=limits) as (client, clickhouse):
        clickhouse.gate.clear()
        flood = [asyncio.create_task(client.get(f"/api/search?q=n{n}")) for n in range(30)]
        await until(lambda: clickhouse.at_gate == 1)
        # The other questions of this client wait for their turn.
        for _ in range(10):
            await asyncio.sleep(0)
        async with at_address(client, "203.0.113.7") as other:
            asked = asyncio.create_task(other.get("/api/packages/numpy/recent"))
            for _ in range(10):
                await asyncio.sleep(0)
            clickhouse.gate.set()
            answer = await asked
        answered_before = sum(task.done() for task in flood)
        await asyncio.gather(*flood)

    assert answer.status_code == 200
    assert answered_before < 20


async def test_a_full_queue_makes_room_for_who_has_none_waiting(loaded: Dataset) -> None:
    limits = QueryLimits(1, max_waiting=5, wait_seconds=600)
    async with faulty(loaded, timing=RARE_POLLS, query_limits=limits) as (client, clickhouse):
        clickhouse.gate.clear()
        flood = [asyncio.create_task(client.get(f"/api/search?q=n{n}")) for n in range(30)]
        await until(lambda: sum(task.done() for task in flood) >= 20)
        async with at_address(client, "203.0.113.7") as other:
            asked = asyncio.create_task(other.get("/api/packages/numpy/recent"))
            for _ in range(10):
                await asyncio.sleep(0)
            clickhouse.gate.set()
            answer = await asked
        refused = [task.status_code for task in await asyncio.gather(*flood)].count(503)

    assert answer.status_code == 200
    assert 20 <= refused < 30


async def test_health_checks_share_a_look(loaded: Dataset) -> None:
    async with faulty(loaded, timing=RARE_POLLS) as (client, clickhouse):
        await client.get("/health?deep=1")
        before = clickhouse.polls, clickhouse.questions
        answers = await asyncio.gather(*[client.get("/health?deep=1") for _ in range(200)])
        after = clickhouse.polls, clickhouse.questions

    assert {answer.status_code for answer in answers} == {200}
    assert after == before


async def test_charts_are_drawn_in_turn_by_client(loaded: Dataset) -> None:
    renderer = Renderer(max_workers=1)
    async with client_of(loaded.app(timing=RARE_POLLS, renderer=renderer)) as client:
        paths = [f"/api/packages/numpy/chart/overall?width={width}" for width in range(400, 420)]
        flood = [asyncio.create_task(client.get(path)) for path in paths]
        await until(lambda: renderer.pending == len(flood))
        async with at_address(client, "203.0.113.7") as other:
            answer = await other.get("/api/packages/scipy/chart/overall")
        drawn_before = sum(task.done() for task in flood)
        for task in flood:
            task.cancel()

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert drawn_before < 10


@pytest.mark.parametrize(
    "remember", [lambda text: preferred(text.encode()), network], ids=["Accept-Encoding", "X-Forwarded-For"]
)
def test_long_headers_take_no_memory(remember: Callable[[str], object]) -> None:
    tracemalloc.start()
    for number in range(2_000):
        remember(f"{number}{'x' * 30_000}")
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size < 2_000_000
