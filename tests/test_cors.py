"""Pages of any origin may ask: preflights, every answer, errors too. GET is the only verb."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_problem
from tests.support.dataset import Dataset
from tests.support.events import event

PATHS = [
    "/api/packages/numpy/recent",
    "/api/packages/numpy/overall",
    "/api/packages/numpy/python_major",
    "/api/packages/numpy/python_minor",
    "/api/packages/numpy/system",
    "/api/packages/numpy/installer",
    "/api/packages/numpy/version",
    "/api/packages/numpy/country",
    "/api/packages/numpy/file_type",
    "/api/packages/numpy/summary",
    "/api/recent?package=numpy",
    "/api/top",
    "/api/search?q=n",
    "/api/package/numpy/recent",
    "/openapi.yaml",
    "/health",
    "/",
    "/packages/numpy",
    "/embed/numpy/overall",
    "/explore",
    "/docs",
]
EXPOSED = (
    "Content-Disposition, ETag, Link, RateLimit, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, "
    "RateLimit-Reset, Retry-After, X-Dataset, X-Request-ID"
)
ORIGIN = {"Origin": "https://dashboard.example"}


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    client = client_of([event()])
    client.follow_redirects = False
    return client


@pytest.mark.parametrize("path", PATHS)
def test_a_preflight(client: TestClient[Any], path: str) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "If-None-Match"}

    answer = client.options(path, headers=ORIGIN | asked)

    assert (answer.status_code, answer.content) == (204, b"")
    assert {name: value for name, value in answer.headers.items() if name.startswith("access-control-")} == {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": EXPOSED,
        "access-control-allow-methods": "GET, HEAD, OPTIONS",
        "access-control-allow-headers": "*",
        "access-control-max-age": "86400",
    }


@pytest.mark.parametrize("headers", [ORIGIN, {}])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        *[(path, 308 if path.startswith("/api/package/") else 200) for path in PATHS],
        ("/nope", 404),
        ("/api/packages/nope/recent", 404),
        ("/api/packages/a%20b/recent", 400),
        ("/api/top?limit=0", 400),
    ],
)
def test_every_answer(client: TestClient[Any], path: str, status: int, headers: dict[str, str]) -> None:
    answer = client.get(path, headers=headers)

    assert answer.status_code == status
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
    assert answer.headers.get_list("access-control-expose-headers") == [EXPOSED]
    assert "access-control-allow-credentials" not in answer.headers


def test_a_304(client: TestClient[Any]) -> None:
    answer = client.get("/api/top", headers=ORIGIN | {"If-None-Match": "*"})

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (304, "*")


@pytest.mark.every_backend
def test_errors_of_the_server(dataset: Dataset) -> None:
    dataset.load([event()])
    with dataset.client() as client:
        for table in (dataset.needed_table, dataset.ranking_table):
            dataset.query(f"DROP TABLE {table} SYNC")
        answers = {path: client.get(path, headers=ORIGIN) for path in ("/api/top", "/health?deep=1")}

    assert {path: answer.status_code for path, answer in answers.items()} == {"/api/top": 500, "/health?deep=1": 503}
    assert {answer.headers["access-control-allow-origin"] for answer in answers.values()} == {"*"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", PATHS)
def test_other_verbs_are_405_with_allow(client: TestClient[Any], path: str, method: str) -> None:
    answer = client.request(method, path, headers=ORIGIN)

    assert_problem(answer, 405, "Method Not Allowed", "this path answers GET and HEAD")
    assert {verb.strip() for verb in answer.headers["allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}


def test_a_method_that_nobody_knows(client: TestClient[Any]) -> None:
    assert client.request("BREW", "/api/top").status_code == 405


def test_own_data_are_not_called_a_demo(client: TestClient[Any]) -> None:
    for path in ("/api/top", "/nope"):
        assert "x-dataset" not in client.get(path).headers
