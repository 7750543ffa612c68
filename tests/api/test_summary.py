"""`/api/packages/{package}/summary`."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_unknown, body
from tests.support.events import event

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
    return client_of(EVENTS)


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
