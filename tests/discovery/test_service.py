"""The index over time: built in the background from the stub, through every fault, from disk, while it is queried."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.discovery.index.build import depends_on
from app.discovery.index.file import FILE
from app.discovery.index.search import IndexQuery
from app.discovery.service import Discovery, make_plan
from app.settings import Secret, SettingError, Settings
from app.warehouse.reading.warehouse import Warehouse
from tests.discovery.stub import Stub
from tests.support.dataset import Dataset
from tests.support.events import event

SECONDS = 20
PATH = "sdk/python/packages"
OFFICIAL = {"Repository": "https://github.com/flet-dev/flet"}


def real_now() -> datetime:
    return datetime.now(UTC)


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
        index_reindex_interval=1,
    )


@asynccontextmanager
async def discovering(
    dataset: Dataset, settings: Settings, *, now: Callable[[], datetime] = real_now
) -> AsyncIterator[Discovery]:
    """Discovery as the app runs it."""
    reader = dataset.engine.reader()
    warehouse = Warehouse()
    warehouse.open(reader)
    discovery = Discovery(settings, warehouse, now)
    await discovery.open()
    task = asyncio.create_task(discovery.run())
    try:
        yield discovery
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await discovery.close()
        await reader.close()


async def until(happened: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


async def built(discovery: Discovery) -> None:
    await until(lambda: discovery.index is not None)


def names(discovery: Discovery) -> list[str]:
    assert discovery.index is not None
    return [entry.name for entry in discovery.index.entries]


EVERYTHING = ["flet", "flet-audio", "flet-map", "fletx"]


async def test_a_package_belongs_by_its_own_links_or_by_its_dependencies(
    ecosystem: Stub, loaded: Dataset, settings: Settings
) -> None:
    async with discovering(loaded, settings) as discovery:
        await built(discovery)
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
    ecosystem: Stub, loaded: Dataset, settings: Settings
) -> None:
    ecosystem.rename_repository("someone/flet-map", "newname/flet-map")
    async with discovering(loaded, settings) as discovery:
        await built(discovery)

    assert discovery.index is not None
    entry = discovery.index.get("flet-map")
    assert entry is not None
    assert entry.github is not None
    assert entry.github.repository == "newname/flet-map"


async def test_an_official_folder_whose_name_another_has_taken_on_pypi_is_not_official(
    ecosystem: Stub, loaded: Dataset, settings: Settings
) -> None:
    ecosystem.add_project("flet-audio", project_urls={"Source": "https://github.com/stranger/flet-audio"})
    async with discovering(loaded, settings) as discovery:
        await built(discovery)

    assert names(discovery) == ["flet", "flet-map", "fletx"]


async def test_metadata_that_points_at_other_hosts_is_not_followed(
    ecosystem: Stub, loaded: Dataset, settings: Settings
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
    async with discovering(loaded, settings) as discovery:
        await built(discovery)

    assert names(discovery) == EVERYTHING
    assert ecosystem.asked("elsewhere") == []


async def test_another_ecosystem(ecosystem: Stub, loaded: Dataset, settings: Settings) -> None:
    ecosystem.add_repository("litestar-org/litestar", topics=["litestar"])
    ecosystem.add_project("litestar", project_urls={"Source": "https://github.com/litestar-org/litestar"})
    settings = msgspec.structs.replace(settings, discovery_topics=" Litestar,litestar ", discovery_official_repo="")
    async with discovering(loaded, settings) as discovery:
        await built(discovery)

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
    fault: str, ecosystem: Stub, loaded: Dataset, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.discovery.sources.github_api.TOKEN_REFUSED_FOR", timedelta(0))
    FAULTS[fault](ecosystem)
    async with discovering(loaded, settings) as discovery:
        await until(lambda: discovery.status().last_error)
        assert discovery.status().state == "building"
        ecosystem.plug_in("github")
        ecosystem.plug_in("pypi")
        ecosystem._faults["pypi"].clear()
        await built(discovery)
        await until(lambda: discovery.status().last_error is None)

    assert names(discovery) == EVERYTHING
    assert "ghp_x" not in str(discovery.status())


@pytest.mark.parametrize("fault", ["quota", "5xx", "malformed", "unplugged"])
async def test_a_failed_build_keeps_the_old_index(
    fault: str, ecosystem: Stub, loaded: Dataset, settings: Settings
) -> None:
    async with discovering(loaded, settings) as discovery:
        await built(discovery)
        # Every answer changes, so that no 304 hides the fault.
        ecosystem.repositories[1000].json["stargazers_count"] += 1
        FAULTS[fault](ecosystem)
        await until(lambda: discovery.status().last_error)
        old = discovery.index
        assert discovery.status().state == "ready"
        assert names(discovery) == EVERYTHING
        ecosystem.plug_in("github")
        await until(lambda: discovery.index is not old)
        assert names(discovery) == EVERYTHING


async def test_slow_sources_only_make_a_build_slow(ecosystem: Stub, loaded: Dataset, settings: Settings) -> None:
    ecosystem.slow_next("github", 0.5)
    ecosystem.slow_next("pypi", 0.5, times=3)
    async with discovering(loaded, settings) as discovery:
        assert discovery.index is None
        await built(discovery)
    assert names(discovery) == EVERYTHING


async def test_one_package_that_cannot_be_looked_up_is_as_it_was(
    ecosystem: Stub, loaded: Dataset, settings: Settings
) -> None:
    settings = msgspec.structs.replace(settings, cache_ttl_discovery=1)
    async with discovering(loaded, settings) as discovery:
        await built(discovery)
        ecosystem.projects["flet-map"]["info"]["name"] = "another"
        await until(lambda: discovery.index and real_now() - discovery.index.built_at < timedelta(seconds=0.2))
        await asyncio.sleep(2.5)
        assert names(discovery) == EVERYTHING


async def test_a_vanished_repository_s_package_leaves_the_index(
    ecosystem: Stub, loaded: Dataset, settings: Settings
) -> None:
    async with discovering(loaded, settings) as discovery:
        await built(discovery)
        ecosystem.remove_repository("someone/flet-map")
        await until(lambda: "flet-map" not in names(discovery))


async def test_clickhouse_away_writes_no_zeros(ecosystem: Stub, loaded: Dataset, settings: Settings) -> None:
    loaded.query("RENAME TABLE downloads_daily TO elsewhere")
    async with discovering(loaded, settings) as discovery:
        await built(discovery)
        assert discovery.index is not None
        assert [entry.downloads for entry in discovery.index.entries] == [None] * 4
        # Said once the new index is written, which is after it is there.
        await until(lambda: "ClickHouse" in str(discovery.status().last_error))
        loaded.query("RENAME TABLE elsewhere TO downloads_daily")
        await until(lambda: [e.downloads for e in discovery.index.entries] == [1, 0, 3, 0])  # type: ignore[union-attr]

        # Away again: the last downloads stand in, as long as they are young enough.
        loaded.query("RENAME TABLE downloads_daily TO elsewhere")
        await until(lambda: discovery.status().last_error)
        assert [entry.downloads for entry in discovery.index.entries] == [1, 0, 3, 0]
        discovery.index.counted_at -= timedelta(days=2)  # type: ignore[operator]
        await until(lambda: [e.downloads for e in discovery.index.entries] == [None] * 4)  # type: ignore[union-attr]


async def test_nothing_loaded_is_no_downloads_and_not_0(
    ecosystem: Stub, make_dataset: Callable[[], Dataset], settings: Settings
) -> None:
    empty = make_dataset()
    with empty.client():
        pass  # makes the tables
    async with discovering(empty, settings) as discovery:
        await built(discovery)
        assert discovery.index is not None
        assert [entry.downloads for entry in discovery.index.entries] == [None] * 4


async def test_start_from_disk_with_everything_unreachable(
    ecosystem: Stub, loaded: Dataset, settings: Settings
) -> None:
    async with discovering(loaded, settings) as discovery:
        await built(discovery)
        await until((Path(settings.local_index_cache_dir) / FILE).exists)
        before = msgspec.json.encode(discovery.index.entries)  # type: ignore[union-attr]
    ecosystem.unplug("github")
    ecosystem.unplug("pypi")
    loaded.query("RENAME TABLE downloads_daily TO elsewhere")

    old = msgspec.structs.replace(settings, local_index_cache_ttl=1)
    async with discovering(loaded, old, now=lambda: real_now() + timedelta(days=1)) as discovery:
        assert discovery.index is not None
        assert msgspec.json.encode(discovery.index.entries) == before
        await until(lambda: discovery.status().last_error)
        assert msgspec.json.encode(discovery.index.entries) == before
        assert discovery.status().age_seconds > 86_000  # type: ignore[operator]


async def test_a_fresh_index_on_disk_is_not_built_at_once(ecosystem: Stub, loaded: Dataset, settings: Settings) -> None:
    async with discovering(loaded, settings) as discovery:
        await built(discovery)
        await until((Path(settings.local_index_cache_dir) / FILE).exists)
    ecosystem.requests.clear()

    settings = msgspec.structs.replace(settings, index_reindex_interval=3600)
    async with discovering(loaded, settings) as discovery:
        await asyncio.sleep(0.2)
        status = discovery.status()
    assert ecosystem.requests == []
    assert status.next_build_at is not None
    assert timedelta(seconds=3500) < status.next_build_at - real_now() <= timedelta(seconds=3600)


async def test_without_a_token_github_is_never_asked_and_that_is_said_once(
    ecosystem: Stub, loaded: Dataset, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with discovering(loaded, msgspec.structs.replace(settings, github_token=Secret(""))) as discovery:
        await asyncio.sleep(0.1)
        about = await discovery.patient.about("flet")
        assert about.project is not None
        assert about.unavailable == ("github",)
        assert discovery.patient.is_final(about)
        assert (discovery.status().state, discovery.status().reason) == ("off", "GITHUB_TOKEN is not set")

    assert ecosystem.asked("github") == []
    assert caplog.text.count("GITHUB_TOKEN is not set") == 1


async def test_a_rebuild_while_queries_run(ecosystem: Stub, loaded: Dataset, settings: Settings) -> None:
    async with discovering(loaded, settings) as discovery:
        await built(discovery)
        seen = set()
        while len(seen) < 3:
            assert names(discovery) == EVERYTHING
            found, total = discovery.index.find(IndexQuery(q="flet", sort="stars"), 0, 10)  # type: ignore[union-attr]
            assert len(found) == total == 4
            seen.add(discovery.index.built_at)  # type: ignore[union-attr]
            await asyncio.sleep(0.001)


async def test_a_folder_that_cannot_be_written_does_not_stop_the_index(
    ecosystem: Stub, loaded: Dataset, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    settings = msgspec.structs.replace(settings, local_index_cache_dir=str(tmp_path / "file"))
    async with discovering(loaded, settings) as discovery:
        await built(discovery)
        await until(lambda: discovery.status().next_build_at)
        assert discovery.status().last_error is None


@pytest.mark.parametrize("topics", ["flet,no topic", "flet/x", "-flet"])
def test_a_topic_that_github_has_not_is_refused_by_name(topics: str) -> None:
    with pytest.raises(SettingError, match=r"^DISCOVERY_TOPICS: "):
        make_plan(Settings(discovery_topics=topics))


def test_a_repository_that_github_cannot_have_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match=r"^DISCOVERY_OFFICIAL_REPO='a--b/c' is not accepted"):
        make_plan(Settings(discovery_official_repo="a--b/c"))


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
