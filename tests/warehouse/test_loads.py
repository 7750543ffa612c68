"""A load is published at one instant or not at all: killed at any moment, and beside another writer."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.warehouse.engines.embedded import EmbeddedEngine
from app.warehouse.engines.errors import WarehouseInUseError
from app.warehouse.loading.ingest import ingest
from app.warehouse.loading.progress import Progress
from app.warehouse.loading.writer_lease import WriterBusyError
from tests.support.answers import body, series
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.loader import printed, start_load
from tests.support.oracle import Oracle, published

ROOT = Path(__file__).parents[2]
FIRST = [
    event("2026-03-09 12:00:00 UTC", "numpy", version="1"),
    event("2026-03-09 12:00:00 UTC", "old"),
    event("2026-03-10 12:00:00 UTC", "numpy", version="1"),
]
# Replaces a day, adds one, and takes long enough to be killed in the middle.
SECOND = [
    *[event("2026-03-10 12:00:00 UTC", "numpy", version="2")] * 8_000,
    *[event(f"2026-03-11 12:00:{n % 60:02} UTC", "new", installer=f"i{n % 500}") for n in range(8_000)],
]

# A piece of the statement at which the load is killed, and when: so many seconds after it begins, or once it is done.
ANNOUNCED = "'source', 'holder']"
PUBLISHED = "'events', 'dropped', 'rows', 'dimensions']"
RANDOM = random.Random(2)
UNPUBLISHED = [
    (ANNOUNCED, "after"),  # announced, nothing written
    ("ARRAY JOIN", "after"),  # all packages' rows
    ("SELECT '__all__'", "after"),  # and the sums over them
    ("INSERT INTO overall_daily", "after"),  # and the rows by day
    ("DELETE FROM downloads_daily", "after"),  # in the middle of removing what the one before has left
    ("arrayAll(", "after"),  # the sums are checked, one step before publication
    ("ARRAY JOIN", "0"),
]
ANY_MOMENT = [(ANNOUNCED, f"{RANDOM.uniform(0, 0.4):.3f}") for _ in range(2)]


def run(folder: Path, marker: str, delay: str, file: Path) -> tuple[int, list[dict[str, Any]]]:
    """How a load ends in a process of its own, and the answers before it and, where it comes to its end, after it."""
    process = start_load(folder, marker, delay, str(file), log=folder.with_suffix(".log"))
    status = process.wait()
    assert status in {0, -signal.SIGKILL}, process.output()
    return status, printed(process)


def right(*calls: list[dict[str, Any]]) -> dict[str, Any]:
    """What the loader must print after these calls."""
    oracle = Oracle(published(*calls))
    return {
        "/api/packages/numpy/overall": oracle.series("numpy", "overall", {}),
        "/api/packages/numpy/version": oracle.series("numpy", "version", {}),
        "/api/packages/new/installer": oracle.series("new", "installer", {}),
        "/api/packages/__all__/system": oracle.series("__all__", "system", {}),
        "/api/packages/numpy/summary": oracle.summary("numpy"),
        "/api/recent?package=numpy&package=new&package=old": oracle.recent_of_many(["numpy", "new", "old"]),
        "/api/top?period=week": oracle.top("week"),
        "/api/search?q=n": oracle.search("n"),
    }


def comparable(answers: dict[str, Any]) -> dict[str, Any]:
    """What the loader has printed, in the oracle's form."""
    return {
        path: (answer[0], answer[1] if answer[0] == 200 else None)
        for path, answer in answers.items()
        if path != "facts"
    }


