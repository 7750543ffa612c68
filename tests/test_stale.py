"""While ClickHouse does not answer, cached responses are served, and other requests get 503 at once."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from app.cache.timing import CacheTiming
from app.warehouse.engines.connection import DEFAULT_READER_LIMITS
from app.warehouse.reading.query_limiter import QueryLimits
from tests.support.answers import assert_problem, body
from tests.support.dataset import NOON, Dataset
from tests.support.events import event
from tests.support.faults import Mode, faulty

NUMPY = "/api/packages/numpy/overall"
SCIPY = "/api/packages/scipy/overall"
WAIT_SECONDS = 60
UNAVAILABLE = "the statistics cannot be read at the moment"
BUSY = "too many questions about downloads are being answered at the moment"


QUICK = CacheTiming(poll_interval=0.2, poll_late=1.0, poll_timeout=600)
"""Polls often, and a poll that hangs counts as failed soon: it does not time out before the test does."""


@pytest.fixture
def loaded(dataset: Dataset) -> Dataset:
    """Two packages, one day."""
    dataset.load([event("2026-03-10 12:00:00 UTC", name) for name in ("numpy", "scipy")])
    return dataset


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until it is."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not is_so():  # noqa: ASYNC110  (what is waited for is not ours to signal)
            await asyncio.sleep(0.01)


async def until_marked(client: httpx.AsyncClient, path: str, marked: bool) -> httpx.Response:
    """The answer, once it is marked as stale, or no more."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            answer = await client.get(path)
            if answer.status_code == 200 and ("age" in answer.headers) == marked:
                return answer
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("mode", ["refusing", "hanging"])
async def test_what_was_answered_is_answered_still(loaded: Dataset, mode: Mode) -> None:
    async with faulty(loaded, timing=QUICK) as (client, clickhouse):
        before = await client.get(NUMPY)
        clickhouse.mode = mode
        stale = await until_marked(client, NUMPY, True)
        etag = {"If-None-Match": before.headers["etag"]}
        unmodified = await client.get(f"{NUMPY}?x=1", headers=etag)
        clickhouse.mode = "working"
        after = await until_marked(client, NUMPY, False)

    assert (stale.status_code, stale.content, stale.headers["etag"]) == (200, before.content, before.headers["etag"])
    assert stale.headers["cache-control"] == "public, max-age=5, stale-if-error=86400"
    assert 0 <= int(stale.headers["age"]) <= WAIT_SECONDS
    assert (unmodified.status_code, unmodified.headers["cache-control"]) == (304, stale.headers["cache-control"])
    assert after.headers["cache-control"] == before.headers["cache-control"]


@pytest.mark.parametrize("mode", ["refusing", "hanging"])
async def test_the_rest_is_503_at_once_and_asks_nobody(loaded: Dataset, mode: Mode) -> None:
    async with faulty(loaded, timing=QUICK) as (client, clickhouse):
        await client.get(NUMPY)
        clickhouse.mode = mode
        await until_marked(client, NUMPY, True)
        before = clickhouse.questions
        answers = await asyncio.gather(*[client.get(f"/api/packages/other-{n}/overall") for n in range(200)])
        asked = clickhouse.questions - before
        clickhouse.mode = "working"
        await until_marked(client, NUMPY, False)
        cold = await client.get(SCIPY)

    for answer in answers:
        assert_problem(answer, 503, "Service Unavailable", UNAVAILABLE)
        assert int(answer.headers["retry-after"]) > 0
    assert asked == 0
    assert cold.status_code == 200


