"""`/api/packages/{package}/python_major`."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_unknown, body, series
from tests.support.events import event

DAY = "2026-03-10 12:00:00 UTC"
EVENTS = [
    *[event(DAY, "some", python=python) for python in ("3.13.1", "3.9", "3.10.0rc1", "2.7.18", "9.0", None)],
    event("2026-03-09 12:00:00 UTC", "some", python="3.12"),
    *[event(DAY, "malformed", python=python) for python in ("3", "abc", "", "10.1", "3.", "v3.9", " 3.9", ".9", "3,9")],
    event(DAY, "malformed", python="3.9"),
    event(DAY, "mirrored", python="3.9", installer="bandersnatch"),
    event(DAY, "python-urllib", python="2.7", installer=None),
]


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


def test_a_category_is_the_text_before_the_first_dot_and_null_a_string(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/python_major"))

    assert answer == series(
        "python_major",
        "some",
        "2 2026-03-10 1",
        "3 2026-03-09 1",
        "3 2026-03-10 3",
        "9 2026-03-10 1",
        "null 2026-03-10 1",
    )


def test_malformed_pythons_are_dropped(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/malformed/python_major")) == series(
        "python_major", "malformed", "3 2026-03-10 1"
    )


@pytest.mark.parametrize("package", ["mirrored", "python-urllib"])
def test_mirrors_and_unknown_installers_do_not_count(client: TestClient[Any], package: str) -> None:
    assert body(client.get(f"/api/packages/{package}/python_major")) == series("python_major", package)


def test_version_selects_a_category(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/python_major?version=3"))

    assert answer == series("python_major", "some", "3 2026-03-09 1", "3 2026-03-10 3")


def test_version_null_selects_the_unknown(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/python_major?version=null"))

    assert answer == series("python_major", "some", "null 2026-03-10 1")


@pytest.mark.parametrize("version", ["4", "3.13", "nope", "%27%20OR%201=1--"])
def test_a_version_without_rows_is_an_empty_series(client: TestClient[Any], version: str) -> None:
    assert body(client.get(f"/api/packages/some/python_major?version={version}")) == series("python_major", "some")


def test_all_is_the_sum_over_all_packages(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/__all__/python_major?version=3"))

    assert answer == series("python_major", "__all__", "3 2026-03-09 1", "3 2026-03-10 4")


def test_weeks(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/python_major?version=3&granularity=week"))

    assert answer == series("python_major", "some", "3 2026-03-09 4")


def test_csv(client: TestClient[Any]) -> None:
    answer = client.get("/api/packages/some/python_major?version=2&format=csv")

    assert answer.content == b"category,date,downloads\r\n2,2026-03-10,1\r\n"


def test_an_unknown_package(client: TestClient[Any]) -> None:
    assert_unknown(client.get("/api/packages/nope/python_major"), "nope")
