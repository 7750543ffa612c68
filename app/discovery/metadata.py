"""What a package's summary says of it besides downloads."""

from collections.abc import Mapping

import msgspec

from app.discovery.index.entries import package_license
from app.discovery.sources.lookups import PackageMetadata


class SummaryMetadata(msgspec.Struct, frozen=True):
    """A project on PyPI; `github_stars` is None where it names no repository, or GitHub could not say."""

    version: str | None
    summary: str | None
    license: str | None
    requires_python: str | None
    links: Mapping[str, str]
    github_stars: int | None


def summary_metadata(about: PackageMetadata) -> SummaryMetadata | None:
    """The metadata of a package; None where it is not on PyPI, or PyPI could not say."""
    project, repository = about.project, about.repository
    if project is None:
        return None
    return SummaryMetadata(
        version=project.version,
        summary=project.summary,
        license=package_license(project, repository),
        requires_python=project.requires_python,
        links=project.links,
        github_stars=repository.stars if repository else None,
    )
