"""`/api/packages/{package}/python_minor`."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_unknown, body, series
from tests.support.events import event

DAY = "2026-03-10 12:00:00 UTC"
EVENTS = [
    *[event(DAY, "some", python=python) for python in ("3.9.1", "3.10.0", "3.13.0rc1", "3.13.0", "2.7", "3.100", None)],
    event("2026-03-09 12:00:00 UTC", "some", python="3.9.0"),
    event(DAY, "some", python="3.9", installer="devpi"),
    event(DAY, "some", python="2.7", installer=None),
    *[event(DAY, "malformed", python=python) for python in ("3", "abc", "", "10.1", "3.", "3.x", "33.1")],
    event(DAY, "malformed", python="3.9+"),
]


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


def test_a_category_is_the_first_two_numbers_and_rows_are_in_plain_text_order(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/python_minor"))

    assert answer == series(
        "python_minor",
        "some",
        "2.7 2026-03-10 1",
        "3.10 2026-03-10 1",
        "3.100 2026-03-10 1",
        "3.13 2026-03-10 2",
        "3.9 2026-03-09 1",
        "3.9 2026-03-10 1",
        "null 2026-03-10 1",
    )


def test_malformed_pythons_are_dropped(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/malformed/python_minor"))

    assert answer == series("python_minor", "malformed", "3.9 2026-03-10 1")


def test_version_selects_a_category(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/python_minor?version=3.9"))

    assert answer == series("python_minor", "some", "3.9 2026-03-09 1", "3.9 2026-03-10 1")


def test_version_null_selects_the_unknown(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/python_minor?version=null"))

    assert answer == series("python_minor", "some", "null 2026-03-10 1")


@pytest.mark.parametrize("version", ["3", "3.1", "3.13.0", "3.14"])
def test_a_version_without_rows_is_an_empty_series(client: TestClient[Any], version: str) -> None:
    assert body(client.get(f"/api/packages/some/python_minor?version={version}")) == series("python_minor", "some")


def test_all_is_the_sum_over_all_packages(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/__all__/python_minor?version=3.9"))

    assert answer == series("python_minor", "__all__", "3.9 2026-03-09 1", "3.9 2026-03-10 2")


def test_months_as_csv(client: TestClient[Any]) -> None:
    answer = client.get("/api/packages/some/python_minor?granularity=month&format=csv")

    assert answer.content.decode().split("\r\n") == [
        "category,date,downloads",
        "2.7,2026-03-01,1",
        "3.10,2026-03-01,1",
        "3.100,2026-03-01,1",
        "3.13,2026-03-01,2",
        "3.9,2026-03-01,2",
        "null,2026-03-01,1",
        "",
    ]


def test_an_unknown_package(client: TestClient[Any]) -> None:
    assert_unknown(client.get("/api/packages/nope/python_minor"), "nope")
