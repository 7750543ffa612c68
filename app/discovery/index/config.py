"""What an index is built from, as the settings have it."""

import re

import msgspec
from packaging.utils import canonicalize_name

from app.discovery.index.file import IndexScope
from app.discovery.sources.repository_names import ImpossibleRepositoryError, RepositoryName
from app.settings import SettingError, Settings

TOPIC = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
"""https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/classifying-your-repository-with-topics"""


class BuildConfig(msgspec.Struct, frozen=True):
    """The topics to search for, and the folder of the official repository whose folders are official packages."""

    topics: tuple[str, ...]
    pages: int
    per_page: int
    official: RepositoryName | None
    official_path: str
    download_days: int

    @property
    def root_packages(self) -> frozenset[str]:
        """The packages that an ecosystem is based on: each has the name of its topic."""
        return frozenset(canonicalize_name(topic) for topic in self.topics)

    @property
    def scope(self) -> IndexScope:
        """The scope of an index that is built with this configuration."""
        return IndexScope(self.topics, str(self.official or ""), self.official_path, self.download_days)


def make_build_config(settings: Settings) -> BuildConfig:
    """The configuration in the settings. Raises SettingError."""
    topics = tuple(dict.fromkeys(filter(None, (t.strip().lower() for t in settings.discovery_topics.split(",")))))
    for topic in topics:
        if not TOPIC.fullmatch(topic):
            raise SettingError(f"DISCOVERY_TOPICS: {topic!r} cannot be a GitHub topic")
    official = settings.discovery_official_repo
    try:
        name = RepositoryName.parse(official) if official != "off" else None
    except ImpossibleRepositoryError as error:
        raise SettingError(f"DISCOVERY_OFFICIAL_REPO={official!r} is not accepted: {error}") from None
    return BuildConfig(
        topics=topics,
        pages=settings.index_max_github_pages,
        per_page=settings.index_github_per_page,
        official=name,
        official_path=settings.discovery_official_path.strip("/"),
        download_days=settings.index_download_days,
    )
