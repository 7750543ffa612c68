"""Requests to GitHub: conditional, within limits, retried, and never redirected elsewhere."""

import asyncio
import logging
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from app.discovery.sources.errors import (
    BadTokenError,
    DiscoveryError,
    RateLimitedError,
    RedirectError,
    ResponseTooLargeError,
    SourceUnavailableError,
    UnexpectedStatusError,
)
from app.discovery.sources.github import GitHub
from app.discovery.sources.github_limits import Quota
from app.discovery.sources.http import open_session
from app.discovery.sources.repository_names import RepositoryName
from app.settings import Secret
from tests.discovery.conftest import TEST_SECONDS, TOKEN, Clock
from tests.discovery.stub import Stub

NAME = RepositoryName("owner", "name")


async def test_what_has_not_changed_costs_no_quota(stub: Stub, github: GitHub, clock: Clock) -> None:
    repository = stub.add_repository("owner/name", topics=["flet"], stars=3, readme="one")
    first = await github.repository(NAME)
    assert github.quota == Quota(remaining=4999, limit=5000, reset_at=clock() + timedelta(hours=1))
    assert await github.repository(NAME) == first
    assert stub.not_modified == 1
    assert github.quota is not None
    assert github.quota.remaining == 4999
    repository.json["stargazers_count"] = 4
    changed = await github.repository(NAME)
    assert changed is not None
    assert changed.stars == 4
    assert (stub.not_modified, github.quota.remaining) == (1, 4998)


async def test_pages_of_a_search_are_conditional_too(stub: Stub, github: GitHub) -> None:
    for number in range(3):
        stub.add_repository(f"owner/name-{number}", topics=["flet"])
    first = await github.search("flet", 5, 2)
    assert await github.search("flet", 5, 2) == first
    assert (len(first), stub.not_modified, len(stub.requests)) == (3, 2, 4)


async def test_what_is_remembered_is_bounded(stub: Stub, make_github: Callable[..., GitHub]) -> None:
    github = make_github(max_entries=2)
    names = [RepositoryName("owner", f"name-{number}") for number in range(3)]
    for name in names:
        stub.add_repository(str(name), topics=["flet"])
    for name in (names[0], names[1], names[0], names[2], names[0], names[1]):
        await github.repository(name)
    conditional = [request.path[-1] for request in stub.requests if "If-None-Match" in request.headers]
    assert conditional == ["0", "0"]


async def test_a_repository_that_vanishes(stub: Stub, github: GitHub) -> None:
    stub.add_repository("owner/name", topics=["flet"])
    assert await github.repository(NAME) is not None
    stub.remove_repository("owner/name")
    assert await github.repository(NAME) is None


@pytest.mark.parametrize("status", [410, 451])
async def test_what_was_taken_down_does_not_exist(stub: Stub, github: GitHub, status: int) -> None:
    stub.fail_next("github", status=status)
    assert await github.repository(NAME) is None


async def test_a_renamed_repository_has_its_new_name(stub: Stub, github: GitHub) -> None:
    stub.add_repository("owner/name", readme="here", files={"docs/news.md": "news"})
    stub.rename_repository("owner/name", "new-owner/new-name")
    repository = await github.repository(NAME)
    assert repository is not None
    assert (repository.full_name, repository.name) == ("new-owner/new-name", RepositoryName("new-owner", "new-name"))
    assert stub.asked("github")[:2] == ["/repos/owner/name", "/repositories/1000"]
    readme, changelog = await github.readme(NAME), await github.changelog(NAME)
    assert readme is not None
    assert changelog is not None
    assert (readme.content, changelog.content) == ("here", "news")
    assert readme.source == "https://github.com/new-owner/new-name/blob/main/README.md"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_that_stay_are_followed(stub: Stub, github: GitHub, status: int) -> None:
    stub.add_repository("owner/name", topics=["flet"])
    for location in ("/repositories/1000", f"{stub.github_url}/repos/owner/name", "name"):
        stub.redirect_next("github", location, status=status)
        assert await github.repository(NAME) is not None


