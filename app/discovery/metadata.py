"""What a package's summary says of it besides downloads."""

from collections.abc import Mapping

import msgspec

from app.discovery.index.entries import licence_of
from app.discovery.sources.lookups import About


class Metadata(msgspec.Struct, frozen=True):
    """A project on PyPI; `github_stars` is None where it names no repository, or GitHub could not say."""

    version: str | None
    summary: str | None
    license: str | None
    requires_python: str | None
    links: Mapping[str, str]
    github_stars: int | None


def metadata_of(about: About) -> Metadata | None:
    """The metadata of a package; None where it is not on PyPI, or PyPI could not say."""
    project, repository = about.project, about.repository
    if project is None:
        return None
    return Metadata(
        version=project.version,
        summary=project.summary,
        license=licence_of(project, repository),
        requires_python=project.requires_python,
        links=project.links,
        github_stars=repository.stars if repository else None,
    )
