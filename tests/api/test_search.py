"""`/api/search`: names by prefix."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_bad, body
from tests.support.events import event

# The newest day is 2026-03-10; the last month begins on 02-09, the window on 2025-09-12.
EVENTS = [
    *[event("2026-03-10 12:00:00 UTC", "numpy")] * 2,
    *[event("2026-02-09 00:00:00 UTC", "numba")] * 3,
    *[event("2026-02-08 23:59:59 UTC", "numexpr")] * 9,
    *[event("2026-03-10 12:00:00 UTC", "number", installer="devpi")] * 9,
    event("2025-09-12 00:00:00 UTC", "nuitka"),
    event("2025-09-11 23:59:59 UTC", "nuclear"),
    event("2026-03-10 12:00:00 UTC", "numeric", python="3"),
    event("2026-03-10 12:00:00 UTC", "scikit-learn"),
    event("2026-03-10 12:00:00 UTC", "scikit-image"),
    event("2026-03-10 12:00:00 UTC", "scikitlearn"),
    *[event("2026-03-10 12:00:00 UTC", f"x{number:02}") for number in range(12)],
]


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


def found(**packages: int) -> dict[str, Any]:
    data = [{"package": name.replace("_", "-"), "downloads": downloads} for name, downloads in packages.items()]
    return {"data": data, "type": "search"}


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("q=num", found(numba=3, numpy=2, number=0, numexpr=0)),
        ("q=nu", found(numba=3, numpy=2, nuitka=0, number=0, numexpr=0)),
        ("q=NumPy", found(numpy=2)),
        ("q=num&limit=1", found(numba=3)),
        ("q=scikit", found(scikit_image=1, scikit_learn=1, scikitlearn=1)),
        ("q=scikit-", found(scikit_image=1, scikit_learn=1)),
        ("q=Scikit_.", found(scikit_image=1, scikit_learn=1)),
        ("q=scikit_learn", found(scikit_learn=1)),
        ("q=umpy", found()),
        ("q=nothing", found()),
        ("q=nuc", found()),
        ("q=numeric", found()),
        ("q=x", found(**{f"x{number:02}": 1 for number in range(10)})),
        ("q=x&limit=100", found(**{f"x{number:02}": 1 for number in range(12)})),
    ],
)
def test_names_that_begin_so_most_downloaded_in_the_last_month_first(
    client: TestClient[Any], query: str, answer: Any
) -> None:
    assert body(client.get(f"/api/search?{query}")) == answer


PREFIX_RULE = "1 to 200 ASCII letters, digits, '.', '-' and '_', beginning with a letter or digit"


@pytest.mark.parametrize("prefix", ["-", "_", "-a", "a b", "n%25", "%00", "n\u00fc", "a/b", "a*", "__all__"])
def test_what_no_name_begins_with(client: TestClient[Any], prefix: str) -> None:
    answer = client.get(f"/api/search?q={prefix}")

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["detail"].startswith("q: ")
    assert answer.json()["detail"].endswith(f"cannot begin a package's name; accepted is {PREFIX_RULE}")


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("", "q is required: 1 to 200 printable characters"),
        ("q=", "q: '' is not accepted; accepted is 1 to 200 printable characters"),
        (
            "q=" + "a" * 201,
            f"q: '{'a' * 79} is not accepted; accepted is 1 to 200 printable characters",
        ),
        ("q=a&q=b", "q: 2 values is not accepted; accepted is 1 to 200 printable characters"),
        ("q=a&limit=0", "limit: '0' is not accepted; accepted is a whole number from 1 to 100"),
        ("q=a&limit=101", "limit: '101' is not accepted; accepted is a whole number from 1 to 100"),
    ],
)
def test_bad_parameters(client: TestClient[Any], query: str, detail: str) -> None:
    assert_bad(client.get(f"/api/search?{query}"), detail)
