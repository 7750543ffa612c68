"""A disk that is full: what loads says so and publishes nothing, and what is there is answered as before."""

import functools
import os
import random
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.ecosystem import environment_of, running_ecosystem, wait_for_index
from tests.support.events import event, write_jsonl
from tests.support.load import wait_until
from tests.support.loader import look
from tests.support.oracle import Oracle, published
from tests.support.server import COMMAND, environment, run, served

MEGABYTE = 1 << 20
DISK = 48 * MEGABYTE
EVENTS = 10_000
NAME_BYTES = 200
FIRST = [event("2026-03-09 12:00:00 UTC", project) for project in ("numpy", "numpy", "old")]
PATHS = ["/api/packages/numpy/overall", "/api/packages/__all__/system", "/api/top", "/api/search?q=n"]


def large() -> list[dict[str, Any]]:
    """Another day, which takes some 6 MiB."""
    rng = random.Random(3)
    return [
        event(
            "2026-03-10 12:00:00 UTC",
            rng.choice(["numpy", "old", "new"]),
            version=rng.randbytes(NAME_BYTES).hex(),
            installer=rng.randbytes(NAME_BYTES).hex(),
        )
        for _ in range(EVENTS)
    ]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 48 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs root and the right to mount: a small file system stands for a full disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    """Take all of a disk's space but `leave` bytes; to remove the file gives it back."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            for size in (MEGABYTE, 4096, 1):
                block = bytes(size)
                while shutil.disk_usage(disk).free >= leave + size:
                    file.write(block)
        except OSError:
            pass
    return filler


def answers(base: str) -> dict[str, Any]:
    return {path: (answer := httpx.get(base + path)).json() | {"status": answer.status_code} for path in PATHS}


def right(*calls: list[dict[str, Any]]) -> dict[str, Any]:
    oracle = Oracle(published(*calls))
    found = [
        oracle.series("numpy", "overall", {}),
        oracle.series("__all__", "system", {}),
        oracle.top(),
        oracle.search("n"),
    ]
    return {path: body | {"status": status} for path, (status, body) in zip(PATHS, found, strict=True)}


def left_over(data: Path) -> int:
    """Rows that belong to no published load."""
    return int(look(data)["facts"]["left"])


def test_a_load_that_fills_the_disk_is_none(disk: Path, tmp_path: Path) -> None:
    """Refused in plain words, while the space lasts and when there is none at all; done once there is space again."""
    second = large()
    first_file, second_file = (
        write_jsonl(tmp_path / "first.jsonl", FIRST),
        write_jsonl(tmp_path / "second.jsonl", second),
    )
    at = {"CLICKHOUSE_URL": f"chdb://{disk}/data"}
    assert run("ingest", str(first_file), cwd=tmp_path, **at).returncode == 0

    for leave in (2 * MEGABYTE, 0):
        filler = fill(disk, leave)
        result = run("ingest", str(second_file), cwd=tmp_path, **at)
        assert result.returncode == 1
        last = result.stderr.splitlines()[-1]
        assert last.startswith(("error: no space is left on ClickHouse's disk", "error: ClickHouse cannot write")), last
        assert "Traceback" not in result.stderr
        # A server starts on a disk that is full to the last byte, and answers.
        filler = fill(disk)
        with served(cwd=tmp_path, **at, LOCAL_INDEX_CACHE_DIR=str(disk / "index")) as base:
            assert answers(base) == right(FIRST)
        filler.unlink()

    assert run("ingest", str(second_file), cwd=tmp_path, **at).returncode == 0
    assert left_over(disk / "data") == 0
    with served(cwd=tmp_path, **at) as base:
        assert answers(base) == right(FIRST, second)


def test_a_disk_that_fills_up_under_a_server(disk: Path, tmp_path: Path) -> None:
    """Its answers stay; a load by the watched folder is put off, not lost, and done when there is space."""
    second = large()
    first_file, second_file = (
        write_jsonl(tmp_path / "first.jsonl", FIRST),
        write_jsonl(tmp_path / "second.jsonl", second),
    )
    at = {"CLICKHOUSE_URL": f"chdb://{disk}/data"}
    assert run("ingest", str(first_file), cwd=tmp_path, **at).returncode == 0
    spool, log = tmp_path / "spool", tmp_path / "serve.log"
    with served("--watch", str(spool), cwd=tmp_path, WATCH_QUIET_SECONDS="1", **at) as base:
        filler = fill(disk, 2 * MEGABYTE)
        second_file.rename(spool / "second.jsonl")
        wait_until(lambda: "second.jsonl could not be loaded now" in log.read_text())
        assert answers(base) == right(FIRST)
        filler.unlink()
        wait_until((spool / "done" / "second.jsonl").exists)
        expected = right(FIRST, second)
        wait_until(lambda: answers(base) == expected)
    assert left_over(disk / "data") == 0


def test_the_index_is_served_from_memory_where_it_cannot_be_written(disk: Path, tmp_path: Path) -> None:
    """And the previous file stays as it was."""
    first_file = write_jsonl(tmp_path / "first.jsonl", FIRST)
    at = {"CLICKHOUSE_URL": f"chdb://{tmp_path}/data"}
    assert run("ingest", str(first_file), cwd=tmp_path, **at).returncode == 0
    fill(disk)
    with running_ecosystem() as stub:
        at |= environment_of(stub)
        with served(cwd=tmp_path, **at, LOCAL_INDEX_CACHE_DIR=str(disk)) as base, httpx.Client(base_url=base) as client:
            wait_for_index(client)
            assert client.get("/api/packages").json()["total"] == 2
            assert answers(base) == right(FIRST)
    assert [path.name for path in disk.iterdir()] == ["filler"]
    log = (tmp_path / "serve.log").read_text()
    assert "No space left on device" in log
    assert "Traceback" not in log


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """Where nothing can be mounted: the kernel refuses to write beyond a size, as on a disk with a quota."""
    first_file = write_jsonl(tmp_path / "first.jsonl", FIRST)
    second_file = write_jsonl(tmp_path / "second.jsonl", second := large())
    at = {"CLICKHOUSE_URL": f"chdb://{tmp_path}/data"}
    assert run("ingest", str(first_file), cwd=tmp_path, **at).returncode == 0

    result = subprocess.run(
        [*COMMAND, "ingest", str(second_file)],
        cwd=tmp_path,
        env=environment(**at),
        preexec_fn=functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (MEGABYTE // 2, MEGABYTE // 2)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.returncode == 1
    # What the engine says of it depends on the file that it was: it may find out only when it reads it.
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in result.stderr
    with served(cwd=tmp_path, **at) as base:
        assert answers(base) == right(FIRST)
    assert run("ingest", str(second_file), cwd=tmp_path, **at).returncode == 0
    assert left_over(tmp_path / "data") == 0
    with served(cwd=tmp_path, **at) as base:
        assert answers(base) == right(FIRST, second)