async def test_redirects_elsewhere_are_not_followed(
    stub: Stub, make_github: Callable[..., GitHub], github: GitHub
) -> None:
    host = stub.github_url.removeprefix("http://")
    elsewhere = [
        f"{stub.elsewhere_url}/repos/owner/name",
        f"//{stub.elsewhere_url.removeprefix('http://')}/repos",
        f"https://{host}/repos/owner/name",
        f"http://{host}@{stub.elsewhere_url.removeprefix('http://')}/",
        "http://[::1",
        "http://github.example.org/",
        "file:///etc/passwd",
        "mailto:a@b",
    ]
    for location in elsewhere:
        stub.redirect_next("github", location)
        with pytest.raises(RedirectError):
            await github.repository(NAME)
    enterprise = make_github(base_url=f"{stub.github_url}/api/v3")
    for location in ("/", "/api/v4", "/api/v3/../..", "/api/v33/x"):
        stub.redirect_next("github", location)
        with pytest.raises(RedirectError):
            await enterprise.repository(NAME)


async def test_redirects_do_not_go_on_for_ever(stub: Stub, github: GitHub) -> None:
    stub.redirect_next("github", "/repos/owner/name", times=4)
    with pytest.raises(RedirectError, match="more than 3 times"):
        await github.repository(NAME)
    assert len(stub.requests) == 4


async def test_a_user_in_a_redirect_is_ignored(stub: Stub, github: GitHub) -> None:
    stub.add_repository("owner/name", topics=["flet"])
    stub.redirect_next("github", f"http://user:secret@{stub.github_url.removeprefix('http://')}/repos/owner/name")
    assert await github.repository(NAME) is not None
    assert stub.requests[-1].headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("link", ["{elsewhere}/search?page=2", "http://[::1", "//example.org/", "mailto:a@b"])
async def test_a_next_page_elsewhere_is_not_asked_for(stub: Stub, github: GitHub, link: str) -> None:
    link = link.format(elsewhere=stub.elsewhere_url)
    stub.fail_next("github", status=200, body=b'{"items": []}', headers={"Link": f'<{link}>; rel="next"'})
    assert await github.search("flet", 5, 10) == []
    assert len(stub.requests) == 1


async def test_urls_in_responses_are_never_requested(stub: Stub, github: GitHub) -> None:
    urls = {key: f"{stub.elsewhere_url}/{key}" for key in ("url", "html_url", "contents_url", "homepage", "git_url")}
    stub.add_repository("owner/name", readme="x", files={"a/b": ""}, **urls)
    await github.repository(NAME)
    await github.readme(NAME)
    await github.changelog(NAME)
    await github.folders(NAME, "a")
    assert {request.host for request in stub.requests} == {stub.github_url.removeprefix("http://")}


async def test_a_spent_quota_is_an_error_at_once(stub: Stub, github: GitHub, clock: Clock) -> None:
    stub.add_repository("owner/name", topics=["flet"])
    stub.spend_quota(reset_in=600)
    for _ in range(3):
        with pytest.raises(RateLimitedError, match="rate limit is reached") as caught:
            await github.repository(NAME)
        assert caught.value.reset_at == clock() + timedelta(seconds=600)
    assert (len(stub.requests), clock.naps) == (1, [])
    assert github.quota is not None
    assert github.quota.remaining == 0
    await clock.sleep(600)
    assert await github.repository(NAME) is not None


async def limited_until(github: GitHub) -> datetime:
    """When GitHub may be asked for the repository again."""
    with pytest.raises(RateLimitedError) as caught:
        await github.repository(NAME)
    return caught.value.reset_at


async def test_the_last_request_of_a_quota(stub: Stub, github: GitHub, clock: Clock) -> None:
    stub.add_repository("owner/name", topics=["flet"])
    stub.spend_quota(reset_in=600, remaining=1)
    assert await github.repository(NAME) is not None
    with pytest.raises(RateLimitedError) as caught:
        await github.readme(NAME)
    assert caught.value.reset_at == clock() + timedelta(seconds=600)
    # The last response of the quota says that it is the last one, so no request is sent only to be refused.
    assert len(stub.requests) == 1
    await clock.sleep(600)
    assert await github.readme(NAME) is None
    assert len(stub.requests) == 2


