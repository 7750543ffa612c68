"""A folder that is watched: what is moved into it is loaded by the running server.

The embedded engine serves one process, so nobody else can load while it runs. Each entry, a file or a folder of files,
is one ingest call. It goes to `done/` then, or to `failed/` with the reason beside it.
"""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from app.warehouse.engines.errors import InputError, WarehouseError
from app.warehouse.loading.ingest import ingest
from app.warehouse.loading.journal import SUPERSEDED_FOR, sweep_superseded
from app.warehouse.loading.progress import cancel
from app.warehouse.loading.statements import Connect

POLL_SECONDS = 1.0
SWEEP_SECONDS = 60.0
CANCEL_SECONDS = 0.2

logger = logging.getLogger(__name__)

# name and size of every file of an entry, and when each was last written
Look = tuple[tuple[str, int, int], ...]


class Watcher:
    """Loads what appears in a folder, one entry at a time, oldest name first. `published` is called after each."""

    def __init__(self, folder: Path, connect: Connect, published: Callable[[], None]) -> None:
        self._folder = folder
        self._connect = connect
        self._published = published
        self._seen: dict[Path, Look] = {}

    async def run(self) -> None:
        """Watch until cancelled. A load that runs then is stopped; its entry stays, to be loaded at the next start."""
        swept_at = -float("inf")
        while True:
            try:
                for entry in await asyncio.to_thread(self._settled):
                    await self._stoppable(entry)
                if time.monotonic() - swept_at > SWEEP_SECONDS:
                    await asyncio.to_thread(self._sweep)
                    swept_at = time.monotonic()
            except OSError as error:
                # Away for a while, or full: the server goes on, and so does the watching.
                logger.error("%s cannot be watched: %s", self._folder, error.strerror)  # noqa: TRY400
            await asyncio.sleep(POLL_SECONDS)

    async def _stoppable(self, entry: Path) -> None:
        loading = asyncio.create_task(asyncio.to_thread(self._load, entry))
        try:
            if await asyncio.shield(loading):
                self._published()
        except asyncio.CancelledError:
            while not loading.done():
                # Again and again: it may be between two statements.
                await asyncio.to_thread(cancel, self._connect)
                await asyncio.wait([loading], timeout=CANCEL_SECONDS)
            raise

    def _settled(self) -> list[Path]:
        """The entries that have not changed since the last look: what is copied here slowly is not taken half."""
        for folder in (self._folder / "done", self._folder / "failed"):
            folder.mkdir(parents=True, exist_ok=True)
        entries = sorted(
            entry
            for entry in self._folder.iterdir()
            if entry.name not in {"done", "failed"} and not entry.name.startswith(".")
        )
        looks = {entry: _look(entry) for entry in entries}
        settled = [entry for entry, look in looks.items() if look and self._seen.get(entry) == look]
        self._seen = looks
        return settled

    def _load(self, entry: Path) -> bool:
        """Whether the entry was loaded."""
        try:
            days = ingest(self._connect, [str(entry)])
        except InputError as error:
            self._fail(entry, str(error))
        except WarehouseError as error:
            # The input may be fine: it stays, and is tried again at the next look.
            logger.warning("%s could not be loaded now: %s", entry.name, error)
        except Exception:
            logger.exception("%s could not be loaded", entry.name)
            self._fail(entry, "the server failed to load it; its log says why")
        else:
            logger.info("%s was loaded: %s to %s", entry.name, days[0].date, days[-1].date)
            _move(entry, self._folder / "done")
            return True
        return False

    def _fail(self, entry: Path, reason: str) -> None:
        logger.error("%s was not loaded: %s", entry.name, reason)
        there = _move(entry, self._folder / "failed")
        there.with_name(there.name + ".reason.txt").write_text(reason + "\n", encoding="utf-8")

    def _sweep(self) -> None:
        try:
            with self._connect() as client:
                sweep_superseded(client, SUPERSEDED_FOR)
        except WarehouseError as error:
            logger.warning("superseded days could not be removed now: %s", error)


def _look(entry: Path) -> Look:
    files = sorted(path for path in (entry.rglob("*") if entry.is_dir() else [entry]) if path.is_file())
    try:
        return tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)
    except FileNotFoundError:
        return ()


def _move(entry: Path, folder: Path) -> Path:
    """Move an entry into a folder, under a new name where its own is taken; return where it is."""
    there, number = folder / entry.name, 1
    while there.exists():
        number += 1
        there = folder / f"{entry.name}.{number}"
    shutil.move(entry, there)
    return there
