"""Requirements of packages, as PyPI passes them on: their authors may have written anything."""

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

MAX_LENGTH = 1_000
"""Characters. A longer requirement is left out."""


def required_package(text: str) -> str | None:
    """The normalised name of the package that a requirement is for; None for a text that is no requirement."""
    if len(text) > MAX_LENGTH:
        return None
    try:
        return canonicalize_name(Requirement(text).name)
    except (InvalidRequirement, RecursionError):
        # The parser of markers calls itself for each parenthesis.
        return None
