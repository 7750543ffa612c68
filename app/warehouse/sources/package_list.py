"""Names of packages to follow, as people write them."""

from pathlib import Path

from app.names import ALL_PACKAGES, ImpossibleNameError, normalise
from app.warehouse.engines.errors import InputError

ALL = "all"
"""In place of the path of a list: every package of the source."""


def read_packages(path: Path) -> list[str]:
    """The normalised names in a file, one a line; what follows `#` is a comment. Raises InputError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    texts = [(f"{path}, line {number}", line.partition("#")[0].strip()) for number, line in enumerate(lines, 1)]
    return [package_to_follow(text, where) for where, text in texts if text]


def package_to_follow(text: str, where: str) -> str:
    """The normalised name of a package; `where` says where the text is from. Raises InputError."""
    try:
        name = normalise(text)
    except ImpossibleNameError:
        raise InputError(f"{where}: {text!r} is not the name of a package") from None
    if name == ALL_PACKAGES:
        raise InputError(f"{where}: {ALL_PACKAGES} is not a package that can be followed")
    return name
