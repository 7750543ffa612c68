"""Package names: which are valid, and their normalised form.

Normalised by https://packaging.python.org/en/latest/specifications/name-normalization/.
"""

from packaging.utils import InvalidName, canonicalize_name

ALL_PACKAGES = "__all__"
"""The pseudo-package with the downloads of all packages."""

MAX_NAME_LENGTH = 200

NAME_CHARACTERS = f"1 to {MAX_NAME_LENGTH} ASCII letters, digits, '.', '-' and '_'"
NAME_RULE = f"{NAME_CHARACTERS}, beginning and ending with a letter or digit, or {ALL_PACKAGES}"
PREFIX_RULE = f"{NAME_CHARACTERS}, beginning with a letter or digit"


class ImpossibleNameError(ValueError):
    """The name is not a valid package name."""


def normalise(name: str) -> str:
    """The normalised form of a package's name; `__all__` is itself.

    Raises ImpossibleNameError for an invalid name.
    """
    if name == ALL_PACKAGES:
        return name
    # Checked first: packaging's pattern ignores case, so it accepts some non-ASCII letters.
    if not name.isascii() or len(name) > MAX_NAME_LENGTH or name.endswith("\n"):
        raise ImpossibleNameError(name)
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        raise ImpossibleNameError(name) from None


def normalise_prefix(prefix: str) -> str:
    """The normalised form of a prefix of package names: `Scikit_` becomes `scikit-`.

    Raises ImpossibleNameError where no valid name begins with it.
    """
    normalise(prefix.rstrip("-_.") or prefix)
    return canonicalize_name(prefix)
