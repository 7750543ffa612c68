"""A folder that is watched: the running server loads what is moved or copied into it, once it is complete.

The embedded engine serves one process, so no other process can load while it runs. Each entry, a file or a folder of
files, is one ingest call. It goes to `done/` then, or to `failed/` with the reason beside it. What has no name of a
data file stays where it is.
"""

import asyncio
import logging
import shutil
import stat
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec

from app.warehouse.dimensions import COUNTED_WHERE_KNOWN
from app.warehouse.engines.errors import InputError, WarehouseError
from app.warehouse.loading.completeness import Completeness, completeness
from app.warehouse.loading.finding import is_data
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


class Seen(msgspec.Struct):
    """An entry as it was last seen, since when it has been so, whether it was complete then (None: not yet looked at),
    and whether a log line has said why it is not loaded."""

    look: Look
    since: float
    completeness: Completeness | None = None
    is_logged: bool = False


class Watcher:
    """Loads what appears in a folder, one entry at a time, oldest name first. `published` is called after each.

    An entry that does not show its end is loaded when it has not changed for `quiet_seconds` of the `clock`.
    """

    def __init__(
        self,
        folder: Path,
        connect: Connect,
        published: Callable[[], None],
        quiet_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        dimensions: Collection[str] = COUNTED_WHERE_KNOWN,
    ) -> None:
        self._folder = folder
        self._connect = connect
        self._published = published
        self._quiet_seconds = quiet_seconds
        self._clock = clock
        self._dimensions = dimensions
        self._seen: dict[Path, Seen] = {}
        self._stopped = threading.Event()

    async def run(self) -> None:
        """Watch until cancelled. A load that runs then is stopped; its entry stays, to be loaded at the next start."""
        try:
            await self._watch()
        finally:
            self._stopped.set()

    async def poll(self) -> None:
        """Load the entries that are complete. Raises OSError where the folder cannot be used."""
        for entry in await asyncio.to_thread(self._complete):
            await self._stoppable(entry)

    async def _watch(self) -> None:
        swept_at = -float("inf")
        while True:
            try:
                await self.poll()
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

    def _complete(self) -> list[Path]:
        """The entries that are complete."""
        for folder in (self._folder / "done", self._folder / "failed"):
            if not folder.exists():
                folder.mkdir(parents=True)
                # The users who may read the input may read its results, and no others.
                folder.chmod(stat.S_IMODE(self._folder.stat().st_mode))
        entries = sorted(
            entry
            for entry in self._folder.iterdir()
            if entry.name not in {"done", "failed"} and not entry.name.startswith(".")
        )
        now = self._clock()
        before, self._seen = self._seen, {}
        for entry in entries:
            seen = before.get(entry)
            look = _look(entry)
            self._seen[entry] = seen if seen and seen.look == look else Seen(look, now)
        # What has just appeared or changed may change further.
        unchanged = {entry: seen for entry, seen in self._seen.items() if before.get(entry) is seen}
        return [entry for entry, seen in unchanged.items() if self._is_complete(entry, seen, now)]

    def _is_complete(self, entry: Path, seen: Seen, now: float) -> bool:
        if _has_link(entry):
            self._log(seen, f"{entry.name} is left where it is: symbolic links are not followed")
            return False
        files = [Path(name) for name, *_ in seen.look if is_data(Path(name))]
        if not files:
            self._log(seen, f"{entry.name} is left where it is: its name says no format that can be loaded")
            return False
        is_quiet = now - seen.since >= self._quiet_seconds
        if entry.is_dir() and not is_quiet:
            # Files that are complete do not show that a folder has all of them.
            return False
        if seen.completeness is None:
            try:
                seen.completeness = self._completeness(files)
            except FileNotFoundError:
                return False
        if seen.completeness is Completeness.CUT and is_quiet:
            self._log(seen, f"{entry.name} is not loaded: its end is missing; it is left until it changes")
        return seen.completeness is Completeness.COMPLETE or (seen.completeness is Completeness.UNKNOWN and is_quiet)

    def _completeness(self, files: Sequence[Path]) -> Completeness:
        """That of several files: they are complete if all are, and cut if one is."""
        found = {completeness(file, self._stopped.is_set) for file in files}
        if Completeness.CUT in found:
            return Completeness.CUT
        return Completeness.UNKNOWN if Completeness.UNKNOWN in found else Completeness.COMPLETE

    def _log(self, seen: Seen, text: str) -> None:
        if not seen.is_logged:
            logger.warning("%s", text)
        seen.is_logged = True

    def _load(self, entry: Path) -> bool:
        """Whether the entry was loaded."""
        look = self._seen[entry].look

        def require_unchanged() -> None:
            if _look(entry) != look or _has_link(entry):
                raise InputError("it has changed")

        try:
            days = ingest(self._connect, [str(entry)], before_publishing=require_unchanged, dimensions=self._dimensions)
        except InputError as error:
            if _look(entry) == look:
                self._fail(entry, str(error))
            else:
                logger.warning("%s changed while it was loaded; it is loaded when it is complete", entry.name)
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
        text = there.with_name(there.name + ".reason.txt")
        text.touch(mode=0o600)
        text.write_text(reason + "\n", encoding="utf-8")
        text.chmod(stat.S_IMODE(self._folder.stat().st_mode) & 0o666)

    def _sweep(self) -> None:
        try:
            with self._connect() as client:
                sweep_superseded(client, SUPERSEDED_FOR)
        except WarehouseError as error:
            logger.warning("superseded days could not be removed now: %s", error)


def _has_link(entry: Path) -> bool:
    """Whether an entry is a symbolic link, or has one in it. What it refers to is not what was dropped."""
    return entry.is_symlink() or any(path.is_symlink() for path in entry.rglob("*"))


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
