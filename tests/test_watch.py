"""`serve --watch`: what is moved into the folder is loaded while the server answers."""

import asyncio
import gzip
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from clickhouse_connect.driver.client import Client

from app.warehouse.loading.formats import zstd
from app.warehouse.loading.watch import Watcher
from tests.support.dataset import Dataset
from tests.support.events import event, write_jsonl
from tests.support.files import jsonl, nested_parquet
from tests.support.load import wait_until
from tests.support.server import served

QUIET_SECONDS = 60


def test_files_and_folders_are_loaded_and_moved(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    with (
        served("--watch", "drop", cwd=tmp_path, CLICKHOUSE_URL="chdb://data", WATCH_QUIET_SECONDS="1") as base,
        httpx.Client(base_url=base) as client,
    ):
        assert client.get("/api/packages/numpy/recent").status_code == 503
        wait_until((drop / "failed").is_dir)

        write_jsonl(tmp_path / "one.jsonl", [event("2026-03-09 10:00:00 UTC")])
        (tmp_path / "one.jsonl").rename(drop / "one.jsonl")
        wait_until((drop / "done" / "one.jsonl").exists)
        wait_until(lambda: client.get("/health?deep=1").json().get("newest_day") == "2026-03-09")
        assert client.get("/api/packages/numpy/recent").json()["data"]["last_day"] == 1

        # A folder is one call: the two files hold two halves of one day.
        (tmp_path / "day").mkdir()
        write_jsonl(tmp_path / "day" / "a.jsonl", [event("2026-03-10 10:00:00 UTC")])
        write_jsonl(tmp_path / "day" / "b.jsonl", [event("2026-03-10 23:00:00 UTC"), event("2026-03-10 23:00:00 UTC")])
        (tmp_path / "day").rename(drop / "day")
        wait_until((drop / "done" / "day" / "b.jsonl").exists)
        wait_until(lambda: client.get("/api/packages/numpy/recent?period=day").json()["data"] == {"last_day": 3})


def test_what_cannot_be_loaded_is_moved_with_the_reason(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    with served("--watch", "drop", cwd=tmp_path, CLICKHOUSE_URL="chdb://data", WATCH_QUIET_SECONDS="1"):
        wait_until((drop / "failed").is_dir)
        (tmp_path / "bad.parquet").write_bytes(b"not Parquet")
        for expected in ("bad.parquet", "bad.parquet.2"):
            (drop / "bad.parquet").hardlink_to(tmp_path / "bad.parquet")
            reason = drop / "failed" / f"{expected}.reason.txt"
            wait_until(lambda reason=reason: reason.exists() and reason.read_text() != "")
            assert "bad.parquet: cannot be read as Parquet" in reason.read_text()
            assert (drop / "failed" / expected).exists()
        (drop / ".hidden.jsonl").write_text("{}")
        (drop / "notes.txt").write_text("not data")
        (drop / "z.jsonl").write_text("not data")
        wait_until((drop / "failed" / "z.jsonl").exists)
        assert (drop / ".hidden.jsonl").exists()
        assert (drop / "notes.txt").exists()


class Folder:
    """A watched folder, a clock that a test sets, and a real engine that loads."""

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        self.path = folder
        self.now = 1000.0
        self.published = 0
        self.meanwhile: Callable[[], object] = lambda: None
        """Happens once, in the middle of the next load."""
        self._connect = dataset.engine.client
        self._watcher = Watcher(folder, self._client, self._count, QUIET_SECONDS, lambda: self.now)
        self.poll()

    def _client(self) -> Client:
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return self._connect()

    def _count(self) -> None:
        self.published += 1

    def poll(self, after: float = 1.0) -> set[str]:
        """What is in the folder, `done` and `failed` when the watcher has looked once more, so many seconds later."""
        self.now += after
        asyncio.run(self._watcher.poll())
        found = {str(path.relative_to(self.path)) for path in self.path.rglob("*") if path.is_file()}
        return {name for name in found if not name.endswith(".reason.txt")}


@pytest.fixture
def folder(dataset: Dataset, tmp_path: Path) -> Folder:
    dataset.make_tables()
    return Folder(dataset, tmp_path / "drop")


def downloads(dataset: Dataset) -> int:
    """All downloads that are published, as a reader counts them."""
    with dataset.client() as client:
        answer = client.get("/api/packages/numpy/recent")
        return int(answer.json()["data"]["last_month"]) if answer.status_code == 200 else 0


WHOLE = jsonl([event("2026-03-10 10:00:00 UTC")] * 100)
PARQUET = nested_parquet([event("2026-03-10 10:00:00 UTC")] * 100)
ENDED = {
    "day.parquet": PARQUET,
    "day.jsonl.gz": gzip.compress(WHOLE),
    "day.jsonl.zst": zstd.compress(WHOLE),
    "day.parquet.gz": gzip.compress(PARQUET),
}


def test_a_copy_that_stalls_is_not_taken_half(dataset: Dataset, folder: Folder) -> None:
    lines = WHOLE.splitlines(keepends=True)
    file = folder.path / "day.jsonl"
    file.write_bytes(b"".join(lines[:30]))
    assert folder.poll() == {"day.jsonl"}
    for _ in range(12):
        assert folder.poll() == {"day.jsonl"}
    with file.open("ab") as rest:
        rest.write(b"".join(lines[30:]))

    # The quiet time begins anew.
    assert folder.poll(QUIET_SECONDS - 13) == {"day.jsonl"}
    assert folder.poll(QUIET_SECONDS - 1) == {"day.jsonl"}
    assert folder.poll() == {"done/day.jsonl"}
    assert (downloads(dataset), folder.published) == (100, 1)


def test_a_file_that_changes_while_it_is_loaded_is_loaded_anew(dataset: Dataset, folder: Folder) -> None:
    lines = WHOLE.splitlines(keepends=True)
    file = folder.path / "day.jsonl"
    file.write_bytes(b"".join(lines[:30]))
    assert folder.poll() == {"day.jsonl"}
    folder.meanwhile = lambda: file.write_bytes(WHOLE)

    assert folder.poll(QUIET_SECONDS) == {"day.jsonl"}
    assert (downloads(dataset), folder.published) == (0, 0)
    assert folder.poll() == {"day.jsonl"}
    assert folder.poll(QUIET_SECONDS) == {"done/day.jsonl"}
    assert (downloads(dataset), folder.published) == (100, 1)


def test_a_file_that_joins_a_folder_while_it_is_loaded_is_loaded_with_it(dataset: Dataset, folder: Folder) -> None:
    (folder.path / "day").mkdir()
    (folder.path / "day" / "a.jsonl").write_bytes(WHOLE)
    assert folder.poll() == {"day/a.jsonl"}
    folder.meanwhile = lambda: (folder.path / "day" / "b.jsonl").write_bytes(WHOLE)

    assert folder.poll(QUIET_SECONDS) == {"day/a.jsonl", "day/b.jsonl"}
    assert folder.poll() == {"day/a.jsonl", "day/b.jsonl"}
    assert folder.poll(QUIET_SECONDS) == {"done/day/a.jsonl", "done/day/b.jsonl"}
    assert (downloads(dataset), folder.published) == (200, 1)


@pytest.mark.parametrize("name", ENDED)
def test_what_shows_its_end_is_taken_at_once(dataset: Dataset, folder: Folder, name: str) -> None:
    (folder.path.parent / name).write_bytes(ENDED[name])
    (folder.path.parent / name).rename(folder.path / name)

    assert folder.poll() == {name}
    assert folder.poll() == {f"done/{name}"}
    assert downloads(dataset) == 100


@pytest.mark.parametrize("name", ENDED)
@pytest.mark.parametrize("missing", [1, 9, 60])
def test_what_lacks_its_end_is_never_taken(
    dataset: Dataset, folder: Folder, name: str, missing: int, caplog: pytest.LogCaptureFixture
) -> None:
    """And said once, when it has not changed for the quiet time."""
    (folder.path / name).write_bytes(ENDED[name][:-missing])
    for _ in range(3):
        assert folder.poll() == {name}
    assert caplog.messages == []
    for _ in range(3):
        assert folder.poll(QUIET_SECONDS) == {name}
    assert caplog.messages == [f"{name} is not loaded: its end is missing; it is left until it changes"]

    (folder.path / name).write_bytes(ENDED[name])
    assert folder.poll() == {name}
    assert folder.poll() == {f"done/{name}"}
    assert downloads(dataset) == 100


def test_a_folder_is_taken_after_the_quiet_time(dataset: Dataset, folder: Folder) -> None:
    """Its files may be complete, and others still be copied."""
    (folder.path / "day").mkdir()
    (folder.path / "day" / "a.parquet").write_bytes(PARQUET)
    for _ in range(3):
        assert folder.poll() == {"day/a.parquet"}
    (folder.path / "day" / "b.jsonl.gz").write_bytes(gzip.compress(WHOLE)[:-1])
    folder.poll()
    assert folder.poll(QUIET_SECONDS) == {"day/a.parquet", "day/b.jsonl.gz"}
    (folder.path / "day" / "b.jsonl.gz").write_bytes(gzip.compress(WHOLE))
    (folder.path / "day" / "empty.parquet").write_bytes(b"")
    (folder.path / "day" / "_SUCCESS").write_bytes(b"")
    folder.poll()
    assert folder.poll(QUIET_SECONDS) == {
        *("done/day/a.parquet", "done/day/b.jsonl.gz", "done/day/empty.parquet", "done/day/_SUCCESS")
    }
    assert downloads(dataset) == 200


def test_unknown_names_are_left_where_they_are(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    names = {"x.parquet_.gstmp", "notes.txt", "day.jsonl.part", "_SUCCESS", "photos/one.jpg"}
    (folder.path / "photos").mkdir()
    for name in names:
        (folder.path / name).write_bytes(b"PAR1")
    for _ in range(3):
        assert folder.poll(QUIET_SECONDS) == names
    assert sorted(caplog.messages) == [
        f"{name} is left where it is: its name says no format that can be loaded"
        for name in ("_SUCCESS", "day.jsonl.part", "notes.txt", "photos", "x.parquet_.gstmp")
    ]


@pytest.mark.parametrize(
    ("name", "content"), [("x.parquet", b"not Parquet"), ("x.csv.gz", b"not gzip"), ("x.jsonl", b"")]
)
def test_what_is_something_else_fails_after_the_quiet_time(folder: Folder, name: str, content: bytes) -> None:
    (folder.path / name).write_bytes(content)
    assert folder.poll() == folder.poll() == {name}
    assert folder.poll(QUIET_SECONDS) == {f"failed/{name}"}
    assert name in (folder.path / "failed" / f"{name}.reason.txt").read_text()


def test_what_shows_its_end_does_not_wait_for_the_quiet_time_of_a_server(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    settings = {"CLICKHOUSE_URL": "chdb://data", "WATCH_QUIET_SECONDS": "86400"}
    with served("--watch", "drop", cwd=tmp_path, **settings):
        wait_until((drop / "failed").is_dir)
        (drop / "day.jsonl").write_bytes(WHOLE)
        (tmp_path / "day.parquet").write_bytes(PARQUET)
        (tmp_path / "day.parquet").rename(drop / "day.parquet")
        wait_until((drop / "done" / "day.parquet").exists)
        assert (drop / "day.jsonl").exists()


def test_links_are_not_followed(folder: Folder, dataset: Dataset, tmp_path: Path) -> None:
    """Who may write into the folder must not make the server read what he may not read."""
    secret = tmp_path / "secret.jsonl"
    secret.write_bytes(WHOLE)
    (folder.path / "link.jsonl").symlink_to(secret)
    (folder.path / "day").mkdir()
    (folder.path / "day" / "link.jsonl").symlink_to(secret)
    (folder.path / "folder").symlink_to(tmp_path)

    for _ in range(3):
        folder.poll(QUIET_SECONDS)

    assert downloads(dataset) == 0
    assert sorted(path.name for path in folder.path.iterdir()) == ["day", "done", "failed", "folder", "link.jsonl"]
    assert not any((folder.path / "failed").iterdir())


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755])
def test_a_reason_quotes_nothing_and_may_be_read_by_those_who_may_read_the_folder(folder: Folder, mode: int) -> None:
    for name in ("done", "failed"):
        (folder.path / name).rmdir()
    folder.path.chmod(mode)
    line = jsonl([event("2026-03-10 10:00:00 UTC")])
    contents = {"other": b"hush-hush\n", "later": line + b"hush-hush\n", "value": line + b'{"timestamp":hush-hush}\n'}
    for name, content in contents.items():
        (folder.path / f"{name}.jsonl").write_bytes(content)

    folder.poll()
    assert folder.poll(QUIET_SECONDS) == {f"failed/{name}.jsonl" for name in contents}

    failed = folder.path / "failed"
    assert failed.stat().st_mode & 0o777 == mode
    for name in contents:
        reason = failed / f"{name}.jsonl.reason.txt"
        assert reason.stat().st_mode & 0o777 == mode & 0o666
        assert f"{name}.jsonl: " in reason.read_text()
        assert "hush" not in reason.read_text().lower()
    assert "(at row 2)" in (failed / "later.jsonl.reason.txt").read_text()
