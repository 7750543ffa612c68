"""`/api/packages/{package}/system`."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_unknown, body, series
from tests.support.events import event

DAY = "2026-03-10 12:00:00 UTC"
EVENTS = [
    event(DAY, "some", system="Windows"),
    event(DAY, "some", system="Linux"),
    event(DAY, "some", system="Linux"),
    event(DAY, "some", system="Darwin"),
    *[
        event(DAY, "some", system=system)
        for system in ("FreeBSD", "linux", "LINUX", "", "null", "Java", "other", " Linux")
    ],
    event(DAY, "some", system=None),
    event(DAY, "some", system="Linux", installer="Artifactory"),
    event(DAY, "some", system="Linux", installer=None),
    event(DAY, "some", system="Linux", python="3"),
    event(DAY, "another", system="Linux"),
    event(DAY, "only-mirrored", system=None, installer="bandersnatch"),
]


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


def test_three_systems_have_names_and_all_else_is_other_but_null(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/system"))

    assert answer == series(
        "system",
        "some",
        "Darwin 2026-03-10 1",
        "Linux 2026-03-10 2",
        "Windows 2026-03-10 1",
        "null 2026-03-10 1",
        "other 2026-03-10 8",
    )


@pytest.mark.parametrize(
    ("value", "line"),
    [
        *[(value, "Windows 2026-03-10 1") for value in ("Windows", "windows", "WINDOWS", "wInDoWs")],
        *[(value, "Linux 2026-03-10 2") for value in ("Linux", "linux", "LINUX")],
        *[(value, "Darwin 2026-03-10 1") for value in ("Darwin", "darwin")],
        *[(value, "other 2026-03-10 8") for value in ("other", "Other", "OTHER")],
        *[(value, "null 2026-03-10 1") for value in ("null", "Null", "NULL")],
    ],
)
def test_os_selects_a_category_in_any_letter_case(client: TestClient[Any], value: str, line: str) -> None:
    assert body(client.get(f"/api/packages/some/system?os={value}")) == series("system", "some", line)


def test_a_system_without_rows_is_an_empty_series(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/another/system?os=windows")) == series("system", "another")


def test_mirrors_do_not_count(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/only-mirrored/system")) == series("system", "only-mirrored")


def test_all_is_the_sum_over_all_packages(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/__all__/system?os=Linux")) == series(
        "system", "__all__", "Linux 2026-03-10 3"
    )


def test_csv(client: TestClient[Any]) -> None:
    answer = client.get("/api/packages/some/system?os=linux&granularity=week", headers={"Accept": "text/csv"})

    assert answer.content == b"category,date,downloads\r\nLinux,2026-03-09,2\r\n"


def test_an_unknown_package(client: TestClient[Any]) -> None:
    assert_unknown(client.get("/api/packages/nope/system"), "nope")
