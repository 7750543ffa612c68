"""The command, in processes of its own."""

import re
import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.support.events import event, write_jsonl
from tests.support.server import COMMAND, NOWHERE, environment, run, served


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with an engine folder `data` in which two days are loaded, and their file."""
    folder = tmp_path_factory.mktemp("two_days")
    events = [event("2026-03-09 10:00:00 UTC"), event("2026-03-10 10:00:00 UTC"), event(installer="devpi")]
    write_jsonl(folder / "events.jsonl", events)
    result = run("ingest", "events.jsonl", cwd=folder, CLICKHOUSE_URL="chdb://data")
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture
def loaded(two_days: Path, tmp_path: Path) -> Path:
    """A copy for one test."""
    return Path(shutil.copytree(two_days, tmp_path / "loaded", symlinks=True))


def table(text: str) -> list[list[str]]:
    """The texts of a table's rows, first its heading, which may have several lines."""
    heading = [line.split("┃")[1:-1] for line in text.splitlines() if "┃" in line]
    rows = [line.split("│")[1:-1] for line in text.splitlines() if "│" in line]
    return [[" ".join(" ".join(cell).split()) for cell in zip(*heading, strict=True)], *map(stripped, rows)]


def stripped(cells: list[str]) -> list[str]:
    return [cell.strip() for cell in cells]


def test_ingest_shows_progress_lines_and_a_table(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    events = [event(), event(python="3"), event("2026-03-09 00:00:00 UTC", "flask"), *[event(project="-")] * 2]
    write_jsonl(tmp_path / "a.jsonl", [*events, *[event(f"{today} 00:00:00 UTC")] * 4])
    result = run("ingest", "a.jsonl", cwd=tmp_path, CLICKHOUSE_URL="chdb://data")
    assert result.returncode == 0, result.stderr
    rows = table(result.stdout)
    assert rows == [
        [
            *("day", "downloads read", "left out: today", "malformed Python", "impossible name"),
            *("packages", "rows written"),
        ],
        ["2026-03-09", "1", "0", "0", "0", "1", "29"],
        ["2026-03-10", "4", "0", "1", "2", "1", "31"],
        [str(today), "4", "4", "0", "0", "0", "0"],
        ["2 days", "9", "4", "1", "2", "", "60"],
    ]
    assert result.stderr.splitlines()[0] == "looking at the input"
    assert result.stderr.splitlines()[-2] == "checking sums"
    assert result.stderr.splitlines()[-1].startswith("note: left out: 4 downloads of today, which is not over")


def test_a_loaded_day_is_refused_without_replace(loaded: Path) -> None:
    refused = run("ingest", "events.jsonl", cwd=loaded, CLICKHOUSE_URL="chdb://data")
    assert refused.returncode == 1
    assert "events.jsonl: already loaded: 2026-03-09, 2026-03-10; --replace" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert run("ingest", "--replace", "events.jsonl", cwd=loaded, CLICKHOUSE_URL="chdb://data").returncode == 0


def test_input_that_cannot_be_loaded_exits_with_1(tmp_path: Path) -> None:
    result = run("ingest", "nothing*.parquet", cwd=tmp_path, CLICKHOUSE_URL="chdb://data")
    assert (result.returncode, result.stdout) == (1, "")
    assert "error: nothing*.parquet: no such file" in result.stderr


def test_a_dry_run_looks_at_everything_and_loads_nothing(loaded: Path) -> None:
    today = datetime.now(UTC).date()
    write_jsonl(
        loaded / "more.jsonl",
        [event("2026-03-11 10:00:00 UTC", name) for name in ("numpy", "flask", "-")]
        + [event("2026-03-12 10:00:00 UTC", python="3"), event("2026-03-12 10:00:00 UTC")]
        + [event(f"{today} 00:00:00 UTC")] * 3,
    )
    (loaded / "empty.jsonl").write_bytes(b"")
    before = run("check", cwd=loaded, CLICKHOUSE_URL="chdb://data").stdout

    result = run("ingest", "--dry-run", "more.jsonl", "empty.jsonl", cwd=loaded, CLICKHOUSE_URL="chdb://data")

    assert result.returncode == 0, result.stderr
    rows = table(result.stdout)
    assert rows == [
        ["day", "downloads read", "left out: today", "malformed Python", "impossible name", "packages"],
        ["2026-03-11", "3", "0", "0", "1", "2"],
        ["2026-03-12", "2", "0", "1", "0", "1"],
        [str(today), "3", "3", "0", "0", "0"],
        ["2 days", "8", "3", "1", "1", ""],
    ]
    assert result.stdout.splitlines()[-1] == "nothing was loaded: this was a dry run"
    assert "passed over, without a row: " in result.stderr
    assert "left out: 3 downloads of today" in result.stderr
    assert run("check", cwd=loaded, CLICKHOUSE_URL="chdb://data").stdout == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no such file"),
        ('{"project": "a"}', "neither a column timestamp"),
        ('{"timestamp": "11/10/2026", "project": "a"}', "column timestamp is empty, unreadable"),
        ('{"timestamp": "2036-03-11 10:00:00 UTC", "project": "a"}', "has a date in the future"),
        ('{"timestamp": "2026-03-11 10:00:00 UTC", "project": "-"}', "no usable row"),
        ('{"timestamp": "2026-03-10 10:00:00 UTC", "project": "a"}', "already loaded: 2026-03-10; --replace"),
    ],
)
def test_a_dry_run_has_the_errors_of_a_load(loaded: Path, text: str | None, said: str) -> None:
    if text:
        (loaded / "a.jsonl").write_text(text + "\n")
    dry, real = (
        run("ingest", *options, "a.jsonl", cwd=loaded, CLICKHOUSE_URL="chdb://data") for options in (["--dry-run"], [])
    )

    assert (dry.returncode, real.returncode) == (1, 1)
    assert said in dry.stderr
    assert dry.stderr.splitlines()[-1] == real.stderr.splitlines()[-1]


