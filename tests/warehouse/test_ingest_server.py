"""Loading into a server: what is sent, how much memory that takes, and one writer wherever it was started."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.warehouse.engines.errors import InputError, WarehouseError
from app.warehouse.loading.ingest import ingest
from app.warehouse.loading.journal import abandon, announce
from app.warehouse.loading.load import DEFAULT_LOAD_TIMING, LoadTiming
from app.warehouse.loading.migrations import SchemaError
from app.warehouse.loading.progress import Progress
from app.warehouse.loading.writer_lease import WriterBusyError
from tests.support import files
from tests.support.clickhouse_users import USERS
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.facade import Facade
from tests.support.fixtures import Backend
from tests.support.server import environment, run

pytestmark = pytest.mark.only_backend(Backend.HTTP)

MONDAY, TUESDAY = event("2026-03-09 12:00:00 UTC"), event("2026-03-10 12:00:00 UTC")


def variables(dataset: Dataset) -> dict[str, str]:
    """The environment of a command that may write to a data set."""
    return {
        "CLICKHOUSE_URL": dataset.settings.clickhouse_url,
        "CLICKHOUSE_USER": "ingest",
        "CLICKHOUSE_PASSWORD": USERS["ingest"].password,
        "CLICKHOUSE_DATABASE": dataset.settings.clickhouse_database,
    }


def days(dataset: Dataset) -> list[date]:
    return [day for (day,) in dataset.query("SELECT date FROM loads WHERE state = 'published' ORDER BY date")]


@pytest.mark.parametrize(("compression", "encoding"), [("", ""), (".gz", "gzip"), (".zst", "zstd")])
def test_local_files_are_sent_as_they_are(
    dataset: Dataset, facade: Facade, tmp_path: Path, compression: str, encoding: str
) -> None:
    """The server is on another machine as far as anybody knows: it is never asked for a file of this one."""
    paths = [files.write(tmp_path, kind, [MONDAY], compression) for kind in ("nested.jsonl", "flat.parquet")]
    facade.requests()

    dataset.load_files(*paths)

    requests = facade.requests()
    assert [r["encoding"] for r in requests if "INSERT INTO incoming" in r["sql"]] == [encoding] * 2
    assert not [r for r in requests if str(tmp_path) in r["sql"] + json.dumps(r["parameters"])]
    assert dataset.query("SELECT count() FROM incoming") == [(0,)]


def test_many_shards_are_looked_at_together(dataset: Dataset, facade: Facade, tmp_path: Path) -> None:
    """Of the sixty, those of Parquet have two kinds of columns."""
    for number in range(20):
        files.write(tmp_path, "nested.parquet", [MONDAY]).rename(tmp_path / f"{number}.parquet")
        files.write(tmp_path, "flat.parquet", [MONDAY]).rename(tmp_path / f"flat-{number}.parquet")
        files.write(tmp_path, "dotted.csv", [MONDAY]).rename(tmp_path / f"{number}.csv")
    facade.requests()

    (day,) = dataset.load_files(tmp_path)

    asked = [request["sql"] for request in facade.requests()]
    assert day.events == 60
    assert sum("DESCRIBE TABLE format" in sql for sql in asked) == 2
    assert sum("WHERE usable" in sql for sql in asked) == 1
    assert sum("INSERT INTO incoming" in sql for sql in asked) == 3


PEAK = """
import sys
from pathlib import Path
from app.cli.commands import main
try:
    main(["ingest", *sys.argv[1:]])