async def test_who_waits_for_a_clickhouse_that_hangs_is_told(loaded: Dataset) -> None:
    async with faulty(loaded, timing=QUICK, max_queries=2) as (client, clickhouse):
        await client.get(NUMPY)
        clickhouse.mode = "hanging"
        began = time.monotonic()
        answers = await asyncio.gather(*[client.get(f"/api/packages/other-{n}/overall") for n in range(50)])
        seconds = time.monotonic() - began
        clickhouse.mode = "working"
        # The turns of those that hung are free.
        await until_marked(client, NUMPY, False)
        after = await asyncio.gather(*[client.get(f"/api/packages/numpy/{kind}") for kind in ("system", "installer")])

    for answer in answers:
        assert_problem(answer, 503, "Service Unavailable", UNAVAILABLE)
    assert seconds < DEFAULT_READER_LIMITS.query_seconds / 2
    assert [answer.status_code for answer in after] == [200, 200]


async def test_who_waits_for_what_is_published_is_told(loaded: Dataset) -> None:
    async with faulty(loaded, timing=CacheTiming(poll_interval=0.05, poll_late=1.0)) as (client, clickhouse):
        await client.get(NUMPY)
        clickhouse.mode = "hanging"
        await until(lambda: clickhouse.hanging > 0)
        async with asyncio.timeout(WAIT_SECONDS):
            answer = await client.get(SCIPY)
        clickhouse.mode = "working"

    assert_problem(answer, 503, "Service Unavailable", UNAVAILABLE)


async def test_while_it_is_away_no_client_makes_it_be_asked(loaded: Dataset) -> None:
    async with faulty(loaded, timing=QUICK) as (client, clickhouse):
        await client.get(NUMPY)
        clickhouse.mode = "refusing"
        await until_marked(client, NUMPY, True)
        before, began = (clickhouse.polls, clickhouse.questions), time.monotonic()
        for _ in range(200):
            await client.get(SCIPY)
        seconds = time.monotonic() - began
        polls, asked = clickhouse.polls - before[0], clickhouse.questions - before[1]

    assert asked == 0
    assert polls <= 1 + seconds / QUICK.poll_retry


async def test_polls_that_hung_are_forgotten_when_it_is_back(loaded: Dataset) -> None:
    # Once a poll succeeds, the next one comes much later than those that hang time out.
    timing = CacheTiming(poll_interval=30.0, poll_late=1.0, poll_timeout=2.0, poll_again=0.1)
    async with faulty(loaded, timing=timing) as (client, clickhouse):
        versions = client._transport.app.state.services.answers.versions  # type: ignore[attr-defined]
        await client.get(NUMPY)
        clickhouse.mode = "hanging"
        versions.poll_soon()
        await until_marked(client, NUMPY, True)
        await until(lambda: clickhouse.hanging > 1)
        clickhouse.mode = "working"
        await until(lambda: not versions.is_away)
        await until(lambda: clickhouse.hanging == 0)
        answer = await client.get(NUMPY)

        assert not versions.is_away
    assert "age" not in answer.headers


async def test_one_failure_is_not_an_outage(loaded: Dataset) -> None:
    async with faulty(loaded, timing=CacheTiming(poll_interval=30.0)) as (client, clickhouse):
        clickhouse.mode = "refusing"
        failed = await client.get(NUMPY)
        clickhouse.mode = "working"
        answer = await client.get(NUMPY)

    assert (failed.status_code, answer.status_code) == (503, 200)
    assert "age" not in answer.headers


async def test_an_answer_of_the_day_before_is_better_than_none(loaded: Dataset) -> None:
    timing = CacheTiming(poll_interval=0.2, poll_late=1.0, refresh=0, refresh_tasks=0)
    async with faulty(loaded, timing=timing, now=NOON + timedelta(days=1)) as (client, clickhouse):
        versions = client._transport.app.state.services.answers.versions  # type: ignore[attr-defined]
        before, first = await client.get(NUMPY), versions.current
        loaded.load([event("2026-03-11 12:00:00 UTC", "numpy")])
        await until(lambda: versions.current is not first)
        clickhouse.mode = "refusing"
        stale = await client.get(NUMPY)
        clickhouse.mode = "working"
        await until_marked(client, SCIPY, False)
        after = await client.get(NUMPY)

    assert stale.content == before.content
    assert "stale-if-error" in stale.headers["cache-control"]
    assert "age" in stale.headers
    assert len(body(after)["data"]) == 2 * len(body(before)["data"])


