"""`serve --watch`: what is moved into the folder is loaded while the server answers."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.support.events import event, write_jsonl
from tests.support.server import served

SECONDS = 30


def wait_for(happened: Callable[[], bool]) -> None:
    """Wait for what the server is to do by itself."""
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_files_and_folders_are_loaded_and_moved(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    with (
        served("--watch", "drop", cwd=tmp_path, CLICKHOUSE_URL="chdb://data") as base,
        httpx.Client(base_url=base) as client,
    ):
        assert client.get("/api/packages/numpy/recent").status_code == 503
        wait_for((drop / "failed").is_dir)

        write_jsonl(tmp_path / "one.jsonl", [event("2026-03-09 10:00:00 UTC")])
        (tmp_path / "one.jsonl").rename(drop / "one.jsonl")
        wait_for((drop / "done" / "one.jsonl").exists)
        wait_for(lambda: client.get("/health?deep=1").json().get("newest_day") == "2026-03-09")
        assert client.get("/api/packages/numpy/recent").json()["data"]["last_day"] == 1

        # A folder is one call: the two files hold two halves of one day.
        (tmp_path / "day").mkdir()
        write_jsonl(tmp_path / "day" / "a.jsonl", [event("2026-03-10 10:00:00 UTC")])
        write_jsonl(tmp_path / "day" / "b.jsonl", [event("2026-03-10 23:00:00 UTC"), event("2026-03-10 23:00:00 UTC")])
        (tmp_path / "day").rename(drop / "day")
        wait_for((drop / "done" / "day" / "b.jsonl").exists)
        wait_for(lambda: client.get("/api/packages/numpy/recent?period=day").json()["data"] == {"last_day": 3})


def test_what_cannot_be_loaded_is_moved_with_the_reason(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    with served("--watch", "drop", cwd=tmp_path, CLICKHOUSE_URL="chdb://data"):
        wait_for((drop / "failed").is_dir)
        (tmp_path / "bad.parquet").write_bytes(b"not Parquet")
        for expected in ("bad.parquet", "bad.parquet.2"):
            (drop / "bad.parquet").hardlink_to(tmp_path / "bad.parquet")
            reason = drop / "failed" / f"{expected}.reason.txt"
            wait_for(lambda reason=reason: reason.exists() and reason.read_text() != "")
            assert "bad.parquet: cannot be read as Parquet" in reason.read_text()
            assert (drop / "failed" / expected).exists()
        (drop / ".hidden.jsonl").write_text("{}")
        (drop / "notes.txt").write_text("not data")
        wait_for((drop / "failed" / "notes.txt").exists)
        assert (drop / ".hidden.jsonl").exists()


def test_a_file_that_still_grows_is_left_alone(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    with served("--watch", "drop", cwd=tmp_path, CLICKHOUSE_URL="chdb://data") as base:
        wait_for((drop / "failed").is_dir)
        whole = write_jsonl(tmp_path / "whole.jsonl", [event("2026-03-09 10:00:00 UTC")] * 40).read_bytes()
        step = len(whole) // 40
        with (drop / "slow.jsonl").open("wb") as file:
            for start in range(0, len(whole), step):
                file.write(whole[start : start + step])
                file.flush()
                time.sleep(0.1)
        wait_for((drop / "done" / "slow.jsonl").exists)
        wait_for(lambda: "data" in httpx.get(f"{base}/api/packages/numpy/recent").json())
        assert httpx.get(f"{base}/api/packages/numpy/recent?period=day").json()["data"] == {"last_day": 40}
