"""What a browser may do with an answer, on every answer; and nothing of what the server is made of."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support import raw_http
from tests.support.dataset import Dataset
from tests.support.events import event

EXPECTED = {
    "cross-origin-resource-policy": "cross-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
ASKED = [
    ("GET", "/api/packages/numpy/recent", 200),
    ("GET", "/api/packages/numpy/recent", 200),
    ("HEAD", "/api/packages/numpy/recent", 200),
    ("OPTIONS", "/api/packages/numpy/recent", 204),
    ("POST", "/api/packages/numpy/recent", 405),
    ("GET", "/api/packages/unheard-of/recent", 404),
    ("GET", "/api/packages/unheard-of/recent", 404),
    ("GET", "/api/top?limit=0", 400),
    ("GET", "/nowhere", 404),
    ("GET", "/api/package/numpy/recent", 308),
    ("GET", "/api/packages/numpy/badge", 200),
    ("GET", "/openapi.yaml", 200),
    ("GET", "/health", 200),
    ("GET", "/", 200),
    ("GET", "/packages/numpy", 200),
    ("GET", "/packages/unheard-of", 404),
]
PRODUCTS = ("litestar", "uvicorn", "python", "clickhouse", "httptools", "pypistats-server/")


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    client = client_of([event()])
    client.follow_redirects = False
    return client


@pytest.mark.parametrize(("method", "path", "status"), ASKED)
def test_every_answer(client: TestClient[Any], method: str, path: str, status: int) -> None:
    answer = client.request(method, path)

    assert answer.status_code == status
    for name, value in EXPECTED.items():
        assert answer.headers.get_list(name) == [value], name


def test_a_304_and_a_429(dataset: Dataset) -> None:
    dataset.load([event()])
    with dataset.client(rate_limit="1/hour") as client:
        unchanged, limited = (client.get("/api/top", headers={"If-None-Match": "*"}) for _ in range(2))

    assert [unchanged.status_code, limited.status_code] == [304, 429]
    for answer in (unchanged, limited):
        assert {name: answer.headers[name] for name in EXPECTED} == EXPECTED


def test_a_server_does_not_say_what_it_is(dataset: Dataset) -> None:
    """Neither in headers nor in errors, nor what it answers without the app."""
    dataset.load([event()])
    with raw_http.served(dataset.app()) as port:
        answers = [raw_http.get(port, target) for target in (b"/health", b"/nowhere", b"/api/top?limit=0")]
        answers += raw_http.exchange(port, b"NONSENSE\r\n\r\n")
    for status, headers, body in answers:
        assert "x-powered-by" not in headers
        shown = " ".join([*headers.values(), body.decode()]).lower()
        assert not any(product in shown for product in PRODUCTS), (status, shown)
    assert [status for status, _, _ in answers] == [200, 404, 400, 400]
    for name, value in EXPECTED.items():
        assert [headers.get(name) for _, headers, _ in answers] == [value] * 4, name


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/packages/numpy/badge", 200),
        ("/api/packages/unheard-of/badge", 200),
        ("/api/packages/unheard-of/badge?strict=true", 404),
        ("/api/packages/numpy/chart/overall", 200),
        ("/api/packages/numpy/chart/overall?format=svg", 200),
    ],
)
def test_a_picture_that_is_opened_by_itself_loads_and_runs_nothing(
    client: TestClient[Any], path: str, status: int
) -> None:
    for _ in range(2):
        answer = client.get(path)
        assert answer.status_code == status
        assert answer.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
