"""Everything that a stranger sends has a limit, and an answer that names it. What the socket bounds (URLs, headers,
time) is in test_malformed_http.py."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from app.warehouse.engines.connection import ReaderLimits
from tests.support.answers import assert_bad, body
from tests.support.dataset import Dataset
from tests.support.events import event

DAYS = ["2026-03-09 12:00:00 UTC", "2026-03-10 12:00:00 UTC"]
OVERALL = "/api/packages/numpy/overall"


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of([event(day) for day in DAYS])


@pytest.mark.parametrize("path", [OVERALL, "/api/top", "/health", "/api/packages/numpy/badge", "/api/recent"])
def test_so_many_parameters(client: TestClient[Any], path: str) -> None:
    """Unknown ones count too: reading them is work."""
    known = "package=numpy&" if path == "/api/recent" else ""
    most = 600 - bool(known)

    assert client.get(f"{path}?{known}" + "&".join(f"p{n}=1" for n in range(most))).status_code == 200
    assert_bad(
        client.get(f"{path}?{known}" + "&".join(f"p{n}=1" for n in range(most + 1))),
        "a request may have 600 parameters",
    )
    assert_bad(client.get(f"{path}?{known}" + "&" * 60_000), "a request may have 600 parameters")


def test_a_repeated_parameter(client: TestClient[Any]) -> None:
    for times in (2, 600):
        assert_bad(
            client.get(f"{OVERALL}?" + "&".join(["granularity=day"] * times)),
            f"granularity: {times} values is not accepted; accepted is one of day, month, week",
        )


@pytest.mark.parametrize(
    ("path", "name", "most"),
    [
        ("/api/packages/numpy/version", "version", 200),
        ("/api/packages/numpy/installer", "installer", 200),
    ],
)
def test_the_length_of_a_text(client: TestClient[Any], path: str, name: str, most: int) -> None:
    assert client.get(path, params={name: "é" * most}).status_code == 200
    refused = client.get(path, params={name: "é" * (most + 1)})

    assert refused.status_code == 400
    assert refused.json()["detail"].endswith(f"is not accepted; accepted is 1 to {most} printable characters")
    assert len(refused.json()["detail"]) < 200


def test_packages_of_one_request(client: TestClient[Any]) -> None:
    assert client.get("/api/recent", params={"package": [f"p{n}" for n in range(500)]}).status_code == 200
    assert_bad(
        client.get("/api/recent", params={"package": [f"p{n}" for n in range(501)]}),
        "package: 501 values is not accepted; accepted is 1 to 500 of them",
    )


def test_a_window_is_no_longer_than_what_is_loaded(client: TestClient[Any]) -> None:
    """Three million days cost what the loaded ones do: no day beyond is looked at, or drawn as 0."""
    ever = {"start_date": "0001-01-01", "end_date": "9999-12-31"}
    loaded = {"start_date": "2026-03-09", "end_date": "2026-03-10"}

    assert body(client.get(OVERALL, params=ever)) == body(client.get(OVERALL, params=loaded))
    chart = body(client.get("/api/packages/numpy/chart/overall", params=ever | {"format": "json"}))
    assert len(chart["labels"]) == 2


def test_the_rows_of_an_answer(dataset: Dataset) -> None:
    """The limit is ClickHouse's own: what is beyond it never comes here."""
    dataset.load([event(day, version=f"{n}.0") for day in DAYS for n in range(3)])
    with dataset.client(reader_limits=ReaderLimits(max_rows=5)) as client:
        assert len(body(client.get("/api/packages/numpy/version?start_date=2026-03-10"))["data"]) == 3
        for _ in range(2):
            refused = client.get("/api/packages/numpy/version")
            assert_bad(
                refused,
                "the answer has more than 500,000 rows; ask for fewer days, for weeks or months (granularity), "
                "or for one category",
            )
        assert client.get("/health?deep=1").status_code == 200