async def test_the_quota_of_searches_is_another(stub: Stub, github: GitHub, clock: Clock) -> None:
    stub.add_repository("owner/name", topics=["flet"])
    stub.spend_quota(reset_in=30, resource="search")
    with pytest.raises(RateLimitedError) as caught:
        await github.search("flet", 1, 10)
    assert caught.value.reset_at == clock() + timedelta(seconds=30)
    assert await github.repository(NAME) is not None
    assert github.quota is not None
    assert github.quota.limit == 5000
    await clock.sleep(30)
    assert len(await github.search("flet", 1, 10)) == 1


async def test_a_reset_far_away_or_long_ago(stub: Stub, github: GitHub, clock: Clock) -> None:
    stub.add_repository("owner/name", topics=["flet"])
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "60", "X-RateLimit-Reset": "99999999999999"}
    stub.fail_next("github", status=403, headers=headers)
    stub.fail_next("github", status=403, headers=headers | {"X-RateLimit-Reset": "1"})
    for seconds in (3600, 60):
        assert await limited_until(github) == clock() + timedelta(seconds=seconds)
        await clock.sleep(seconds)
    assert await github.repository(NAME) is not None


@pytest.mark.parametrize("status", [403, 429])
async def test_a_secondary_limit_with_a_time(stub: Stub, github: GitHub, clock: Clock, status: int) -> None:
    stub.add_repository("owner/name", topics=["flet"])
    stub.limit_next(status=status, retry_after=30)
    assert await limited_until(github) == clock() + timedelta(seconds=30)
    with pytest.raises(RateLimitedError):
        await github.search("flet", 1, 10)
    assert len(stub.requests) == 1
    await clock.sleep(30)
    assert await github.repository(NAME) is not None


async def test_a_secondary_limit_without_a_time(stub: Stub, github: GitHub, clock: Clock) -> None:
    stub.add_repository("owner/name", topics=["flet"])
    stub.limit_next(times=3)
    for seconds in (60, 120, 240):
        assert await limited_until(github) == clock() + timedelta(seconds=seconds)
        await clock.sleep(seconds)
    assert await github.repository(NAME) is not None


async def test_a_wait_is_an_hour_at_most(stub: Stub, github: GitHub, clock: Clock) -> None:
    stub.limit_next(times=5, retry_after=10**9)
    for _ in range(5):
        assert await limited_until(github) == clock() + timedelta(hours=1)
        await clock.sleep(3600)
    assert len(stub.requests) == 5


async def test_a_403_that_is_no_limit_is_an_error(stub: Stub, github: GitHub) -> None:
    stub.fail_next("github", status=403, body=b'{"message": "Repository access blocked"}')
    with pytest.raises(UnexpectedStatusError, match="GitHub answers 403") as caught:
        await github.repository(NAME)
    assert caught.value.status == 403


async def test_a_bad_token(stub: Stub, github: GitHub, clock: Clock) -> None:
    stub.add_repository("owner/name", topics=["flet"])
    stub.token = "another"
    for _ in range(3):
        with pytest.raises(BadTokenError, match=r"^GitHub does not accept GITHUB_TOKEN$"):
            await github.repository(NAME)
    assert len(stub.requests) == 1
    stub.token = TOKEN
    await clock.sleep(300)
    assert await github.repository(NAME) is not None


async def test_no_token_is_sent_where_there_is_none(stub: Stub, make_github: Callable[..., GitHub]) -> None:
    await make_github(token="").repository(NAME)
    assert "Authorization" not in stub.requests[0].headers


async def test_blanks_around_a_token_do_not_matter(stub: Stub, make_github: Callable[..., GitHub]) -> None:
    stub.token = TOKEN
    assert await make_github(token=f" {TOKEN}\n").repository(NAME) is None


async def test_failures_that_pass_are_tried_again(stub: Stub, github: GitHub, clock: Clock) -> None:
    stub.add_repository("owner/name", topics=["flet"])
    for order in (
        lambda: stub.fail_next("github", status=500, times=2),
        lambda: stub.fail_next("github", status=503, times=2),
        lambda: stub.cut_next("github", times=2),
    ):
        clock.naps.clear()
        order()
        assert await github.repository(NAME) is not None
        assert 1 <= len(clock.naps) <= 2
        assert all(0 <= nap <= 1 for nap in clock.naps)


