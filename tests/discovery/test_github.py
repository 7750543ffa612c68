"""GitHub's documented responses: searches, repositories, documents, folders."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from app.discovery.sources.errors import MalformedResponseError
from app.discovery.sources.github import Document, GitHub, Repository
from app.discovery.sources.http import USER_AGENT
from app.discovery.sources.repository_names import RepositoryName
from tests.discovery.conftest import TOKEN
from tests.discovery.shapes import BASE64_LIMIT
from tests.discovery.stub import Stub

NAME = RepositoryName("owner", "name")


async def test_a_repository(stub: Stub, github: GitHub) -> None:
    stub.add_repository(
        "owner/name",
        topics=["flet", "audio"],
        stars=3,
        forks=2,
        open_issues=1,
        license="Apache-2.0",
        archived=True,
        homepage="https://example.org",
        description="Plays sounds",
        created_at="2024-01-26T19:01:12Z",
        pushed_at="2026-03-05T19:06:43Z",
    )
    assert await github.repository(NAME) == Repository(
        full_name="owner/name",
        description="Plays sounds",
        stars=3,
        forks=2,
        open_issues=1,
        license="Apache-2.0",
        archived=True,
        topics=("flet", "audio"),
        created_at=datetime(2024, 1, 26, 19, 1, 12, tzinfo=UTC),
        pushed_at=datetime(2026, 3, 5, 19, 6, 43, tzinfo=UTC),
        homepage="https://example.org",
        html_url="https://github.com/owner/name",
    )
    (request,) = stub.requests
    assert (request.method, request.path, dict(request.query)) == ("GET", "/repos/owner/name", {})
    assert request.headers["User-Agent"] == USER_AGENT
    assert request.headers["Accept"] == "application/vnd.github+json"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert "pypistats-server/" in USER_AGENT


async def test_what_a_repository_does_not_have_is_none(stub: Stub, github: GitHub) -> None:
    stub.add_repository("owner/name", license=None, description=None, homepage="", pushed_at=None)
    repository = await github.repository(NAME)
    assert repository is not None
    assert (repository.license, repository.description, repository.homepage) == (None, None, None)
    assert (repository.pushed_at, repository.topics) == (None, ())


@pytest.mark.parametrize("homepage", ["javascript:alert(1)", "ftp://example.org", "example.org"])
async def test_a_homepage_that_is_not_http_is_none(stub: Stub, github: GitHub, homepage: str) -> None:
    stub.add_repository("owner/name", homepage=homepage, topics=["flet"])
    repository = await github.repository(NAME)
    assert repository is not None
    assert repository.homepage is None


async def test_a_license_that_github_does_not_recognise_is_none(stub: Stub, github: GitHub) -> None:
    stub.add_repository("owner/name", license="NOASSERTION")
    repository = await github.repository(NAME)
    assert repository is not None
    assert repository.license is None


async def test_topics_are_requested_if_the_response_has_none(stub: Stub, github: GitHub) -> None:
    stub.add_repository("owner/name", topics=["flet"]).json.pop("topics")
    repository = await github.repository(NAME)
    assert repository is not None
    assert repository.topics == ("flet",)
    assert stub.asked("github") == ["/repos/owner/name", "/repos/owner/name/topics"]


async def test_a_search_goes_from_page_to_page(stub: Stub, github: GitHub) -> None:
    for number in range(5):
        stub.add_repository(f"owner/name-{number}", topics=["flet"], stars=10 - number)
    stub.add_repository("owner/other", topics=["audio"], stars=100)
    names = [repository.full_name for repository in await github.search("flet", pages=5, per_page=2)]
    assert names == [f"owner/name-{number}" for number in range(5)]
    assert stub.asked("github") == ["/search/repositories"] * 3
    assert [r.query.get("page") for r in stub.requests] == [None, "2", "3"]
    assert {(r.query["q"], r.query["per_page"]) for r in stub.requests} == {("topic:flet", "2")}


async def test_a_search_ends_after_so_many_pages(stub: Stub, github: GitHub) -> None:
    for number in range(5):
        stub.add_repository(f"owner/name-{number}", topics=["flet"])
    assert len(await github.search("flet", pages=2, per_page=2)) == 4
    assert await github.search("nothing", pages=2, per_page=2) == []
    assert len(stub.requests) == 3


async def test_a_search_leaves_out_duplicates_and_impossible_names(stub: Stub, github: GitHub) -> None:
    stub.add_repository("owner/name", topics=["flet"], stars=3)
    stub.add_repository("Owner/Name", topics=["flet"], stars=2)
    stub.add_repository("owner-/name", topics=["flet"], stars=1)
    assert [repository.full_name for repository in await github.search("flet", 1, 10)] == ["owner/name"]


async def test_a_search_is_below_a_path_on_an_enterprise_server(stub: Stub, make_github: Callable[..., GitHub]) -> None:
    # The stub's links have no /api/v3, so they lead out of this base, and only the first page is taken.
    github = make_github(base_url=f"{stub.github_url}/api/v3/")
    assert await github.search("flet", 1, 10) == []
    assert stub.asked("github") == ["/api/v3/search/repositories"]


async def test_a_readme(stub: Stub, github: GitHub) -> None:
    text = "# Naïve ☃\n" * 100
    stub.add_repository("owner/name", readme=text)
    assert await github.readme(NAME) == Document(
        path="README.md", content=text, source="https://github.com/owner/name/blob/main/README.md"
    )


@pytest.mark.parametrize("text", ["", "\ufeffmarked", "\r\n"])
async def test_small_readmes(stub: Stub, github: GitHub, text: str) -> None:
    stub.add_repository("owner/name", readme=text)
    readme = await github.readme(NAME)
    assert readme is not None
    assert readme.content == text.removeprefix("\ufeff")


async def test_a_readme_too_large_for_base64_is_fetched_raw(stub: Stub, github: GitHub) -> None:
    text = "x☃" * (BASE64_LIMIT // 2)
    stub.add_repository("owner/name", readme=text)
    readme = await github.readme(NAME)
    assert readme is not None
    assert readme.content == text
    assert [request.headers["Accept"].split(".")[-1] for request in stub.requests] == ["github+json", "raw+json"]


async def test_no_readme(stub: Stub, github: GitHub) -> None:
    stub.add_repository("owner/name")
    assert await github.readme(NAME) is None


@pytest.mark.parametrize(
    "path",
    [
        "CHANGELOG.md",
        "changelog.md",
        "CHANGES.md",
        "HISTORY.md",
        "NEWS.md",
        "CHANGELOG.rst",
        "CHANGES",
        "NEWS.txt",
        "RELEASE_NOTES.md",
        "docs/changelog.md",
        "docs/CHANGES.rst",
        "doc/history.md",
    ],
)
async def test_a_changelog_of_a_usual_name(stub: Stub, github: GitHub, path: str) -> None:
    files = {path: "## 1.0", "README.md": "", "app/changelog.py": "", "docs/conf.py": "", "changelog.d/1.md": ""}
    stub.add_repository("owner/name", files=files)
    changelog = await github.changelog(NAME)
    assert changelog is not None
    assert (changelog.path, changelog.content) == (path, "## 1.0")
    assert len(stub.requests) <= 4


async def test_the_most_usual_changelog_of_several(stub: Stub, github: GitHub) -> None:
    stub.add_repository("owner/name", files=dict.fromkeys(("NEWS.md", "HISTORY.txt", "HISTORY.md", "docs/a"), ""))
    changelog = await github.changelog(NAME)
    assert changelog is not None
    assert changelog.path == "HISTORY.md"


@pytest.mark.parametrize("files", [{}, {"README.md": ""}, {"docs/index.md": ""}, {"CHANGELOG.md/part.md": ""}])
async def test_no_changelog(stub: Stub, github: GitHub, files: dict[str, str]) -> None:
    stub.add_repository("owner/name", files=files)
    assert await github.changelog(NAME) is None


async def test_folders(stub: Stub, github: GitHub) -> None:
    files = {f"sdk/python/packages/{name}": "" for name in ("flet-video/a.py", "flet/a/b.py", "flet/c.py", "README.md")}
    stub.add_repository("owner/name", files=files)
    assert await github.folders(NAME, "sdk/python/packages") == ["flet", "flet-video"]
    assert await github.folders(NAME, "/sdk/") == ["python"]
    assert await github.folders(NAME, "") == ["sdk"]
    assert await github.folders(NAME, "elsewhere") == []
    assert await github.folders(NAME, "sdk/python/packages/README.md") == []
    assert stub.asked("github")[0] == "/repos/owner/name/contents/sdk/python/packages"


@pytest.mark.parametrize(
    "changes",
    [
        {"stargazers_count": "many"},
        {"created_at": "yesterday"},
        {"created_at": "2026-01-01T00:00:00"},
        {"topics": "flet"},
        {"full_name": None},
        {"full_name": "../name"},
    ],
)
async def test_a_malformed_repository_is_an_error(stub: Stub, github: GitHub, changes: dict[str, object]) -> None:
    stub.add_repository("owner/name", topics=["flet"]).json |= changes
    with pytest.raises(MalformedResponseError, match="GitHub gave a malformed response"):
        await github.repository(NAME)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b'{"full_name": [', b"\xff\xfe", b'"\xff"', b"[" * 100_000]
)
async def test_a_malformed_body_is_an_error(stub: Stub, github: GitHub, body: bytes) -> None:
    for ask in (github.repository, github.readme):
        stub.malform_next("github", body=body)
        if body == b"[]" and ask == github.readme:
            assert await ask(NAME) is None  # a folder
            continue
        with pytest.raises(MalformedResponseError, match="GitHub gave a malformed response"):
            await ask(NAME)


async def test_content_that_is_not_base64_is_an_error(stub: Stub, github: GitHub) -> None:
    stub.malform_next(
        "github", body=b'{"type":"file","name":"R","path":"R","encoding":"base64","size":1,"content":"x"}'
    )
    with pytest.raises(MalformedResponseError, match="no base64"):
        await github.readme(NAME)
