"""`/api/packages/{package}/version`: by the package's own releases."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_unknown, body, series
from tests.support.events import event

DAY = "2026-03-10 12:00:00 UTC"
EVENTS = [
    *[event(DAY, "some", version=version) for version in ("1.9", "1.10", "1.10", "2.0rc1", "1.0+local", None)],
    event("2026-03-09 12:00:00 UTC", "some", version="1.9"),
    event(DAY, "some", version="1.9", installer="bandersnatch"),
    event(DAY, "some", version="1.9", installer=None),
    event(DAY, "some", version="1.9", python="10.1"),
]


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


def test_releases_as_they_are_written_in_plain_text_order(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/version"))

    assert answer == series(
        "version",
        "some",
        "1.0+local 2026-03-10 1",
        "1.10 2026-03-10 2",
        "1.9 2026-03-09 1",
        "1.9 2026-03-10 1",
        "2.0rc1 2026-03-10 1",
        "null 2026-03-10 1",
    )


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ("1.9", ["1.9 2026-03-09 1", "1.9 2026-03-10 1"]),
        ("1.0%2Blocal", ["1.0+local 2026-03-10 1"]),
        ("null", ["null 2026-03-10 1"]),
        ("1.1", []),
        ("2.0RC1", []),
    ],
)
def test_version_selects_a_category(client: TestClient[Any], value: str, lines: list[str]) -> None:
    assert body(client.get(f"/api/packages/some/version?version={value}")) == series("version", "some", *lines)


def test_all_has_no_releases(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/__all__/version")) == series("version", "__all__")


def test_months(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/version?version=1.9&granularity=month"))

    assert answer == series("version", "some", "1.9 2026-03-01 2")


def test_an_unknown_package(client: TestClient[Any]) -> None:
    assert_unknown(client.get("/api/packages/nope/version"), "nope")
