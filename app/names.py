"""Package names: the one place that says which are possible and how they are written.

Normalised as https://packaging.python.org/en/latest/specifications/name-normalization/ says.
"""

from packaging.utils import InvalidName, canonicalize_name

ALL_PACKAGES = "__all__"
"""The package that stands for the sum over all packages."""

MAX_NAME_LENGTH = 200

NAME_CHARACTERS = f"1 to {MAX_NAME_LENGTH} ASCII letters, digits, '.', '-' and '_'"
NAME_RULE = f"{NAME_CHARACTERS}, beginning and ending with a letter or digit, or {ALL_PACKAGES}"
PREFIX_RULE = f"{NAME_CHARACTERS}, beginning with a letter or digit"


class ImpossibleNameError(ValueError):
    """No package can have this name."""


def normalise(name: str) -> str:
    """The normalised form of a package's name; `__all__` is itself.

    Raises ImpossibleNameError for a name that no package can have.
    """
    if name == ALL_PACKAGES:
        return name
    # Checked before packaging's pattern: it ignores letter case, which lets some non-ASCII letters through.
    if not name.isascii() or len(name) > MAX_NAME_LENGTH or name.endswith("\n"):
        raise ImpossibleNameError(name)
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        raise ImpossibleNameError(name) from None


def normalise_prefix(prefix: str) -> str:
    """The normalised form of the beginning of a name: `Scikit_` becomes `scikit-`.

    Raises ImpossibleNameError where no package's name begins so.
    """
    normalise(prefix.rstrip("-_.") or prefix)
    return canonicalize_name(prefix)
