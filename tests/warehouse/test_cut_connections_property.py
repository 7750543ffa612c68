"""Two machines load the same days at once, and their connections are cut at random moments: what counts is one load.

FAULTS_EXAMPLES sets how many times, each time otherwise.
"""

import itertools
import os
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.settings import Secret
from app.warehouse.engines.errors import InputError, WarehouseError
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.loading import journal, running, writer_lease
from app.warehouse.loading.ingest import ingest
from tests.support.clickhouse_users import USERS
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.facade import Facade
from tests.support.fixtures import Backend
from tests.support.oracle import Oracle, published
from tests.support.proxy import Moment, running_proxy

pytestmark = pytest.mark.only_backend(Backend.HTTP)

EXAMPLES = int(os.environ.get("FAULTS_EXAMPLES", "4"))
OTHER = event("2026-03-08 12:00:00 UTC", "other")

Cuts = Mapping[int, Moment]
Counts = Mapping[str, Any]

# An undisturbed load of one file has some fifty requests.
cuts = st.dictionaries(st.integers(0, 60), st.sampled_from(["before", "running", "answered"]), max_size=4)


_numbers = itertools.count()


class Machine(threading.Thread):
    """A writer that reaches ClickHouse through a proxy of its own."""

    def __init__(self, dataset: Dataset, port: int, cuts: Cuts) -> None:
        number = next(_numbers)
        super().__init__(name=f"load-{number}")
        # Each load is told from all others by the version of its downloads, and has other sums.
        weight = 1 + number % 7
        days = ["2026-03-09 12:00:00 UTC"] * weight + ["2026-03-10 12:00:00 UTC"] * (weight + 1)
        events = [event(day, version=self.name) for day in days]
        oracle = Oracle(published([OTHER], events))
        self.path = write_jsonl(dataset.folder / f"{self.name}.jsonl", events)
        self.right = {
            "/api/packages/numpy/version": oracle.series("numpy", "version", {}),
            "/api/packages/numpy/overall": oracle.series("numpy", "overall", {}),
            "/api/packages/__all__/overall": oracle.series("__all__", "overall", {}),
            "/api/top?period=week": oracle.top("week"),
        }
        self.succeeded = False
        self._dataset, self._port, self._cuts = dataset, port, cuts

    def run(self) -> None:
        password = Secret(USERS["ingest"].password)
        with running_proxy(self._port, cut=lambda number, _: self._cuts.get(number)) as proxy:
            engine = ServerEngine(server_address(proxy.url), "ingest", password, self._dataset.engine.database)
            try:
                self.succeeded = bool(ingest(engine.client, [str(self.path)], replace=True))
            except (WarehouseError, InputError):
                self.succeeded = False


def counted(dataset: Dataset, paths: Iterable[str]) -> Counts:
    """What readers are answered."""
    with dataset.client() as client:
        return {path: ((answer := client.get(path)).status_code, answer.json()) for path in paths}


class Unlocked:
    """In the place of the lock that keeps two loads of one process apart: these are of two machines."""

    def acquire(self, *, blocking: bool) -> bool:
        return True

    def release(self) -> None:
        pass


def test_what_counts_is_one_load_or_the_other(
    dataset: Dataset, facade: Facade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_lease, "_one_writer", Unlocked())
    for module, name in [(running, "POLL_SECONDS"), (journal, "RETRY_SECONDS")]:
        monkeypatch.setattr(module, name, 0.05)
    monkeypatch.setattr(running, "UNREACHABLE_SECONDS", 0.5)
    dataset.load([OTHER])
    first = Machine(dataset, facade.port, {})
    first.run()
    assert first.succeeded
    last = [first]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize="FAULTS_EXAMPLES" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
        # Two machines never do the same twice: there is nothing to shrink.
        phases=[Phase.generate],
    )
    @given(cuts, cuts, st.sampled_from([0.0, 60.0]))
    def check(first_cuts: Cuts, second_cuts: Cuts, silent_seconds: float) -> None:
        with ExitStack() as stack:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            # With 0 the second to come takes the place of the first, who is at work.
            patch.setattr(writer_lease, "SILENT_SECONDS", silent_seconds)
            machines = [Machine(dataset, facade.port, cuts) for cuts in (first_cuts, second_cuts)]
            for machine in machines:
                machine.start()
            for machine in machines:
                machine.join()
            seen = counted(dataset, first.right)
            possible = machines if any(machine.succeeded for machine in machines) else [last[-1], *machines]
            assert seen in [machine.right for machine in possible]
            # The next load ends and removes what is left, and changes nothing of these days.
            patch.setattr(writer_lease, "SILENT_SECONDS", 0.0)
            dataset.load([OTHER], replace=True)
            assert counted(dataset, first.right) == seen
        last.append(next(machine for machine in possible if machine.right == seen))

    check()
