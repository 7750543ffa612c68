"""The index over time: built in the background from the stub, through every fault, from disk, while it is queried."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from app.discovery.index.build import depends_on
from app.discovery.index.config import make_build_config
from app.discovery.index.file import FILE_NAME
from app.discovery.index.search import IndexQuery
from app.discovery.service import Discovery
from app.settings import Secret, SettingError, Settings
from app.warehouse.reading.warehouse import Warehouse
from tests.discovery.conftest import TEST_SECONDS, SteppedClock
from tests.discovery.stub import Stub
from tests.support.dataset import Dataset
from tests.support.events import event

PATH = "sdk/python/packages"
OFFICIAL = {"Repository": "https://github.com/flet-dev/flet"}


@pytest.fixture
def clock(stub: Stub) -> SteppedClock:
    """The clock of discovery and of the stub's quotas; the time between two builds passes when a test says so."""
    clock = SteppedClock()
    stub.clock = clock.timestamp
    return clock


@pytest.fixture
def ecosystem(stub: Stub) -> Stub:
    """Two official packages, one by the community, one that depends on flet, and what is no package."""
    stub.add_repository(
        "flet-dev/flet", topics=["flet"], stars=100, files={f"{PATH}/{name}/x": "" for name in ("flet", "flet-audio")}
    )
    stub.add_project("flet", project_urls=OFFICIAL)
    stub.add_project("flet-audio", project_urls={"Repository": f"{OFFICIAL['Repository']}/tree/main/{PATH}/flet-audio"})
    stub.add_repository("someone/flet-map", topics=["flet", "map"], stars=5)
    stub.add_project("Flet_Map", project_urls={"Source": "https://github.com/Someone/flet-map.git"})
    stub.add_repository("other/fletx", topics=["flet"])
    stub.add_project("fletx", requires_dist=["requests", "flet[all]!=0.1; python_version > '3'"])
    stub.add_repository("other/todo-app", topics=["flet"])
    stub.add_repository("other/squatted", topics=["flet"])
    stub.add_project("squatted", project_urls={"Source": "https://github.com/stranger/squatted"})
    return stub


@pytest.fixture
def loaded(dataset: Dataset) -> Dataset:
    dataset.load([event(project="flet-map")] * 3 + [event(project="flet"), event(project="unrelated")])
    return dataset


@pytest.fixture
def settings(loaded: Dataset, stub: Stub) -> Settings:
    return msgspec.structs.replace(
        loaded.settings,
        github_token=Secret("ghp_x"),
        github_api_url=stub.github_url,
        pypi_api_url=stub.pypi_url,
    )


@asynccontextmanager
async def discovering(dataset: Dataset, settings: Settings, clock: SteppedClock) -> AsyncIterator[Discovery]:
    """Discovery as the app runs it. `clock.asleep` waits for the end of the first build, `clock.step` of another."""
    reader = dataset.engine.reader()
    warehouse = Warehouse()
    warehouse.open(reader)
    discovery = Discovery(settings, warehouse, clock, sleep=clock.sleep)
    await discovery.open()
    task = asyncio.create_task(discovery.run())
    try:
        yield discovery
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await discovery.close()
        await reader.close()


async def recovered(discovery: Discovery, clock: SteppedClock) -> None:
    """Builds the index until nothing is missing."""
    async with asyncio.timeout(TEST_SECONDS):
        while discovery.status().last_error:
            await clock.step()


def names(discovery: Discovery) -> list[str]:
    assert discovery.index is not None
    return [entry.name for entry in discovery.index.entries]


EVERYTHING = ["flet", "flet-audio", "flet-map", "fletx"]


