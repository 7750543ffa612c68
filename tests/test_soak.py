"""Some seconds of the mixed load that `make soak` makes for ten minutes: nothing fails, and nothing is left behind."""

import asyncio

import pytest

from bench.soak import FILE_SLACK, mixed_load, soak
from tests.support.events import event
from tests.support.fixtures import Dataset
from tests.support.load import wait_until
from tests.support.raw_http import serving
from tests.support.scale import sized

SECONDS = sized(4, 15)
ROWS = sized(20_000, 100_000)


@pytest.mark.large
def test_nothing_fails_and_nothing_is_left() -> None:
    soaked = soak(SECONDS, ROWS)

    assert soaked.failures == 0, soaked.statuses
    assert soaked.broken == []
    assert {200, 204, 304, 400, 404, 405} <= set(soaked.statuses)
    assert soaked.after.connections == soaked.before.connections == 1
    assert soaked.after.files <= soaked.before.files + FILE_SLACK


def test_no_task_is_left(dataset: Dataset) -> None:
    """Not of those who gave up, nor of those who were refused."""
    dataset.load([event("2026-03-10 12:00:00 UTC", "package-000000")])
    with serving(dataset.app()) as server:
        loop = server.servers[0].get_loop()
        port = server.servers[0].sockets[0].getsockname()[1]
        before = asyncio.all_tasks(loop)
        with mixed_load(port, packages=3) as clients:
            wait_until(lambda: sum(client.statuses.total() for client in clients) > 2_000, what="load")
        # Look-ups of a PyPI that does not answer end after a while.
        wait_until(lambda: not server.server_state.connections, what="the end of all connections")
        wait_until(lambda: len(asyncio.all_tasks(loop)) <= len(before), what="the end of all tasks")
