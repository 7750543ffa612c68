"""The files that are meant by what is named on a command line: files, folders, shell patterns and URLs."""

import glob
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from app.warehouse.engines.errors import InputError
from app.warehouse.loading.files import File
from app.warehouse.loading.formats import compression_of, format_of

REMOTE_FUNCTIONS = {"s3": "s3", "gs": "s3", "https": "url", "http": "url"}

# ClickHouse reads these as a pattern, wherever they stand in a path.
PATTERN_CHARACTERS = re.compile(r"[*?{},]")

# What tools leave beside data: Spark's `_SUCCESS`, Hadoop's checksums, gsutil's downloads that are not whole.
NO_DATA = re.compile(r"_.*|.*\.(crc|gstmp|tmp|part)", re.IGNORECASE)

LISTED = 3
"""File names in a note; how many more there are is said."""

Note = Callable[[str], None]
"""Receives a note about the input that is not an error."""


def find_files(names: Iterable[str], note: Note = lambda _: None) -> list[File]:
    """The files that the names stand for, each once.

    Raises InputError for a name that stands for none, or for a kind of file that is not known.
    """
    files: dict[object, File] = {}
    repeated: list[str] = []
    passed_over: list[str] = []
    for name in names:
        for identity, file in _find(name, passed_over):
            if identity in files:
                repeated.append(file.name)
            files.setdefault(identity, file)
    if passed_over:
        note(f"passed over, no files of downloads by their names: {listed(passed_over)}")
    if repeated:
        note(f"named more than once, counted once: {listed(repeated)}")
    if not files:
        raise InputError("no file to load")
    return list(files.values())


def listed(names: Iterable[str]) -> str:
    """The first of some names, and how many more there are."""
    unique = list(dict.fromkeys(names))
    more = f" and {len(unique) - LISTED:,} more" if len(unique) > LISTED else ""
    return ", ".join(unique[:LISTED]) + more


def is_data(path: Path) -> bool:
    """Whether the name of a file says that it can be loaded."""
    try:
        format_of(str(path), path.name)
    except InputError:
        return False
    return not NO_DATA.fullmatch(path.name)


def _find(name: str, passed_over: list[str]) -> Iterator[tuple[object, File]]:
    """Each file that a name stands for, and what two names of one file have in common."""
    if "://" in name:
        yield name, _remote(name)
        return
    paths = _paths(name, passed_over)
    if not paths:
        raise InputError(f"{name}: no such file")
    for path in paths:
        file = _local(path)
        status = path.stat()
        yield (status.st_dev, status.st_ino), file


def _paths(name: str, passed_over: list[str]) -> list[Path]:
    path = Path(name)
    if path.exists() and not path.is_dir():
        return [path]
    if path.is_dir():
        found = [
            entry for entry in path.rglob("*") if not any(p.startswith(".") for p in entry.relative_to(path).parts)
        ]
    else:
        found = [Path(match) for match in glob.glob(name, recursive=True)]  # noqa: PTH207
    files = sorted(entry for entry in found if entry.is_file())
    data = [entry for entry in files if not NO_DATA.fullmatch(entry.name)]
    passed_over += [str(entry) for entry in files if NO_DATA.fullmatch(entry.name)]
    return data


def _remote(name: str) -> File:
    parts = urlsplit(name)
    if parts.scheme not in REMOTE_FUNCTIONS:
        raise InputError(f"{name}: accepted are files, folders and {', '.join(f'{s}://' for s in REMOTE_FUNCTIONS)}")
    format_, compression = format_of(name, parts.path)
    return File(name, REMOTE_FUNCTIONS[parts.scheme], format_, compression or "auto")


def _local(path: Path) -> File:
    location = str(path.absolute())
    if PATTERN_CHARACTERS.search(location):
        raise InputError(f"{path}: rename it, ClickHouse takes any of * ? {{ }} , in a path for a pattern")
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    format_, compression = format_of(str(path), location)
    return File(location, "file", format_, compression or compression_of(beginning))
