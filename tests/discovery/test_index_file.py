"""The index on disk: what is written is read; what cannot be read is set aside."""

import json
import logging
import resource
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from app.discovery.index.entries import Entry, GitHubMetadata
from app.discovery.index.file import FILE_NAME, UNREADABLE_FILE_NAME, IndexFile, IndexScope
from app.discovery.index.search import Index

AT = datetime(2026, 3, 11, 12, tzinfo=UTC)
SCOPE = IndexScope(("flet",), "flet-dev/flet", "packages", 30)
ENTRIES = (
    Entry(
        name="flet",
        display_name="Flet",
        links={"Source": "https://github.com/flet-dev/flet"},
        github=GitHubMetadata("flet-dev/flet", 1, 2, 3, archived=True, pushed_at=AT),
        downloads=5,
        trend=1.5,
        created_at=AT,
    ),
    Entry(name="flet-audio", display_name="flet-audio"),
)
INDEX = Index(ENTRIES, AT, counted_at=AT)
WHOLE = msgspec.json.encode({"format": 1, "scope": SCOPE, "built_at": AT, "counted_at": AT, "entries": ENTRIES})


@pytest.fixture
def index_file(tmp_path: Path) -> IndexFile:
    return IndexFile(tmp_path / "deep" / "cache", SCOPE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache" / FILE_NAME


def test_what_is_written_is_read(index_file: IndexFile, file: Path) -> None:
    assert index_file.read() is None
    index_file.write(INDEX)
    read = index_file.read()

    assert read is not None
    assert (read.built_at, read.counted_at) == (AT, AT)
    assert msgspec.json.encode(read.entries) == msgspec.json.encode(ENTRIES)
    assert json.loads(file.read_bytes())["format"] == 1
    assert [path.name for path in file.parent.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"format": 0, "entries": []}',
        b'{"format": 2}',
        b'{"format": 1, "entries": 5}',
        b'{"format": "1"}',
        b'{"format": 1, "entries": ' + b"[" * 100_000,
        b'{"format": ' + b"[" * 100_000,
        WHOLE.replace(b'"built_at":"2026-03-11T12:00:00Z"', b'"built_at":"2026-03-11T12:00:00"'),
        WHOLE.replace(b'"counted_at":"2026-03-11T12:00:00Z"', b'"counted_at":"2026-03-11T12:00:00"'),
        WHOLE.replace(b'"pushed_at":"2026-03-11T12:00:00Z"', b'"pushed_at":"2026-03-11T12:00:00"'),
        WHOLE.replace(b'"created_at":"2026-03-11T12:00:00Z"', b'"created_at":"2026-03-11T12:00:00"'),
    ],
    ids=lambda content: content[:30],
)
def test_a_damaged_file_or_one_of_another_format_is_set_aside(
    index_file: IndexFile, file: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(content)

    assert index_file.read() is None
    assert [path.name for path in file.parent.iterdir()] == [UNREADABLE_FILE_NAME]
    assert (file.parent / UNREADABLE_FILE_NAME).read_bytes() == content
    assert "cannot be used" in caplog.text
    index_file.write(INDEX)
    assert index_file.read() is not None


def test_a_file_cut_anywhere_is_set_aside(index_file: IndexFile, file: Path) -> None:
    index_file.write(INDEX)
    whole = file.read_bytes()
    for end in range(0, len(whole), 7):
        file.write_bytes(whole[:end])
        assert index_file.read() is None


def test_the_index_of_another_ecosystem_is_not_served(
    index_file: IndexFile, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index_file.write(INDEX)
    caplog.set_level(logging.INFO)

    assert IndexFile(file.parent, IndexScope(("litestar",), "", "", 30)).read() is None
    assert "for other settings" in caplog.text
    assert file.exists()


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        IndexFile(tmp_path / "file", SCOPE).write(INDEX)


def test_a_write_that_fails_leaves_the_old_file(index_file: IndexFile, file: Path) -> None:
    index_file.write(Index([], AT))
    before = file.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            index_file.write(INDEX)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [FILE_NAME]
