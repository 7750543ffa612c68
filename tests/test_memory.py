"""The memory of a server on a ClickHouse server, with its chart workers: docs/operations.md says what suffices."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.fixtures import Backend
from tests.support.server import started, variables

DOCUMENTED = Path(__file__).parents[1] / "docs" / "operations.md"
PACKAGES = 60
MIB = 1 << 20


def documented() -> tuple[int, dict[str, str]]:
    """The bytes that docs/operations.md promises, and the settings for it."""
    found = re.search(r"\*\*(\d+) MiB\.\*\*(.*?)\n\n", DOCUMENTED.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return int(found[1]) * MIB, dict(re.findall(r"([A-Z_]+)=(\w+)", found[2]))


@contextmanager
def most_memory(pid: int) -> Iterator[list[int]]:
    """The most that a process and its children had at once while the block lasts, in one number: proportional shares
    of pages, as they count in a container."""
    most, done = [0], threading.Event()

    def measure() -> None:
        while not done.wait(0.02):
            with suppress(psutil.NoSuchProcess):
                processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
                most[0] = max(most[0], sum(process.memory_full_info().pss for process in processes))

    thread = threading.Thread(target=measure, name="memory")
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


@pytest.mark.only_backend(Backend.HTTP)
def test_the_documented_memory_suffices(make_dataset: Callable[[], Dataset], tmp_path: Path) -> None:
    dataset = make_dataset()
    days = [f"2026-03-{day:02} 12:00:00 UTC" for day in range(1, 11)]
    dataset.load(
        [
            event(day, f"p{number}", python=f"3.{minor}.1")
            for day in days
            for number in range(PACKAGES)
            for minor in range(6, 14)
        ]
    )
    limit, settings = documented()
    assert set(settings) == {"CHART_WORKERS", "CACHE_MAX_BYTES"}
    paths = [
        f"{start}p{number}{end}"
        for number in range(PACKAGES)
        for start, end in [
            *(("/api/packages/", f"/{series}") for series in ("overall", "python_minor", "recent", "badge")),
            ("/packages/", ""),
            ("/api/packages/", "/chart/python_minor?width=2400&height=1600"),
            ("/api/packages/", "/chart/python_minor?format=svg&chart=bar"),
        ]
    ]
    # Anew: a fork of the tests' zygote shares its pages with others.
    with (
        started(cwd=tmp_path, **variables(dataset, **settings), PYTHONPATH=str(Path(__file__).parents[1])) as server,
        most_memory(server.process.pid) as most,
        httpx.Client(base_url=server.base, timeout=300) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        statuses = set(threads.map(lambda path: client.get(path).status_code, paths))

    assert statuses == {200}
    assert 0 < most[0] < limit, f"{most[0] / MIB:.0f} MiB"