async def test_a_package_belongs_by_its_own_links_or_by_its_dependencies(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()
        index = discovery.index

    assert index is not None
    assert names(discovery) == EVERYTHING
    assert [entry.official for entry in index.entries] == [True, True, False, False]
    assert [entry.github and entry.github.repository for entry in index.entries] == [
        "flet-dev/flet",
        "flet-dev/flet",
        "someone/flet-map",
        # It depends on flet, but does not say that the repository is its own.
        None,
    ]
    assert [entry.downloads for entry in index.entries] == [1, 0, 3, 0]
    assert index.entries[2].display_name == "Flet_Map"
    assert index.find(IndexQuery(q="topic:map"), 0, 10) == ([index.entries[2]], 1)


async def test_a_renamed_repository_is_still_its_package_s(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    ecosystem.rename_repository("someone/flet-map", "newname/flet-map")
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()

    assert discovery.index is not None
    entry = discovery.index.get("flet-map")
    assert entry is not None
    assert entry.github is not None
    assert entry.github.repository == "newname/flet-map"


async def test_an_official_folder_whose_name_another_has_taken_on_pypi_is_not_official(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    ecosystem.add_project("flet-audio", project_urls={"Source": "https://github.com/stranger/flet-audio"})
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()

    assert names(discovery) == ["flet", "flet-map", "fletx"]


async def test_metadata_that_points_at_other_hosts_is_not_followed(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    host = ecosystem.elsewhere_url
    ecosystem.add_project(
        "fletx",
        requires_dist=["flet"],
        project_urls={
            "Source": f"{host}/repos/other/fletx",
            "Repository": f"https://github.com@{host.removeprefix('http://')}/other/fletx",
            "Code": "https://github.com/../../other",
            "Homepage": f"{host}/other/fletx",
        },
    )
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()

    assert names(discovery) == EVERYTHING
    assert ecosystem.asked("elsewhere") == []


async def test_another_ecosystem(ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock) -> None:
    ecosystem.add_repository("litestar-org/litestar", topics=["litestar"])
    ecosystem.add_project("litestar", project_urls={"Source": "https://github.com/litestar-org/litestar"})
    settings = msgspec.structs.replace(settings, discovery_topics=" Litestar,litestar ", discovery_official_repo="off")
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()

    assert names(discovery) == ["litestar"]


FAULTS: dict[str, Callable[[Stub], None]] = {
    "quota": lambda stub: stub.spend_quota(reset_in=2),
    "search quota": lambda stub: stub.spend_quota(reset_in=2, resource="search"),
    "secondary limit": lambda stub: stub.limit_next(retry_after=2),
    "too many requests": lambda stub: stub.limit_next(status=429, retry_after=2),
    "5xx": lambda stub: stub.fail_next("github", status=502, times=4),
    "cut": lambda stub: stub.cut_next("github", times=4),
    "malformed": lambda stub: stub.malform_next("github", times=2),
    "another shape": lambda stub: stub.malform_next("github", body=b'{"items": 5}'),
    "redirect": lambda stub: stub.redirect_next("github", stub.elsewhere_url),
    "bad token": lambda stub: stub.fail_next("github", status=401),
    "unplugged": lambda stub: stub.unplug("github"),
    "PyPI 5xx": lambda stub: stub.fail_next("pypi", status=503, times=50),
    "PyPI unplugged": lambda stub: stub.unplug("pypi"),
    "PyPI malformed": lambda stub: stub.malform_next("pypi", times=20),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_first_build_survives_a_fault(
    fault: str, ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    FAULTS[fault](ecosystem)
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()
        assert discovery.status().last_error
        assert discovery.status().state == "building"
        ecosystem.plug_in("github")
        ecosystem.plug_in("pypi")
        ecosystem.clear_faults("pypi")
        await recovered(discovery, clock)

    assert names(discovery) == EVERYTHING
    assert "ghp_x" not in str(discovery.status())


async def test_failed_builds_are_retried_with_growing_delays(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    ecosystem.fail_next("github", status=418, times=8)
    async with discovering(loaded, settings, clock) as discovery:
        delays = [await clock.asleep(), *[await clock.step() for _ in range(8)]]
        assert discovery.status().next_build_at == clock() + timedelta(hours=1)

    assert delays == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert discovery.status().last_error is None


@pytest.mark.parametrize("fault", ["quota", "5xx", "malformed", "unplugged"])
async def test_a_failed_build_keeps_the_old_index(
    fault: str, ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()
        old = discovery.index
        # Every answer changes, so that no 304 hides the fault.
        ecosystem.repositories[1000].json["stargazers_count"] += 1
        clock.wake()
        FAULTS[fault](ecosystem)
        await clock.asleep()
        assert discovery.status().last_error
        assert discovery.index is old
        assert discovery.status().state == "ready"
        assert names(discovery) == EVERYTHING
        ecosystem.plug_in("github")
        await recovered(discovery, clock)
        assert discovery.index is not old
        assert names(discovery) == EVERYTHING


async def test_slow_sources_only_make_a_build_slow(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    ecosystem.slow_next("github", 0.5)
    ecosystem.slow_next("pypi", 0.5, times=3)
    async with discovering(loaded, settings, clock) as discovery:
        assert discovery.index is None
        await clock.asleep()
    assert names(discovery) == EVERYTHING


async def test_one_package_that_cannot_be_looked_up_is_as_it_was(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    settings = msgspec.structs.replace(settings, cache_ttl_discovery=1)
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()
        ecosystem.projects["flet-map"]["info"]["name"] = "another"
        ecosystem.requests.clear()
        await clock.step()
        assert names(discovery) == EVERYTHING
        assert "/pypi/flet-map/json" in ecosystem.asked("pypi")

    # Another process has the index from the disk, and nothing in its cache.
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()
        await clock.step()
        assert names(discovery) == EVERYTHING
        assert discovery.status().last_error == "1 packages could not be looked up"


async def test_hostile_metadata_costs_its_own_package(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    info = ecosystem.projects["flet-map"]["info"]
    info["requires_dist"] = ['x; python_version == "3" and ' + "(" * 600 + 'os_name == "x"' + ")" * 600]
    for uploads in ecosystem.projects["flet-audio"]["releases"].values():
        uploads[0]["upload_time_iso_8601"] = "0001-01-01T00:00:00+14:00"
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()
        assert set(names(discovery)) >= set(EVERYTHING) - {"flet-audio", "flet-map"}
        assert "flet-audio" not in names(discovery)
        assert discovery.status().last_error == "1 packages could not be looked up"


async def test_a_vanished_repository_s_package_leaves_the_index(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()
        ecosystem.remove_repository("someone/flet-map")
        await clock.step()
        assert "flet-map" not in names(discovery)


def downloads(discovery: Discovery) -> list[int | None]:
    assert discovery.index is not None
    return [entry.downloads for entry in discovery.index.entries]


async def test_clickhouse_away_writes_no_zeros(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    loaded.query("RENAME TABLE downloads_daily TO elsewhere")
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()
        assert downloads(discovery) == [None] * 4
        assert "ClickHouse" in str(discovery.status().last_error)
        loaded.query("RENAME TABLE elsewhere TO downloads_daily")
        await clock.step()
        assert downloads(discovery) == [1, 0, 3, 0]

        # Away again: the last downloads stand in, as long as they are young enough.
        loaded.query("RENAME TABLE downloads_daily TO elsewhere")
        await clock.step()
        assert discovery.status().last_error
        assert downloads(discovery) == [1, 0, 3, 0]
        clock.time += timedelta(days=2)
        await clock.step()
        assert downloads(discovery) == [None] * 4


async def test_nothing_loaded_is_no_downloads_and_not_0(
    ecosystem: Stub, make_dataset: Callable[[], Dataset], settings: Settings, clock: SteppedClock
) -> None:
    empty = make_dataset()
    with empty.client():
        pass  # makes the tables
    async with discovering(empty, settings, clock) as discovery:
        await clock.asleep()
        assert discovery.index is not None
        assert [entry.downloads for entry in discovery.index.entries] == [None] * 4


async def test_start_from_disk_with_everything_unreachable(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()
        before = msgspec.json.encode(discovery.index.entries)  # type: ignore[union-attr]
    assert (Path(settings.local_index_cache_dir) / FILE_NAME).exists()
    ecosystem.unplug("github")
    ecosystem.unplug("pypi")
    loaded.query("RENAME TABLE downloads_daily TO elsewhere")

    clock.time += timedelta(days=1)
    async with discovering(loaded, settings, clock) as discovery:
        assert discovery.index is not None
        assert msgspec.json.encode(discovery.index.entries) == before
        await clock.asleep()
        assert discovery.status().last_error
        assert msgspec.json.encode(discovery.index.entries) == before
        assert discovery.status().age_seconds == 86_400


async def test_a_fresh_index_on_disk_is_not_built_at_once(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    async with discovering(loaded, settings, clock):
        await clock.asleep()
    ecosystem.requests.clear()

    async with discovering(loaded, settings, clock) as discovery:
        assert await clock.asleep() == 3600
        assert discovery.status().next_build_at == clock() + timedelta(hours=1)
    assert ecosystem.requests == []


async def test_without_a_token_github_is_never_asked_and_that_is_said_once(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = msgspec.structs.replace(settings, github_token=Secret(""))
    async with discovering(loaded, settings, clock) as discovery:
        await discovery.run()
        metadata = await discovery.lookups.metadata("flet")
        assert metadata.project is not None
        assert metadata.unavailable == ("github",)
        assert discovery.lookups.is_complete(metadata)
        assert (discovery.status().state, discovery.status().reason) == ("off", "GITHUB_TOKEN is not set")

    assert ecosystem.asked("github") == []
    assert caplog.text.count("GITHUB_TOKEN is not set") == 1


async def test_a_rebuild_while_queries_run(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock
) -> None:
    async with discovering(loaded, settings, clock) as discovery, asyncio.timeout(TEST_SECONDS):
        for _ in range(3):
            await clock.asleep()
            old = discovery.index
            clock.wake()
            while discovery.index is old:
                assert names(discovery) == EVERYTHING
                result = old.find(IndexQuery(q="flet", sort="stars"), 0, 10)  # type: ignore[union-attr]
                assert len(result.entries) == result.total == 4
                await asyncio.sleep(0)


async def test_a_folder_that_cannot_be_written_does_not_stop_the_index(
    ecosystem: Stub, loaded: Dataset, settings: Settings, clock: SteppedClock, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    settings = msgspec.structs.replace(settings, local_index_cache_dir=str(tmp_path / "file"))
    async with discovering(loaded, settings, clock) as discovery:
        await clock.asleep()
        assert names(discovery) == EVERYTHING
        assert discovery.status().last_error is None


@pytest.mark.parametrize("topics", ["flet,no topic", "flet/x", "-flet"])
def test_a_topic_that_github_has_not_is_refused_by_name(topics: str) -> None:
    with pytest.raises(SettingError, match=r"^DISCOVERY_TOPICS: "):
        make_build_config(Settings(discovery_topics=topics))


def test_a_repository_that_github_cannot_have_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match=r"^DISCOVERY_OFFICIAL_REPO='a--b/c' is not accepted"):
        make_build_config(Settings(discovery_official_repo="a--b/c"))


@pytest.mark.parametrize(
    ("requirement", "depends"),
    [
        ("flet", True),
        ("flet~=0.2", True),
        ("flet[all]!=0.1", True),
        ("Flet >= 0.2 ; extra == 'gui'", True),
        ("flet @ https://example.org/flet.whl", True),
        ("flet-audio", False),
        ("not a requirement", False),
    ],
)
def test_depends_on(requirement: str, depends: bool) -> None:
    assert depends_on(["requests", requirement], frozenset({"flet"})) is depends
