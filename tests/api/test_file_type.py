"""`/api/packages/{package}/file_type`."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_unknown, body, series
from tests.support.events import event

DAY = "2026-03-10 12:00:00 UTC"
EVENTS = [
    *[event(DAY, "some", file_type=kind) for kind in ("bdist_wheel", "bdist_wheel", "sdist", "bdist_egg", None)],
    event(DAY, "some", file_type="sdist", installer="z3c.pypimirror"),
    event(DAY, "some", file_type="sdist", installer=None),
    event(DAY, "some", file_type="sdist", python="3."),
    event(DAY, "another", file_type="sdist"),
]


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


def test_types_of_files_and_null_is_a_string(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/file_type"))

    assert answer == series(
        "file_type",
        "some",
        "bdist_egg 2026-03-10 1",
        "bdist_wheel 2026-03-10 2",
        "null 2026-03-10 1",
        "sdist 2026-03-10 1",
    )


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ("bdist_wheel", ["bdist_wheel 2026-03-10 2"]),
        ("null", ["null 2026-03-10 1"]),
        ("bdist_rpm", []),
        ("SDIST", []),
    ],
)
def test_type_selects_a_category(client: TestClient[Any], value: str, lines: list[str]) -> None:
    assert body(client.get(f"/api/packages/some/file_type?type={value}")) == series("file_type", "some", *lines)


def test_all_is_the_sum_over_all_packages(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/__all__/file_type?type=sdist")) == series(
        "file_type", "__all__", "sdist 2026-03-10 2"
    )


def test_an_unknown_package(client: TestClient[Any]) -> None:
    assert_unknown(client.get("/api/packages/nope/file_type"), "nope")