async def test_so_many_questions_at_once_and_the_rest_in_turn(loaded: Dataset) -> None:
    async with faulty(loaded, timing=QUICK, max_queries=3) as (client, clickhouse):
        clickhouse.slow_seconds = 0.05
        await asyncio.gather(*[client.get(f"/api/packages/other-{n}/overall") for n in range(20)])

    assert clickhouse.most_at_once == 3


async def test_slow_questions_slow_no_other(loaded: Dataset) -> None:
    async with faulty(loaded, timing=QUICK, query_limits=QueryLimits(2, wait_seconds=0.2)) as (client, clickhouse):
        known = await client.get(NUMPY)
        clickhouse.slow_seconds = 600
        slow = [asyncio.create_task(client.get(path)) for path in ("/api/top", "/api/search?q=n")]
        await until(lambda: clickhouse.slow == 2)
        waited, still_known = await client.get(SCIPY), await client.get(NUMPY)
        assert not any(task.done() for task in slow)
        for task in slow:
            task.cancel()

    assert_problem(waited, 503, "Service Unavailable", BUSY)
    assert (still_known.status_code, still_known.content) == (200, known.content)
    assert still_known.headers["cache-control"] == known.headers["cache-control"]


async def test_the_queue_has_an_end(loaded: Dataset) -> None:
    async with faulty(loaded, timing=QUICK, query_limits=QueryLimits(1, max_waiting=5)) as (client, clickhouse):
        await client.get(NUMPY)
        clickhouse.slow_seconds = 0.2
        answers = await asyncio.gather(*[client.get(f"/api/packages/other-{n}/overall") for n in range(30)])

    assert sorted({answer.status_code for answer in answers}) == [404, 503]
    assert sum(answer.status_code == 503 for answer in answers) >= 24


@pytest.mark.parametrize("mode", ["refusing", "hanging"])
async def test_ready_while_anything_can_be_answered(loaded: Dataset, mode: Mode) -> None:
    timing = CacheTiming(poll_interval=0.2, poll_late=1.0, poll_timeout=3.0)
    async with faulty(loaded, timing=timing) as (client, clickhouse):
        clickhouse.mode = mode
        nothing = await client.get("/health?deep=1")
        clickhouse.mode = "working"
        await until_marked(client, NUMPY, False)
        clickhouse.mode = mode
        ready, alive = await client.get("/health?deep=1"), await client.get("/health")

    assert (nothing.status_code, nothing.json()["detail"]) == (503, "ClickHouse does not answer")
    assert (
        body(ready).items()
        >= {
            "status": "ok",
            "clickhouse": "unreachable",
            "reason": "ClickHouse does not answer; cached responses are served",
            "newest_day": "2026-03-10",
        }.items()
    )
    assert body(alive) == {"status": "ok"}


async def test_responses_are_computed_again_in_small_steps(
    loaded: Dataset,
) -> None:
    timing = CacheTiming(poll_interval=0.2, refresh_tasks=2, refresh_pause=60)
    async with faulty(loaded, timing=timing, now=NOON + timedelta(days=1)) as (client, clickhouse):
        answers_cache = client._transport.app.state.services.answers  # type: ignore[attr-defined]
        paths = [f"/api/packages/numpy/{kind}" for kind in ("overall", "system", "country", "version", "file_type")]
        before = {path: (await client.get(path)).content for path in paths}
        first = answers_cache.versions.current
        loaded.load([event("2026-03-11 12:00:00 UTC", "numpy")])
        await until(lambda: answers_cache.versions.current is not first)
        await until(lambda: sum(entry.version is not first for entry in answers_cache.answers.recently_used()) == 2)
        polls = clickhouse.polls
        await until(lambda: clickhouse.polls > polls + 2)
        answers = {path: (await client.get(path)).content for path in paths}

    # The last two that were asked for; the others are as they were, until their time is over.
    assert [path for path in paths if answers[path] != before[path]] == paths[-2:]
