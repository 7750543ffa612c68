"""`/api/packages/{package}`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from app.discovery.index.file import FILE_NAME
from app.discovery.sources.timed_lookups import LookupTimeouts
from tests.discovery.stub import Stub
from tests.support.answers import assert_problem, body
from tests.support.dataset import Dataset
from tests.support.ecosystem import SETTINGS, indexed, running_ecosystem, urls_of
from tests.support.events import event
from tests.support.fixtures import Backend
from tests.support.load import wait_until

OF_OTHERS = pytest.mark.only_backend(Backend.EMBEDDED)
"""On what becomes of GitHub or PyPI, whichever ClickHouse there is."""
Client = TestClient[Any]
NEITHER = "neither PyPI nor the statistics can say at the moment whether the package exists"


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running_ecosystem() as stub:
        stub.add_repository("someone/lonely", topics=["other"], stars=4)
        stub.add_project("lonely", project_urls={"Source": "https://github.com/someone/lonely"})
        yield stub


@pytest.fixture(scope="module")
def loaded(make_dataset: Callable[[], Dataset]) -> Dataset:
    dataset = make_dataset()
    dataset.load([event(project="numpy")] * 3 + [event(project="private"), event(project="lonely")])
    return dataset


@pytest.fixture
def client(loaded: Dataset, stub: Stub) -> Iterator[Client]:
    with indexed(loaded, stub) as client:
        yield client


def package(client: Client, name: str) -> tuple[dict[str, Any], list[str]]:
    answer = body(client.get(f"/api/packages/{name}"))
    assert (answer["type"], answer["package"]) == ("package", name)
    return answer["data"], answer["unavailable"]


def test_a_package_that_is_not_in_the_index(client: Client) -> None:
    data, unavailable = package(client, "lonely")

    assert unavailable == []
    assert data == {
        "name": "lonely",
        "display_name": "lonely",
        "version": "1.0",
        "summary": "What it is",
        "license": "MIT",
        "requires_python": None,
        "keywords": [],
        "topics": ["other"],
        "links": {"Source": "https://github.com/someone/lonely"},
        "github": {
            "repository": "someone/lonely",
            "stars": 4,
            "forks": 0,
            "open_issues": 0,
            "archived": False,
            "pushed_at": "2026-03-05T19:06:43Z",
        },
        "downloads": 1,
        "created_at": "2026-03-01T12:00:00.123456Z",
        "updated_at": "2026-03-01T12:00:00.123456Z",
        "dependencies": [],
        "official": False,
        "new": True,
        "verified": False,
        "recent": {"last_day": 1, "last_week": 1, "last_month": 1},
        "versions": [{"version": "1.0", "uploaded_at": "2026-03-01T12:00:00.123456Z", "yanked": False}],
    }


def test_a_package_that_pypi_does_not_know(client: Client) -> None:
    data, unavailable = package(client, "private")

    assert unavailable == []
    assert (data["version"], data["versions"], data["downloads"]) == (None, [], 1)
    assert data["recent"] == {"last_day": 1, "last_week": 1, "last_month": 1}


def test_a_package_that_nobody_downloads(client: Client, stub: Stub) -> None:
    stub.add_project("unloved")
    data, unavailable = package(client, "unloved")

    assert (data["version"], data["recent"], data["downloads"], unavailable) == ("1.0", None, None, [])


def test_all_packages_are_none_on_pypi(client: Client, stub: Stub) -> None:
    data, unavailable = package(client, "__all__")

    assert (data["downloads"], data["version"], unavailable) == (5, None, [])
    assert "/pypi/__all__/json" not in stub.asked("pypi")


def test_a_package_that_nobody_knows(client: Client) -> None:
    answer = client.get("/api/packages/nope")

    assert_problem(answer, 404, "Not Found", "package: 'nope' is unknown to PyPI and has no loaded download")


@OF_OTHERS
def test_an_answer_is_kept_and_can_be_asked_for_again(client: Client) -> None:
    first = client.get("/api/packages/numpy")
    again = client.get("/api/packages/numpy", headers={"If-None-Match": first.headers["etag"]})

    assert (first.headers["cache-control"], again.status_code) == ("public, max-age=300", 304)


@OF_OTHERS
def test_github_away(client: Client, stub: Stub) -> None:
    stub.unplug("github")
    data, unavailable = package(client, "lonely")

    assert (data["version"], data["github"], unavailable) == ("1.0", None, ["github"])
    assert client.get("/api/packages/lonely").headers["cache-control"] == "public, max-age=5"
    stub.plug_in("github")
    data, unavailable = package(client, "lonely")
    assert (data["github"]["stars"], unavailable) == (4, [])


@OF_OTHERS
def test_quota_spent(client: Client, stub: Stub) -> None:
    stub.spend_quota()
    data, unavailable = package(client, "lonely")

    assert (data["version"], data["github"], unavailable) == ("1.0", None, ["github"])
    # What the index knows needs no GitHub.
    data, unavailable = package(client, "numpy")
    assert (data["github"]["stars"], unavailable) == (31000, [])


def test_pypi_away(client: Client, stub: Stub) -> None:
    stub.unplug("pypi")
    data, unavailable = package(client, "private")
    assert (data["version"], data["versions"], data["downloads"]) == (None, None, 1)
    assert unavailable == ["pypi", "github"]

    assert_problem(client.get("/api/packages/nope"), 503, "Service Unavailable", NEITHER)


def test_a_restart_with_everything_away_answers_from_the_index(loaded: Dataset, stub: Stub) -> None:
    with indexed(loaded, stub):
        wait_until(Path(loaded.settings.local_index_cache_dir, FILE_NAME).exists)
    stub.unplug("pypi")
    stub.unplug("github")
    with loaded.client(**SETTINGS | urls_of(stub)) as client:
        data, unavailable = package(client, "numpy")

    assert (data["version"], data["github"]["stars"], data["official"]) == ("2.1.0", 31000, True)
    assert (data["versions"], data["recent"]["last_day"], unavailable) == (None, 3, ["pypi"])


def test_clickhouse_away(client: Client, loaded: Dataset) -> None:
    client.app.state.services.answers.warehouse.forget_snapshot()
    loaded.query(f"RENAME TABLE {loaded.needed_table} TO elsewhere")
    data, unavailable = package(client, "lonely")
    assert (data["version"], data["recent"], data["downloads"], unavailable) == ("1.0", None, None, ["clickhouse"])
    assert client.get("/api/packages/lonely").headers["cache-control"] == "public, max-age=5"
    data, _ = package(client, "numpy")
    assert (data["recent"], data["downloads"]) == (None, 3)
    assert_problem(client.get("/api/packages/nope"), 503, "Service Unavailable", NEITHER)

    # It was no answer about downloads, so it is not kept as one.
    loaded.query(f"RENAME TABLE elsewhere TO {loaded.needed_table}")
    data, unavailable = package(client, "lonely")
    assert (data["downloads"], unavailable) == (1, [])


@OF_OTHERS
def test_a_source_that_is_slow_is_not_waited_for(loaded: Dataset, stub: Stub) -> None:
    with indexed(loaded, stub, lookup_timeouts=LookupTimeouts(package=0.2)) as client:
        # GitHub answers the look-up after the test has ended.
        stub.slow_next("github", 600, times=100)
        # On a busy machine PyPI's answer, too, may take longer than the first request waits.
        wait_until(lambda: "pypi" not in package(client, "lonely")[1])
        data, unavailable = package(client, "lonely")

    assert (data["version"], data["github"], unavailable) == ("1.0", None, ["github"])


@OF_OTHERS
@pytest.mark.parametrize("fault", ["cut_next", "malform_next", "fail_next"])
def test_a_fault_of_github_is_named(client: Client, stub: Stub, fault: str) -> None:
    getattr(stub, fault)("github", times=3)
    assert package(client, "lonely")[1] == ["github"]


@OF_OTHERS
def test_a_vanished_repository_is_none(client: Client, stub: Stub) -> None:
    stub.remove_repository("someone/lonely")
    data, unavailable = package(client, "lonely")

    assert (data["github"], data["topics"], unavailable) == (None, [], [])


@OF_OTHERS
def test_without_a_token_pypi_still_answers(loaded: Dataset, stub: Stub) -> None:
    with loaded.client(**urls_of(stub)) as client:
        data, unavailable = package(client, "lonely")
        answer = client.get("/api/packages/lonely")

    assert (data["version"], data["github"], unavailable) == ("1.0", None, ["github"])
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert stub.asked("github") == []


@OF_OTHERS
@pytest.mark.parametrize("path", ["/api/packages//recent", "/api/packages/%2Frecent"])
def test_an_empty_name_is_not_the_next_segment(client: Client, stub: Stub, path: str) -> None:
    stub.add_project("recent")

    assert client.get(path).status_code == 404
    assert client.get("/api/packages/recent").status_code == 200
