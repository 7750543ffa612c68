"""`/api/packages/{package}/summary`."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from litestar.testing import TestClient

from app.discovery.sources.timed_lookups import LookupTimeouts
from tests.discovery.stub import Stub
from tests.support.answers import assert_unknown, body
from tests.support.dataset import NOON, Dataset
from tests.support.ecosystem import indexed, running_ecosystem, urls_of
from tests.support.events import event
from tests.support.fixtures import Backend
from tests.support.load import wait_until
from tests.support.queries import counted

OF_OTHERS = pytest.mark.only_backend(Backend.EMBEDDED)
"""On what PyPI and GitHub say, whichever ClickHouse there is."""
# The newest day is 2026-03-11; the 180 days that end with it begin on 2025-09-13.
EVENTS = [
    event("2026-03-11 00:00:00 UTC", "some", python="3.9.1", system="Linux", installer="pip"),
    event("2025-09-13 00:00:00 UTC", "some", python="3.10", system="Windows", installer="uv"),
    event("2025-09-12 23:59:59 UTC", "some", python="3.8", system="Darwin", installer="poetry"),
    event("2026-03-01 12:00:00 UTC", "some", python="2.7", system="", installer="Nexus"),
    event("2026-03-01 12:00:00 UTC", "some", python=None, system=None, installer="pip"),
    event("2026-03-01 12:00:00 UTC", "some", python=None, system=None, installer="bandersnatch"),
    event("2026-03-01 12:00:00 UTC", "some", python="2.7", system=None, installer=None),
    event("2026-03-01 12:00:00 UTC", "some", python="3", installer="pip"),
    event("2026-03-01 12:00:00 UTC", "mirrored", installer="devpi"),
    event("2025-09-12 12:00:00 UTC", "old"),
]
SOME = {
    "overall": 4,
    "system": {"Linux": 1, "Windows": 1, "null": 1, "other": 1},
    "python_major": {"2": 1, "3": 2, "null": 1},
    "python_minor": {"2.7": 1, "3.10": 1, "3.9": 1, "null": 1},
    "installer": {"Nexus": 1, "bandersnatch": 1, "null": 1, "pip": 2, "uv": 1},
}


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS, now=NOON + timedelta(days=1))


def summary(client: TestClient[Any], package: str) -> Any:
    answer = body(client.get(f"/api/packages/{package}/summary"))
    totals = answer.pop("totals")
    assert answer == {"package": package, "type": "summary", "metadata": None}
    return totals


def test_totals_over_the_window(client: TestClient[Any]) -> None:
    assert summary(client, "some") == SOME


def test_overall_is_the_sum_over_every_dimension_but_installer_whose_sum_has_mirrors(client: TestClient[Any]) -> None:
    totals = summary(client, "some")

    assert {name: sum(totals[name].values()) for name in ("system", "python_major", "python_minor")} == {
        "system": totals["overall"],
        "python_major": totals["overall"],
        "python_minor": totals["overall"],
    }
    assert sum(totals["installer"].values()) == totals["overall"] + 2


def test_a_package_that_only_mirrors_downloaded(client: TestClient[Any]) -> None:
    assert summary(client, "mirrored") == {
        "overall": 0,
        "system": {},
        "python_major": {},
        "python_minor": {},
        "installer": {"devpi": 1},
    }


def test_a_package_without_downloads_in_the_window(client: TestClient[Any]) -> None:
    assert summary(client, "old") == {
        "overall": 0,
        "system": {},
        "python_major": {},
        "python_minor": {},
        "installer": {},
    }


def test_all_is_the_sum_over_all_packages(client: TestClient[Any]) -> None:
    assert summary(client, "__all__") == SOME | {"installer": SOME["installer"] | {"devpi": 1}}


def test_parameters_are_ignored(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/some/summary?mirrors=maybe&start_date=x"))["totals"] == SOME


def test_an_unknown_package(client: TestClient[Any]) -> None:
    assert_unknown(client.get("/api/packages/nope/summary"), "nope")


@pytest.fixture
def numpy(dataset: Dataset) -> Dataset:
    dataset.load([event()])
    return dataset


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running_ecosystem() as stub:
        yield stub


PATH = "/api/packages/numpy/summary"
PATIENT = LookupTimeouts(statistics=60)
"""Answers wait for their look-ups on a busy machine, too."""
METADATA = {
    "version": "2.1.0",
    "summary": "Fundamental package for array computing in Python",
    "license": "BSD-3-Clause",
    "requires_python": ">=3.11",
    "links": {"homepage": "https://numpy.org", "source": "https://github.com/numpy/numpy"},
    "github_stars": 31000,
}


def test_metadata(numpy: Dataset, stub: Stub) -> None:
    with indexed(numpy, stub) as client:
        answer = client.get(PATH)

    assert body(answer)["metadata"] == METADATA
    assert answer.headers["cache-control"] == "public, max-age=43200"


@OF_OTHERS
def test_metadata_without_a_token_have_no_stars(numpy: Dataset, stub: Stub) -> None:
    with numpy.client(lookup_timeouts=PATIENT, **urls_of(stub)) as client:
        answer = client.get(PATH)

    assert body(answer)["metadata"] == METADATA | {"github_stars": None}
    assert answer.headers["cache-control"] == "public, max-age=43200"


@OF_OTHERS
def test_metadata_that_come_late_are_in_a_later_answer(numpy: Dataset, stub: Stub) -> None:
    stub.slow_next("pypi", 1.5)
    with numpy.client(**urls_of(stub)) as client:
        first = client.get(PATH)
        etag = {"If-None-Match": first.headers["etag"]}
        wait_until(lambda: client.get(PATH, headers=etag).status_code == 200)
        second = client.get(PATH)

    # Without them, for it has not waited.
    assert (body(first)["metadata"], first.headers["cache-control"]) == (None, "public, max-age=5")
    assert body(second)["metadata"] == METADATA | {"github_stars": None}


@OF_OTHERS
def test_statistics_are_as_fast_as_before_with_pypi_away(numpy: Dataset, stub: Stub) -> None:
    stub.slow_next("pypi", 30, times=100)
    numpy.load([event("2026-03-09 12:00:00 UTC", f"p-{number}") for number in range(20)])
    timeouts = LookupTimeouts(statistics=2)
    with numpy.client(lookup_timeouts=timeouts, **urls_of(stub)) as client:
        client.get(PATH)  # times out, so later requests do not wait
        started = time.monotonic()
        answers = [body(client.get(f"/api/packages/p-{number}/summary")) for number in range(20)]
        took = time.monotonic() - started

    assert [answer["metadata"] for answer in answers] == [None] * 20
    assert took < 20 * timeouts.statistics / 2


@OF_OTHERS
def test_a_package_that_nobody_downloads_is_not_looked_up(numpy: Dataset, stub: Stub) -> None:
    with numpy.client(**urls_of(stub)) as client:
        assert_unknown(client.get("/api/packages/nope/summary"), "nope")
        assert body(client.get("/api/packages/__all__/summary"))["metadata"] is None

    assert stub.asked("pypi") == []


@OF_OTHERS
def test_new_metadata_cost_no_query(numpy: Dataset, stub: Stub) -> None:
    clock = [NOON]
    with numpy.client(now=lambda: clock[0], lookup_timeouts=PATIENT, **urls_of(stub), cache_ttl_discovery=1) as client:
        assert body(client.get(PATH))["metadata"]["version"] == "2.1.0"
        stub.projects["numpy"]["info"]["version"] = "2.2.0"
        clock[0] += timedelta(seconds=1)
        with counted(client.app) as asked:
            wait_until(lambda: body(client.get(PATH))["metadata"]["version"] == "2.2.0")

    assert asked == []
