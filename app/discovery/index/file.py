"""The index on disk, as JSON: it is served from start-up until the first build is done."""

import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.discovery.index.entries import Entry, UtcTime
from app.discovery.index.search import Index

FORMAT = 1
"""Incremented when older files can no longer be read."""

FILE_NAME = "discovery-index.json"
UNREADABLE_FILE_NAME = "discovery-index.json.unreadable"

logger = logging.getLogger(__name__)


class IndexScope(msgspec.Struct, frozen=True):
    """The settings that decide what an index contains. An index with another scope is not served."""

    topics: tuple[str, ...]
    official_repo: str
    official_path: str
    download_days: int


class _File(msgspec.Struct, frozen=True):
    format: int
    scope: IndexScope
    built_at: UtcTime
    counted_at: UtcTime | None
    entries: Sequence[Entry]


class _FileFormat(msgspec.Struct, frozen=True):
    format: int


class IndexFile:
    """The file in a folder. Its methods block: call them in a thread."""

    def __init__(self, folder: Path, scope: IndexScope) -> None:
        self._folder = folder
        self._scope = scope

    def read(self) -> Index | None:
        """The index that was written last; None if there is none that can be used."""
        path = self._folder / FILE_NAME
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning("%s cannot be read: %s", path, error.strerror)
            return None
        try:
            number = msgspec.json.decode(text, type=_FileFormat).format
            if number != FORMAT:
                self._set_aside(f"its format is {number}, not {FORMAT}")
                return None
            file = msgspec.json.decode(text, type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._set_aside("it is damaged")
            return None
        if file.scope != self._scope:
            logger.info("%s is an index for other settings; the next build replaces it", path)
            return None
        return Index(file.entries, file.built_at, file.counted_at)

    def write(self, index: Index) -> None:
        """Write the index atomically: a crash leaves the old file or the new one. Raises OSError."""
        text = msgspec.json.encode(_File(FORMAT, self._scope, index.built_at, index.counted_at, index.entries))
        self._folder.mkdir(parents=True, exist_ok=True)
        # In the same folder, because a rename is atomic only there; with a name that no other process uses.
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=f"{FILE_NAME}.")
        new = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._folder / FILE_NAME)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        self._sync_folder()

    def _sync_folder(self) -> None:
        """Write the folder to disk, without which a crash may undo the rename."""
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _set_aside(self, reason: str) -> None:
        path, aside = self._folder / FILE_NAME, self._folder / UNREADABLE_FILE_NAME
        logger.warning(
            "%s cannot be used: %s; it is renamed to %s, and the index built again", path, reason, aside.name
        )
        try:
            path.replace(aside)
        except OSError as error:
            logger.warning("%s cannot be renamed: %s", path, error.strerror)
