"""Names of GitHub repositories. They come from metadata that strangers write: what GitHub does not allow is refused."""

import re
from typing import Self
from urllib.parse import urlsplit

import msgspec

OWNER = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}")
"""Letters, digits and single hyphens inside; its length is looked at apart."""
MAX_OWNER_LENGTH = 39
NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
RESERVED_ENDINGS = (".git", ".wiki")

HOSTS = frozenset({"github.com", "www.github.com"})
SCHEMES = frozenset({"http", "https", "git+http", "git+https"})
PAGES = frozenset(
    {"apps", "collections", "features", "marketplace", "orgs", "search", "sponsors", "stars", "topics", "users"}
)
"""First parts of paths that are GitHub's own pages and look like owners. Projects link to their sponsors, for one."""


class ImpossibleRepositoryError(ValueError):
    """No repository on GitHub can have this name."""


class RepositoryName(msgspec.Struct, frozen=True, eq=False):
    """An owner and a name that GitHub allows. Letter case does not matter to GitHub, nor to `==`.

    Raises ImpossibleRepositoryError for what it does not allow.
    """

    owner: str
    name: str

    def __post_init__(self) -> None:
        if len(self.owner) > MAX_OWNER_LENGTH or not OWNER.fullmatch(self.owner):
            raise ImpossibleRepositoryError("not an owner that GitHub allows")
        if not NAME.fullmatch(self.name) or self.name in {".", ".."} or self.name.lower().endswith(RESERVED_ENDINGS):
            raise ImpossibleRepositoryError("not a repository's name that GitHub allows")

    @classmethod
    def parse(cls, full_name: str) -> Self:
        """From `owner/name`. Raises ImpossibleRepositoryError."""
        owner, _, name = full_name.partition("/")
        return cls(owner, name)

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RepositoryName) and str(self).lower() == str(other).lower()

    def __hash__(self) -> int:
        return hash(str(self).lower())


def repository_in_url(url: str) -> RepositoryName | None:
    """The repository that a URL on github.com is about: its own page or any below; None for every other URL."""
    url = url.strip()
    # urlsplit drops line ends and tabs, and takes some other letters for a slash: such a URL is not what it looks like.
    if not url.isascii() or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    # The whole of it: a user, a password or a port before or behind the host are not accepted.
    if parts.scheme not in SCHEMES or parts.netloc.lower() not in HOSTS:
        return None
    match parts.path.split("/"):
        case ["", owner, name, *_] if owner.lower() not in PAGES:
            try:
                return RepositoryName(owner, name.removesuffix(".git"))
            except ImpossibleRepositoryError:
                return None
        case _:
            return None
