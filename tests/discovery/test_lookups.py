"""Look-ups of one package: what is cached, for how long, and within which timeouts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextvars import copy_context
from datetime import timedelta

import pytest

from app.discovery.sources.github import GitHub
from app.discovery.sources.lookups import GitHubOffError, Lookups, PackageMetadata
from app.discovery.sources.pypi import PyPI
from app.discovery.sources.repository_names import RepositoryName
from app.discovery.sources.timed_lookups import MAX_FLIGHTS_OF_CLIENT, LookupTimeouts, TimedLookups
from app.serving.client import current_client
from tests.discovery.conftest import TEST_SECONDS, Clock
from tests.discovery.stub import Stub

NAME = RepositoryName("owner", "name")
Timed = Callable[..., TimedLookups]


@pytest.fixture
async def lookups(pypi: PyPI, github: GitHub, clock: Clock) -> AsyncIterator[Lookups]:
    lookups = Lookups(pypi, github, lifetime=timedelta(hours=1), negative_lifetime=timedelta(seconds=60), now=clock)
    yield lookups
    await lookups.close()


@pytest.fixture
async def timed(lookups: Lookups, clock: Clock) -> AsyncIterator[Timed]:
    """Makes timed look-ups; by default they wait for every answer."""
    made: list[TimedLookups] = []

    def make(package: float = TEST_SECONDS, statistics: float = TEST_SECONDS) -> TimedLookups:
        made.append(TimedLookups(lookups, clock, LookupTimeouts(package, statistics, pause=30)))
        return made[-1]

    yield make
    for timed_lookups in made:
        await timed_lookups.close()


async def test_a_project_that_does_not_exist_is_cached_for_a_while(stub: Stub, lookups: Lookups, clock: Clock) -> None:
    assert await lookups.project("name") is None
    stub.add_project("name")
    assert await lookups.project("name") is None
    assert len(stub.requests) == 1
    clock.time += timedelta(seconds=60)
    assert await lookups.project("name") is not None
    stub.remove_project("name")
    clock.time += timedelta(hours=1)
    assert await lookups.project("name") is None


async def test_a_repository_that_does_not_exist_is_cached_for_a_while(
    stub: Stub, lookups: Lookups, clock: Clock
) -> None:
    assert await lookups.repository(NAME) is None
    stub.add_repository("owner/name", topics=["flet"])
    assert await lookups.repository(NAME) is None
    assert len(stub.requests) == 1
    clock.time += timedelta(seconds=60)
    assert await lookups.repository(NAME) is not None


async def test_without_github(stub: Stub, pypi: PyPI, clock: Clock) -> None:
    stub.add_project("name", project_urls={"Source": "https://github.com/owner/name"})
    lookups = Lookups(pypi, None, lifetime=timedelta(1), negative_lifetime=timedelta(1), now=clock)
    metadata = await lookups.metadata("name")

    assert (metadata.project is not None, metadata.repository, metadata.unavailable) == (True, None, ("github",))
    assert TimedLookups(lookups, clock, LookupTimeouts()).is_complete(metadata)
    for look_up in (lookups.repository, lookups.readme, lookups.changelog):
        with pytest.raises(GitHubOffError):
            await look_up(NAME)


async def test_statistics_do_not_wait_after_a_timeout(stub: Stub, timed: Timed, clock: Clock) -> None:
    """Until the pause is over. Were `b` waited for, it would be for ten minutes."""
    for name in "abcd":
        stub.add_project(name)
    stub.hold("pypi", until_in_flight=3)
    timed_lookups = timed(statistics=600)
    async with asyncio.timeout(TEST_SECONDS):
        waiting = asyncio.create_task(timed_lookups.metadata("a"))
        await asyncio.sleep(0)
        clock.time += timedelta(seconds=600)
        assert (await timed_lookups.metadata_for_statistics("a")).unavailable == ("pypi",)
        assert (await timed_lookups.metadata_for_statistics("b")).unavailable == ("pypi",)
        # The third request releases the others.
        assert (await timed_lookups.metadata("c")).project is not None
        assert (await waiting).project is not None
        clock.time += timedelta(seconds=30)
        assert (await timed_lookups.metadata_for_statistics("d")).project is not None


async def test_statistics_do_not_ask_a_source_that_has_failed(stub: Stub, timed: Timed, clock: Clock) -> None:
    """Until the pause is over."""
    stub.add_project("name")
    stub.fail_next("pypi", status=403)
    timed_lookups = timed()
    assert (await timed_lookups.metadata_for_statistics("name")).unavailable == ("pypi",)
    assert (await timed_lookups.metadata_for_statistics("name")).unavailable == ("pypi",)
    assert len(stub.requests) == 1
    clock.time += timedelta(seconds=30)
    assert (await timed_lookups.metadata_for_statistics("name")).unavailable == ()
    assert len(stub.requests) == 2


async def test_a_timeout_leaves_the_look_up_in_flight(stub: Stub, timed: Timed) -> None:
    stub.add_project("name")
    stub.hold("pypi", until_in_flight=2)
    hasty, patient = timed(package=0.01), timed()
    metadata = await hasty.metadata("name")
    assert metadata.unavailable == ("pypi",)
    assert not hasty.is_complete(metadata)
    async with asyncio.timeout(TEST_SECONDS):
        # The second request releases the first one.
        await patient.metadata("another")
        metadata = await patient.metadata("name")
    assert metadata.project is not None
    assert patient.is_complete(metadata)
    assert stub.asked("pypi") == ["/pypi/name/json", "/pypi/another/json"]


async def test_made_up_names_leave_room_for_the_look_ups_of_others(stub: Stub, timed: Timed) -> None:
    stub.add_project("real")
    timed_lookups = timed()

    def look_up(name: str, client: str) -> asyncio.Task[PackageMetadata]:
        context = copy_context()
        context.run(current_client.set, client)
        return asyncio.create_task(timed_lookups.metadata(name), context=context)

    async with asyncio.timeout(TEST_SECONDS):
        flood = [look_up(f"made-up-{number}", "192.0.2.1") for number in range(200)]
        real = await look_up("real", "192.0.2.2")
        answers = await asyncio.gather(*flood)

    assert real.project is not None
    assert [answer.unavailable for answer in answers] == [()] * 25 + [("pypi",)] * 175
    assert len(stub.requests) == 26


async def test_look_ups_that_nobody_waits_for_make_room(stub: Stub, timed: Timed) -> None:
    """And PyPI does not count as failing because of them."""
    stub.add_project("real")
    stub.slow_next("pypi", 600, times=2 * MAX_FLIGHTS_OF_CLIENT)
    timed_lookups = timed()

    async with asyncio.timeout(TEST_SECONDS):
        for _ in range(2):
            flood = [
                asyncio.create_task(timed_lookups.metadata(f"made-up-{number}"))
                for number in range(MAX_FLIGHTS_OF_CLIENT)
            ]
            asked = len(stub.requests)
            while len(stub.requests) == asked:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            for task in flood:
                task.cancel()
            await asyncio.gather(*flood, return_exceptions=True)
        stub.clear_faults("pypi")
        real = await timed_lookups.metadata_for_statistics("real")

    assert real.project is not None


async def test_documents_share_the_bound(stub: Stub, lookups: Lookups, timed: Timed) -> None:
    timed_lookups = timed()

    async def document(name: str) -> object:
        return await timed_lookups.document(("readme", name), lambda: lookups.project(name))

    async with asyncio.timeout(TEST_SECONDS):
        found = await asyncio.gather(*[document(f"made-up-{number}") for number in range(100)], return_exceptions=True)

    assert [str(each) for each in found if each] == ["too many look-ups are in flight"] * (100 - MAX_FLIGHTS_OF_CLIENT)
    assert len(stub.requests) == MAX_FLIGHTS_OF_CLIENT