def test_a_dry_run_may_replace(loaded: Path) -> None:
    arguments = ("ingest", "--dry-run", "--replace", "events.jsonl")
    assert run(*arguments, cwd=loaded, CLICKHOUSE_URL="chdb://data").returncode == 0
    result = run("ingest", "--dry-run", "--demo", cwd=loaded, CLICKHOUSE_URL="chdb://data")
    assert result.returncode == 2


def test_a_server_that_is_away_is_one_line(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [event()])
    for command in (("migrate",), ("ingest", "a.jsonl")):
        result = run(*command, cwd=tmp_path, CLICKHOUSE_URL=NOWHERE)
        assert (result.returncode, result.stderr) == (
            1,
            "error: ClickHouse does not answer: the connection is refused\n",
        )


def test_ingest_takes_files_or_the_demo(tmp_path: Path) -> None:
    for arguments, said in ((("--demo", "a.jsonl"), "--demo takes no FILE"), ((), "give it one FILE or more")):
        result = run("ingest", *arguments, cwd=tmp_path, CLICKHOUSE_URL="chdb://data")
        assert result.returncode == 2
        assert said in result.stderr


def test_ingest_beside_a_running_server_says_so_and_what_to_do(loaded: Path) -> None:
    with served(cwd=loaded, CLICKHOUSE_URL="chdb://data"):
        result = run("ingest", "events.jsonl", cwd=loaded, CLICKHOUSE_URL="chdb://data")
        assert result.returncode == 1
        assert re.search(r"data is in use by process \d+ \(entry.py serve\)", result.stderr)
        assert "--watch FOLDER" in result.stderr
        assert run("check", cwd=loaded, CLICKHOUSE_URL="chdb://data").returncode == 1
    assert run("ingest", "--replace", "events.jsonl", cwd=loaded, CLICKHOUSE_URL="chdb://data").returncode == 0


