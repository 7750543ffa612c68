"""The rules of an entry's flags, on the first and the last value of each."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from app.discovery.index.entries import Entry, GitHubMetadata, make_entry
from app.discovery.sources.github import Repository
from app.discovery.sources.pypi import Project, Release
from app.stats.questions import Popularity

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def project(**changes: Any) -> Project:
    values: dict[str, Any] = {
        "name": "flet-charts",
        "display_name": "Flet.Charts",
        "version": "0.3",
        "summary": "Charts for Flet in thirty chars",
        "license": "MIT",
        "requires_python": ">=3.10",
        "keywords": ("charts",),
        "links": {"Source": "https://github.com/someone/flet-charts"},
        "project_url": None,
        "dependencies": ("flet>=0.20",),
        "releases": (Release("0.3", days_ago(100), yanked=False),),
        "created_at": days_ago(200),
        "updated_at": days_ago(100),
        "repository": None,
    }
    return Project(**values | changes)


def repository(**changes: Any) -> Repository:
    values: dict[str, Any] = {
        "full_name": "someone/flet-charts",
        "description": "Charts",
        "stars": 7,
        "forks": 1,
        "open_issues": 2,
        "license": "Apache-2.0",
        "archived": False,
        "topics": ("flet", "charts"),
        "created_at": days_ago(300),
        "pushed_at": days_ago(5),
        "homepage": None,
        "html_url": "https://github.com/someone/flet-charts",
    }
    return Repository(**values | changes)


POPULAR = Popularity(downloads=140, last_month=101, last_week=35, before=70)


def entry(
    of_pypi: Project | None = None,
    of_github: Repository | None = None,
    popularity: Popularity | None = POPULAR,
    *,
    official: bool = False,
) -> Entry:
    return make_entry("flet-charts", of_pypi or project(), of_github, popularity, official=official, now=NOW)


def test_an_entry_is_what_the_sources_say() -> None:
    assert entry(project(), repository()) == Entry(
        name="flet-charts",
        display_name="Flet.Charts",
        version="0.3",
        summary="Charts for Flet in thirty chars",
        license="MIT",
        requires_python=">=3.10",
        keywords=("charts",),
        topics=("flet", "charts"),
        links={"Source": "https://github.com/someone/flet-charts"},
        github=GitHubMetadata("someone/flet-charts", 7, 1, 2, archived=False, pushed_at=days_ago(5)),
        downloads=140,
        trend=2.0,
        created_at=days_ago(200),
        updated_at=days_ago(100),
        dependencies=("flet>=0.20",),
        official=False,
        new=False,
        verified=True,
    )


def test_what_no_source_says_is_null_and_not_0() -> None:
    nothing = make_entry("flet-charts", None, None, None, official=False, now=NOW)

    assert nothing == Entry(name="flet-charts", display_name="flet-charts")
    body = msgspec.to_builtins(nothing)
    assert (body["downloads"], body["github"], "trend" in body) == (None, None, False)


def test_the_license_is_pypi_s_or_else_github_s() -> None:
    assert entry(project(license=None), repository()).license == "Apache-2.0"
    assert entry(project(license=None)).license is None


@pytest.mark.parametrize(
    ("created_at", "new"), [(days_ago(0), True), (days_ago(30), True), (days_ago(30) - SECOND, False), (None, False)]
)
def test_new_for_30_days(created_at: datetime | None, new: bool) -> None:
    assert entry(project(created_at=created_at)).new is new


@pytest.mark.parametrize(
    ("downloads", "last_week", "before", "trend"),
    [
        (100, 25, 100, 1.0),
        (99, 25, 100, UNSET),
        (100, 0, 100, 0.0),
        (400, 150, 200, 3.0),
        (300, 1, 3, 1.33),
        (100, 100, 0, UNSET),
    ],
)
def test_trend(downloads: int, last_week: int, before: int, trend: object) -> None:
    assert entry(popularity=Popularity(downloads, downloads, last_week, before)).trend == trend


@pytest.mark.parametrize(
    ("of_pypi", "of_github", "popularity", "verified"),
    [
        ({}, None, POPULAR, True),
        ({}, None, msgspec.structs.replace(POPULAR, last_month=100), False),
        # More than 100 in the last 30 days, whatever INDEX_DOWNLOAD_DAYS is.
        ({}, None, Popularity(downloads=10_000, last_month=100), False),
        ({}, None, None, False),
        ({"releases": ()}, None, POPULAR, False),
        ({"releases": (Release("0.3", NOW, yanked=True),)}, None, POPULAR, False),
        ({"updated_at": days_ago(180)}, None, POPULAR, True),
        ({"updated_at": days_ago(180) - SECOND}, None, POPULAR, False),
        ({"updated_at": days_ago(181)}, {"pushed_at": days_ago(180)}, POPULAR, True),
        ({"updated_at": days_ago(181)}, {"pushed_at": days_ago(181)}, POPULAR, False),
        ({"updated_at": None}, {"pushed_at": None}, POPULAR, False),
        ({"license": None}, None, POPULAR, False),
        ({"license": None}, {}, POPULAR, True),
        ({"summary": "x" * 30}, None, POPULAR, True),
        ({"summary": "x" * 29}, None, POPULAR, False),
        ({"summary": None}, None, POPULAR, False),
        ({"keywords": ()}, None, POPULAR, False),
        ({"keywords": ()}, {"topics": ("flet",)}, POPULAR, True),
        ({"keywords": ()}, {"topics": ()}, POPULAR, False),
    ],
)
def test_verified(
    of_pypi: dict[str, Any], of_github: dict[str, Any] | None, popularity: Popularity | None, verified: bool
) -> None:
    found = entry(project(**of_pypi), None if of_github is None else repository(**of_github), popularity)

    assert found.verified is verified


def test_official_is_verified_whatever_else() -> None:
    found = entry(project(license=None, summary=None, releases=()), None, None, official=True)

    assert (found.official, found.verified) == (True, True)