def test_a_killed_load_is_invisible_and_running_it_again_repairs_it(tmp_path: Path) -> None:
    """Each run begins with a look at what the one before, killed, has left to be seen."""
    folder = tmp_path / "data"
    first, second = (
        write_jsonl(tmp_path / name, events) for name, events in (("first.jsonl", FIRST), ("second.jsonl", SECOND))
    )
    status, (_, loaded) = run(folder, "-", "", first)
    assert (status, comparable(loaded)) == (0, right(FIRST))

    for marker, delay in UNPUBLISHED:
        status, seen = run(folder, marker, delay, second)
        assert (status, len(seen)) == (-signal.SIGKILL, 1), marker
        assert comparable(seen[0]) == right(FIRST), marker

    possible = [right(FIRST), right(FIRST, SECOND)]
    for marker, delay in ANY_MOMENT:
        _, seen = run(folder, marker, delay, second)
        assert comparable(seen[0]) in possible
        # Once it was quick enough to be published, it stays so.
        possible = possible[possible.index(comparable(seen[0])) :]

    status, (before, after) = run(folder, "-", "", second)
    assert status == 0
    assert comparable(before) in possible
    assert comparable(after) == right(FIRST, SECOND)
    # Each run has announced a load, unless it was killed at any moment, and so have the first and the last.
    assert after["facts"].pop("loads") - len(UNPUBLISHED) - 2 in range(len(ANY_MOMENT) + 1)
    assert after["facts"] == {
        "left": 0,
        "tables": [
            *("asked", "downloads_daily", "fetched_days", "followed", "incoming", "loads", "overall_daily", "rankings"),
            "schema_versions",
        ],
    }


def test_a_load_that_is_killed_once_it_is_published_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    path = write_jsonl(tmp_path / "first.jsonl", FIRST)
    status, _ = run(folder, PUBLISHED, "after", path)
    assert status == -signal.SIGKILL

    status, (before, after) = run(folder, "-", "", path)

    assert (status, comparable(before), comparable(after)) == (0, right(FIRST), right(FIRST))


class Halted:
    """A load that waits at its first word until it is released."""

    def __init__(self, dataset: Dataset, path: Path) -> None:
        self._go_on, self.begun = threading.Event(), threading.Event()
        self._thread = threading.Thread(
            target=lambda: ingest(dataset.engine.client, [str(path)], report=self._wait), name="halted"
        )

    def _wait(self, _: Progress) -> None:
        self.begun.set()
        assert self._go_on.wait(30)

    def __enter__(self) -> None:
        self._thread.start()
        assert self.begun.wait(30)

    def __exit__(self, *_: object) -> None:
        self._go_on.set()
        self._thread.join()


def test_a_second_writer_in_the_process_is_refused_and_the_first_is_none_the_worse(
    make_dataset: Callable[[], Dataset], tmp_path: Path
) -> None:
    dataset = make_dataset()
    path = write_jsonl(tmp_path / "first.jsonl", FIRST)
    with Halted(dataset, path), pytest.raises(WriterBusyError, match=r"^another load is running; one at a time$"):
        dataset.load_files(path)

    with dataset.client() as client:
        assert body(client.get("/api/packages/numpy/overall?mirrors=true")) == series(
            "overall", "numpy", "with_mirrors 2026-03-09 1", "with_mirrors 2026-03-10 1"
        )
    dataset.load([event("2026-03-08 12:00:00 UTC")])


HOLD = """
import sys, time
from pathlib import Path
from app.warehouse.engines.embedded import EmbeddedEngine
engine = EmbeddedEngine(Path(sys.argv[1]), "pypi")
print("ready", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_told_who_is_there_and_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with subprocess.Popen([sys.executable, "-c", HOLD, folder], cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "ready\n"
        try:
            with pytest.raises(WarehouseInUseError) as error:
                EmbeddedEngine(folder, "pypi")
        finally:
            holder.kill()

    message = str(error.value)
    assert message.startswith(f"{folder} is in use by process {holder.pid} ")
    for advice in ("Stop that process first", "--watch FOLDER", "move the files into that folder"):
        assert advice in message


OPEN = """
import sys
from pathlib import Path
from app.warehouse.engines.embedded import EmbeddedEngine
from app.warehouse.engines.errors import WarehouseInUseError
try:
    EmbeddedEngine(Path(sys.argv[1]), "pypi").close()
    print("opened")
except WarehouseInUseError as error:
    print(error)
"""


def test_another_process_is_refused_as_long_as_this_one_has_the_folder(data_folder: Path, dataset: Dataset) -> None:
    said = subprocess.run(
        [sys.executable, "-c", OPEN, data_folder], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout

    assert said.startswith(f"{data_folder} is in use by process {os.getpid()} ")
    dataset.load(FIRST)


def test_a_folder_whose_holder_was_killed_is_free(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with subprocess.Popen([sys.executable, "-c", HOLD, folder], cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "ready\n"
        holder.kill()

    said = subprocess.run(
        [sys.executable, "-c", OPEN, folder], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout

    assert said == "opened\n"
