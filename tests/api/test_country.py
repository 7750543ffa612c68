"""`/api/packages/{package}/country`."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_unknown, body, series
from tests.support.events import event

DAY = "2026-03-10 12:00:00 UTC"
EVENTS = [
    *[event(DAY, "some", country=country) for country in ("US", "us", "Us", "DE", "T1", "", None)],
    event(DAY, "some", country="DE", installer="devpi"),
    event(DAY, "some", country="DE", installer=None),
    event(DAY, "some", country="DE", python="abc"),
    event(DAY, "another", country="de"),
]


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


def test_countries_are_upper_case_and_null_a_string(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/packages/some/country"))

    assert answer == series(
        "country",
        "some",
        " 2026-03-10 1",
        "DE 2026-03-10 1",
        "T1 2026-03-10 1",
        "US 2026-03-10 3",
        "null 2026-03-10 1",
    )


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ("US", ["US 2026-03-10 3"]),
        ("us", ["US 2026-03-10 3"]),
        ("null", ["null 2026-03-10 1"]),
        ("FR", []),
    ],
)
def test_country_selects_a_category_in_any_letter_case(client: TestClient[Any], value: str, lines: list[str]) -> None:
    assert body(client.get(f"/api/packages/some/country?country={value}")) == series("country", "some", *lines)


def test_all_is_the_sum_over_all_packages(client: TestClient[Any]) -> None:
    assert body(client.get("/api/packages/__all__/country?country=DE")) == series(
        "country", "__all__", "DE 2026-03-10 2"
    )


def test_csv(client: TestClient[Any]) -> None:
    answer = client.get("/api/packages/another/country?format=csv")

    assert answer.content == b"category,date,downloads\r\nDE,2026-03-10,1\r\n"


def test_an_unknown_package(client: TestClient[Any]) -> None:
    assert_unknown(client.get("/api/packages/nope/country"), "nope")