finally:
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(int(peak.split()[1]) * 1024)
"""


def test_memory_does_not_grow_with_the_input(make_dataset: Callable[[], Dataset], tmp_path: Path) -> None:
    """Nor does it for Parquet, whose footer comes last."""
    line = json.dumps(MONDAY) + "\n"
    peaks = []
    for number, rows in enumerate((1, 200_000)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "events.jsonl").write_text(line * rows)
        files.write(folder, "dotted.parquet", [MONDAY | {"country_code": f"c{n}"} for n in range(rows // 4 + 1)])
        done = subprocess.run(
            [sys.executable, "-c", PEAK, folder],
            env=environment(**variables(make_dataset())),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        peaks.append(int(done.stdout.splitlines()[-1]))
        assert "1 day" in done.stdout, done.stderr

    assert (tmp_path / "1" / "events.jsonl").stat().st_size > 50 * 2**20
    assert peaks[1] - peaks[0] < 25 * 2**20


def write_journal(dataset: Dataset, load: int, state: str, silent: float) -> None:
    """What a writer on another machine has written so many seconds ago."""
    dataset.query(
        "INSERT INTO loads (load, date, state, source, holder, at) "
        f"SELECT {load}, '1970-01-01', '{state}', 'x.csv', 'process 7 on other (abc)', now64(3) - {silent}"
    )


@pytest.mark.parametrize("sign", ["started", "alive"])
def test_a_second_writer_is_told_who_is_there(dataset: Dataset, sign: str) -> None:
    write_journal(dataset, 1, "started", 1000)
    began = time.monotonic()
    write_journal(dataset, 1, sign, 10)

    with pytest.raises(WriterBusyError) as error:
        dataset.load([MONDAY])

    assert str(error.value).startswith("another load is running, of process 7 on other (abc); one at a time.")
    free_in = int(re.search(r"its lease ends in (\d+) seconds", str(error.value))[1])  # type: ignore[index]
    left = DEFAULT_LOAD_TIMING.silent - 10
    assert left - (time.monotonic() - began) - 1 <= free_in <= left + 1
    assert days(dataset) == []


@pytest.mark.parametrize("end", ["published", "abandoned", "swept"])
def test_the_place_of_one_who_has_come_to_an_end_is_free(dataset: Dataset, end: str) -> None:
    write_journal(dataset, 1, "started", 1)
    write_journal(dataset, 1, end, 0)

    dataset.load([MONDAY])

    assert date(2026, 3, 9) in days(dataset)


def test_the_place_of_one_who_is_silent_is_taken_and_what_he_left_is_removed(dataset: Dataset) -> None:
    write_journal(dataset, 1, "started", DEFAULT_LOAD_TIMING.silent + 1)
    dataset.query(
        "INSERT INTO downloads_daily SELECT 'left', 'overall', 'with_mirrors', toDate('2026-03-09') AS day, "
        "bitOr(bitShiftLeft(toUInt64(1), 16), toUInt64(toUInt16(day))), 1"
    )
    dataset.query("INSERT INTO incoming (load, file, raw_project) VALUES (1, 1, 'left')")

    dataset.load([TUESDAY])

    assert dataset.query("SELECT DISTINCT project FROM downloads_daily ORDER BY project") == [("__all__",), ("numpy",)]
    assert dataset.query("SELECT count() FROM incoming") == [(0,)]
    states = dataset.query("SELECT load, toString(state) FROM loads WHERE load = 1 ORDER BY state")
    assert states == [(1, "started"), (1, "swept"), (1, "abandoned")]


def test_signs_of_life_are_given_while_a_load_runs(dataset: Dataset) -> None:
    signs = "SELECT count() > 2 FROM loads WHERE state = 'alive' AND load = 1"

    def wait(progress: Progress) -> None:
        while progress.step == "checking sums" and dataset.query(signs) == [(False,)]:
            pass

    dataset.load([MONDAY], report=wait, timing=LoadTiming(heartbeat=0.05))

    assert days(dataset) == [date(2026, 3, 9)]


@pytest.mark.parametrize(
    ("step", "error"),
    [("looking at the input", InputError), ("making room", InputError), ("checking sums", WarehouseError)],
)
def test_one_who_was_only_asleep_does_no_harm_when_he_wakes_up(
    dataset: Dataset, step: str, error: type[Exception]
) -> None:
    """Another writer has taken the lease in the meantime, as `writer_lease` does it."""

    def sleep(progress: Progress) -> None:
        if progress.step == step:
            with dataset.engine.client() as other:
                announce(other, 2, "other.csv", "the other")
                abandon(other, 1)

    path = write_jsonl(dataset.folder / "a.jsonl", [MONDAY])
    with pytest.raises(error, match="another writer has taken the lease"):
        ingest(dataset.engine.client, [str(path)], report=sleep)

    assert days(dataset) == []
    # The other one goes on, and the next load comes after it.
    assert dataset.query("SELECT holder FROM loads WHERE load = 2 AND state = 'started'") == [("the other",)]
    with pytest.raises(WriterBusyError, match="of the other; one at a time"):
        dataset.load([MONDAY])


def test_a_load_that_was_published_is_not_abandoned_any_more(dataset: Dataset) -> None:
    dataset.load([MONDAY])
    with dataset.engine.client() as client:
        abandon(client, 1)

    assert dataset.query("SELECT count() FROM loads WHERE state = 'abandoned'") == [(0,)]


def test_of_several_that_begin_at_one_moment_one_gets_the_number(dataset: Dataset) -> None:
    """Below everything that looks before it writes: ClickHouse itself decides."""

    def announced(number: int) -> None:
        with dataset.engine.client() as client:
            announce(client, 1, "x.csv", f"writer {number}")

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(announced, range(8)))

    ((count, holders),) = dataset.query("SELECT count(), uniqExact(holder) FROM loads")
    assert (count, holders) == (1, 1)


def test_four_commands_at_once(dataset: Dataset, tmp_path: Path) -> None:
    """Each loads a day of its own; those that are refused have left nothing, and say who was there."""
    for day in range(1, 5):
        write_jsonl(tmp_path / f"{day}.jsonl", [event(f"2026-03-0{day} 12:00:00 UTC")] * 20_000)
    with ThreadPoolExecutor(4) as commands:
        done = list(
            commands.map(lambda day: run("ingest", f"{day}.jsonl", cwd=tmp_path, **variables(dataset)), range(1, 5))
        )

    published = [date(2026, 3, day) for day, result in enumerate(done, 1) if result.returncode == 0]
    assert published
    assert days(dataset) == published
    for result in done:
        assert result.returncode == 0 or "error: another load " in result.stderr, result.stderr
        assert "Traceback" not in result.stderr
    written = dataset.query("SELECT DISTINCT date FROM downloads_daily ORDER BY date")
    assert [day for (day,) in written] == published


def test_tables_that_are_older_are_not_loaded_into(dataset: Dataset) -> None:
    dataset.query("TRUNCATE TABLE schema_versions")

    with pytest.raises(SchemaError, match="run `pypistats-server migrate`"):
        dataset.load([MONDAY])


def test_migrate_makes_database_and_tables(facade: Facade, dataset: Dataset, tmp_path: Path) -> None:
    settings = variables(dataset) | {"CLICKHOUSE_DATABASE": f"{dataset.settings.clickhouse_database}_made"}
    write_jsonl(tmp_path / "events.jsonl", [MONDAY])
    before = run("ingest", "events.jsonl", cwd=tmp_path, **settings)
    made = run("migrate", cwd=tmp_path, **settings)
    after = run("ingest", "events.jsonl", cwd=tmp_path, **settings)

    assert (before.returncode, made.returncode, after.returncode) == (1, 0, 0), after.stderr
    assert "see CLICKHOUSE_DATABASE" in before.stderr
    assert made.stdout.splitlines()[-1] == "the tables are of this version"


def test_a_file_whose_columns_come_late(dataset: Dataset, tmp_path: Path) -> None:
    """Of a large file only the head is looked at; every line of it has all columns, or the message says so."""
    rows: list[dict[str, Any]] = [MONDAY] * 5_000 + [MONDAY | {"details": None}]

    (day,) = dataset.load_files(write_jsonl(tmp_path / "events.jsonl", rows))

    assert day.events == 5_001
