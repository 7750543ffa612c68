"""`/api/recent`: many packages in one request."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_bad, body
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.queries import counted

EVENTS = [
    event("2026-03-10 12:00:00 UTC", "numpy"),
    event("2026-03-10 12:00:00 UTC", "numpy", installer="devpi"),
    event("2026-03-04 12:00:00 UTC", "numpy"),
    event("2026-03-03 12:00:00 UTC", "scikit-learn"),
    event("2026-02-08 12:00:00 UTC", "old"),
    event("2026-03-10 12:00:00 UTC", "mirrored", installer="bandersnatch"),
    event("2026-03-10 12:00:00 UTC", "malformed", python="3"),
]


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


def recent(day: int, week: int, month: int) -> dict[str, int]:
    return {"last_day": day, "last_week": week, "last_month": month}


def test_every_package_that_is_known_and_a_list_of_the_others(client: TestClient[Any]) -> None:
    packages = ["numpy", "nope", "scikit-learn", "old", "mirrored", "malformed"]

    assert body(client.get("/api/recent", params={"package": packages})) == {
        "data": {
            "numpy": recent(1, 2, 2),
            "scikit-learn": recent(0, 0, 1),
            "old": recent(0, 0, 0),
            "mirrored": recent(0, 0, 0),
        },
        "missing": ["nope", "malformed"],
        "type": "recent_downloads",
    }


def test_packages_are_in_the_order_asked(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/recent?package=zzz&package=scikit-learn&package=aaa&package=old&package=numpy"))

    assert (list(answer["data"]), answer["missing"]) == (["scikit-learn", "old", "numpy"], ["zzz", "aaa"])


def test_spellings_of_one_name_are_one_package(client: TestClient[Any]) -> None:
    answer = body(client.get("/api/recent?package=Scikit_Learn&package=scikit.learn&package=NOPE&package=nope"))

    assert answer == {
        "data": {"scikit-learn": recent(0, 0, 1)},
        "missing": ["nope"],
        "type": "recent_downloads",
    }


def test_one_package_and_none_that_is_known(client: TestClient[Any]) -> None:
    assert body(client.get("/api/recent?package=nope")) == {"data": {}, "missing": ["nope"], "type": "recent_downloads"}


def test_all_is_a_package(client: TestClient[Any]) -> None:
    assert body(client.get("/api/recent?package=__all__")) == {
        "data": {"__all__": recent(1, 2, 3)},
        "missing": [],
        "type": "recent_downloads",
    }


def test_500_packages_are_one_query(dataset: Dataset) -> None:
    names = [f"package-{number}" for number in range(500)]
    dataset.load(event(project=name) for name in names)
    with dataset.client() as client, counted(client.app) as queries:
        answer = body(client.get("/api/recent", params={"package": names}))

    assert answer == {"data": {name: recent(1, 1, 1) for name in names}, "missing": [], "type": "recent_downloads"}
    assert [name for name in queries if name != "published"] == ["recent"]


def test_500_are_accepted_and_501_are_not(client: TestClient[Any]) -> None:
    names = [f"package-{number}" for number in range(600)]

    assert body(client.get("/api/recent", params={"package": names[:500]}))["missing"] == names[:500]
    for count in (501, 600):
        assert_bad(
            client.get("/api/recent", params={"package": names[:count]}),
            f"package: {count} values is not accepted; accepted is 1 to 500 of them",
        )


def test_no_package(client: TestClient[Any]) -> None:
    assert_bad(client.get("/api/recent"), "package is required: 1 to 500 of them")


def test_one_impossible_name_among_others(client: TestClient[Any]) -> None:
    answer = client.get("/api/recent?package=numpy&package=a%20b")

    assert_bad(
        answer,
        "package: 'a b' cannot be a package's name; accepted is 1 to 200 ASCII letters, digits, '.', '-' and '_', "
        "beginning and ending with a letter or digit, or __all__",
    )