def test_interrupted_ingest_publishes_nothing(tmp_path: Path) -> None:
    many = [event(f"2026-03-{1 + number % 9:02d} 10:00:00 UTC", f"p{number}") for number in range(200_000)]
    write_jsonl(tmp_path / "many.jsonl", many)
    # A shell that starts the tests in the background has them ignore it, and what they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [*COMMAND, "ingest", "many.jsonl"],
        cwd=tmp_path,
        env=environment(CLICKHOUSE_URL="chdb://data"),
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    assert process.stderr is not None
    while "making room" not in process.stderr.readline():
        pass
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1, stderr
    assert "interrupted; nothing was published" in stderr
    assert "no day is loaded" in run("check", cwd=tmp_path, CLICKHOUSE_URL="chdb://data").stdout


def test_check_is_content_with_complete_days(loaded: Path) -> None:
    result = run("check", cwd=loaded, CLICKHOUSE_URL="chdb://data", GITHUB_TOKEN="hidden-token")
    assert result.returncode == 0, result.stdout
    lines = result.stdout.splitlines()
    assert lines[0] == "ok    settings: CLICKHOUSE_URL=chdb://data, GITHUB_TOKEN=…, PYPI_API_URL=http://127.0.0.1:9"
    assert re.fullmatch(r"ok    connection: ClickHouse [\d.]+ embedded in .*/data", lines[1])
    assert lines[2] == "ok    tables: all there"
    assert lines[3] == "ok    schema: current"
    assert re.fullmatch(r"ok    newest day: 2026-03-10, \d+ behind", lines[4])
    assert lines[5:] == ["ok    days missing in the window: none"]
    assert "hidden-token" not in result.stdout + result.stderr


def test_check_names_missing_days(loaded: Path) -> None:
    write_jsonl(loaded / "later.jsonl", [event("2026-03-13 10:00:00 UTC")])
    assert run("ingest", "later.jsonl", cwd=loaded, CLICKHOUSE_URL="chdb://data").returncode == 0
    result = run("check", cwd=loaded, CLICKHOUSE_URL="chdb://data")
    assert result.returncode == 1
    assert "wrong days missing in the window: 2026-03-11, 2026-03-12" in result.stdout


def test_check_makes_nothing(tmp_path: Path) -> None:
    result = run("check", cwd=tmp_path, CLICKHOUSE_URL="chdb://data")
    assert result.returncode == 1
    assert "there is no folder" in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        (
            "CLICKHOUSE_URL",
            "https://user:hidden@example.com",
            "a server is https://host:port and no more",
        ),
        (
            "CLICKHOUSE_URL",
            "postgres://x",
            "CLICKHOUSE_URL accepts http://host:port, https://host:port and",
        ),
        ("WINDOW_DAYS", "soon", "WINDOW_DAYS='soon' is not accepted"),
    ],
)
def test_a_bad_setting_refuses_to_start(tmp_path: Path, setting: str, value: str, message: str) -> None:
    result = run("serve", cwd=tmp_path, **{"CLICKHOUSE_URL": "chdb://data", setting: value})
    assert result.returncode == 1
    assert message in result.stderr
    assert "hidden" not in result.stderr
    assert "Traceback" not in result.stderr


def test_workers_are_refused_on_an_embedded_engine(tmp_path: Path) -> None:
    result = run("serve", "--workers", "2", cwd=tmp_path, CLICKHOUSE_URL="chdb://data")
    assert result.returncode == 1
    assert "serves one process" in result.stderr


def test_a_terminated_server_leaves_the_folder_to_the_next(loaded: Path) -> None:
    for _ in range(2):
        with served(cwd=loaded, CLICKHOUSE_URL="chdb://data") as base:
            answer = httpx.get(f"{base}/api/packages/numpy/recent")
            assert answer.json()["data"] == {"last_day": 1, "last_month": 2, "last_week": 2}
            assert "x-dataset" not in answer.headers
            assert "server" not in answer.headers
