"""`/api/packages/{package}/installer`: the one series besides overall in which mirrors count."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_unknown, body, series
from tests.support.events import event

DAY = "2026-03-10 12:00:00 UTC"
INSTALLERS = [
    "pip",
    "pip",
    "uv",
    "Nexus",
    "pep381client",
    "bandersnatch",
    "z3c.pypimirror",
    "Artifactory",
    "devpi",
    None,
    "",
]
EVENTS = [
    *[event(DAY, "some", installer=installer) for installer in INSTALLERS],
    event(DAY, "some", installer="pip", python="3"),
    event(DAY, "some", installer="devpi", python=""),
    event(DAY, "python-urllib", installer=None, python="2.7"),
    event(DAY, "commas", installer='a,"b" ü'),
]


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


def test_every_installer_counts_and_null_is_a_string(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/installer"))

    assert answer == series(
        "installer",
        "some",
        " 2026-03-10 1",
        "Artifactory 2026-03-10 1",
        "Nexus 2026-03-10 1",
        "bandersnatch 2026-03-10 1",
        "devpi 2026-03-10 1",
        "null 2026-03-10 1",
        "pep381client 2026-03-10 1",
        "pip 2026-03-10 2",
        "uv 2026-03-10 1",
        "z3c.pypimirror 2026-03-10 1",
    )


def test_the_worked_example_of_the_design(client: TestClient[Any]) -> None:
    """Installer NULL with Python 2.7 counts in with_mirrors and in installer null, and nowhere else."""
    path = "/api/packages/python-urllib"

    assert body(client.get(f"{path}/overall")) == series("overall", "python-urllib", "with_mirrors 2026-03-10 1")
    assert body(client.get(f"{path}/installer")) == series("installer", "python-urllib", "null 2026-03-10 1")
    for dimension in ("python_major", "python_minor", "system", "version", "country", "file_type"):
        assert body(client.get(f"{path}/{dimension}")) == series(dimension, "python-urllib")


@pytest.mark.parametrize("installer", ["bandersnatch", "z3c.pypimirror", "Artifactory", "devpi", "Nexus", "null"])
def test_installer_selects_a_category(client: TestClient[Any], installer: str) -> None:
    answer = body(client.get(f"/api/packages/some/installer?installer={installer}"))

    assert answer == series("installer", "some", f"{installer} 2026-03-10 1")


@pytest.mark.parametrize("installer", ["poetry", "PIP", "pi", "p%25", "%27%3B%20DROP%20TABLE%20downloads_daily%3B--"])
def test_an_installer_without_rows_is_an_empty_series(client: TestClient[Any], installer: str) -> None:
    answer = body(client.get(f"/api/packages/some/installer?installer={installer}"))

    assert answer == series("installer", "some")


def test_a_csv_quotes_what_needs_it(client: TestClient[Any]) -> None:
    answer = client.get("/api/packages/commas/installer", params={"installer": 'a,"b" ü', "format": "csv"})

    assert answer.content.decode() == 'category,date,downloads\r\n"a,""b"" ü",2026-03-10,1\r\n'


def test_all_is_the_sum_over_all_packages(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/__all__/installer?installer=null")) == series(
        "installer", "__all__", "null 2026-03-10 2"
    )


def test_an_unknown_package(client: TestClient[Any]) -> None:
    assert_unknown(client.get("/api/packages/nope/installer"), "nope")