async def test_a_timeout_is_tried_again(stub: Stub, clock: Clock) -> None:
    stub.add_repository("owner/name", topics=["flet"])
    stub.slow_next("github", 600)
    async with open_session(total_seconds=3) as session:
        github = GitHub(session, stub.github_url, Secret(TOKEN), now=clock, sleep=clock.sleep)
        assert await github.repository(NAME) is not None
    assert 1 <= len(clock.naps) <= 2
    assert all(0 <= nap <= 1 for nap in clock.naps)


async def test_failures_that_stay_are_errors(stub: Stub, github: GitHub) -> None:
    stub.add_repository("owner/name", topics=["flet"])
    stub.fail_next("github", status=502, times=3)
    with pytest.raises(SourceUnavailableError, match=r"^GitHub answers 502$"):
        await github.repository(NAME)
    stub.cut_next("github", times=3)
    with pytest.raises(SourceUnavailableError, match=r"^GitHub does not answer \(ClientPayloadError\)$"):
        await github.repository(NAME)
    assert len(stub.requests) == 6
    stub.unplug("github")
    with pytest.raises(SourceUnavailableError, match=r"^GitHub does not answer \(ServerDisconnectedError\)$"):
        await github.repository(NAME)
    stub.plug_in("github")
    assert await github.repository(NAME) is not None


async def test_a_response_that_takes_too_long(stub: Stub, clock: Clock) -> None:
    stub.slow_next("github", 5, times=3)
    async with open_session(total_seconds=0.1) as session:
        github = GitHub(session, stub.github_url, Secret(TOKEN), now=clock, sleep=clock.sleep)
        with pytest.raises(SourceUnavailableError, match=r"^GitHub does not answer \(\w*Timeout\w*\)$"):
            await github.repository(NAME)


async def test_no_server(make_github: Callable[..., GitHub]) -> None:
    with pytest.raises(SourceUnavailableError, match=r"^GitHub does not answer \(ClientConnectorError\)$"):
        await make_github(base_url="http://127.0.0.1:1").repository(NAME)


async def test_an_endless_body_is_not_read_on(stub: Stub, github: GitHub) -> None:
    stub.malform_next("github", body=b" " * (5 * 1024 * 1024 + 1))
    with pytest.raises(ResponseTooLargeError, match="5242880 bytes"):
        await github.repository(NAME)


async def test_so_many_at_once_and_no_more(stub: Stub, make_github: Callable[..., GitHub]) -> None:
    github = make_github(max_concurrent=3)
    stub.hold("github", until_in_flight=3)
    async with asyncio.timeout(TEST_SECONDS):
        await asyncio.gather(*(github.repository(RepositoryName("owner", f"name-{number}")) for number in range(20)))
    assert stub.most_in_flight["github"] == 3
    assert len(stub.requests) == 20


async def test_the_token_is_shown_nowhere(
    stub: Stub, make_github: Callable[..., GitHub], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    github = make_github()
    stub.token = TOKEN
    stub.add_repository("owner/name", topics=["flet"])
    errors: list[DiscoveryError] = []

    async def fail(client: GitHub = github) -> None:
        with pytest.raises(DiscoveryError) as caught:
            await client.repository(NAME)
        errors.append(caught.value)

    stub.cut_next("github", times=3)
    await fail()
    stub.fail_next("github", status=502, times=3, body=TOKEN.encode())
    await fail()
    stub.malform_next("github", body=b'{"full_name": "%s"}' % TOKEN.encode())
    await fail()
    stub.fail_next("github", status=418, body=TOKEN.encode())
    await fail()
    stub.redirect_next("github", f"http://example.org/{TOKEN}")
    await fail()
    await fail(make_github(base_url="http://127.0.0.1:1"))
    await fail(make_github(base_url=f"http://x:{TOKEN}@127.0.0.1:1"))
    await fail(make_github(token=f"{TOKEN}\r\nX: y"))
    stub.spend_quota()
    await fail()
    await clock.sleep(3600)
    await github.search("flet", 1, 1)
    stub.token = "another"
    await fail(make_github())
    shown = [caplog.text, repr(github), repr(Secret(TOKEN)), str(vars(github))]
    shown += [str(vars(part)) for part in vars(github).values()]
    shown += ["".join(traceback.format_exception(error)) + repr(error) for error in errors]
    assert len(errors) == 10
    assert all(TOKEN not in text for text in shown)
