"""Names of GitHub repositories. They come from untrusted metadata: what GitHub does not allow is refused."""

import re
from typing import Self
from urllib.parse import urlsplit

import msgspec

OWNER = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}")
"""Letters and digits, with single hyphens between them. `MAX_OWNER_LENGTH` limits the length."""
MAX_OWNER_LENGTH = 39
NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
RESERVED_ENDINGS = (".git", ".wiki")

HOSTS = frozenset({"github.com", "www.github.com"})
SCHEMES = frozenset({"http", "https", "git+http", "git+https"})
SITE_PATHS = frozenset(
    {"apps", "collections", "features", "marketplace", "orgs", "search", "sponsors", "stars", "topics", "users"}
)
"""First segments of the paths of GitHub's own pages, such as the sponsors page that many projects link to."""


class ImpossibleRepositoryError(ValueError):
    """GitHub allows no repository of this name."""


class RepositoryName(msgspec.Struct, frozen=True, eq=False):
    """An owner and a name that GitHub allows, compared without regard to case. Raises ImpossibleRepositoryError."""

    owner: str
    name: str

    def __post_init__(self) -> None:
        if len(self.owner) > MAX_OWNER_LENGTH or not OWNER.fullmatch(self.owner):
            raise ImpossibleRepositoryError("GitHub allows no such owner")
        if not NAME.fullmatch(self.name) or self.name in {".", ".."} or self.name.lower().endswith(RESERVED_ENDINGS):
            raise ImpossibleRepositoryError("GitHub allows no such repository name")

    @classmethod
    def parse(cls, full_name: str) -> Self:
        """The name in `owner/name`. Raises ImpossibleRepositoryError."""
        owner, _, name = full_name.partition("/")
        return cls(owner, name)

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RepositoryName) and str(self).lower() == str(other).lower()

    def __hash__(self) -> int:
        return hash(str(self).lower())


def repository_in_url(url: str) -> RepositoryName | None:
    """The repository of a URL on github.com, of its page or of any page below it; None for every other URL."""
    url = url.strip()
    # urlsplit drops line breaks and tabs, and reads some Unicode characters as a slash.
    if not url.isascii() or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    # The whole netloc: a user, a password or a port is not accepted.
    if parts.scheme not in SCHEMES or parts.netloc.lower() not in HOSTS:
        return None
    match parts.path.split("/"):
        case ["", owner, name, *_] if owner.lower() not in SITE_PATHS:
            try:
                return RepositoryName(owner, name.removesuffix(".git"))
            except ImpossibleRepositoryError:
                return None
        case _:
            return None
