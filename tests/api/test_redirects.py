"""`/api/package/…`: upstream's old documentation has the singular."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import body
from tests.support.events import event


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of([event()])


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/api/package/numpy/recent", "/api/packages/numpy/recent"),
        ("/api/package/numpy/recent?period=day", "/api/packages/numpy/recent?period=day"),
        ("/api/package/numpy/system?os=null&&x=%20%C3%BC", "/api/packages/numpy/system?os=null&&x=%20%C3%BC"),
        ("/api/package/NumPy/overall", "/api/packages/NumPy/overall"),
        ("/api/package/__all__/overall", "/api/packages/__all__/overall"),
        ("/api/package/numpy", "/api/packages/numpy"),
        ("/api/package/no such/recent", "/api/packages/no%20such/recent"),
        ("/api/package/n%C3%BCmpy/recent", "/api/packages/n%C3%BCmpy/recent"),
        ("/api/package/%0d%0aSet-Cookie:%20a=b", "/api/packages/%0D%0ASet-Cookie%3A%20a%3Db"),
        ("/api/package//evil.example/x", "/api/packages/evil.example/x"),
        ("/api/package/https://evil.example/", "/api/packages/https%3A/evil.example"),
    ],
)
def test_the_singular_is_sent_to_the_plural(client: TestClient[Any], path: str, location: str) -> None:
    answer = client.get(path, follow_redirects=False)

    assert (answer.status_code, answer.headers["location"], answer.content) == (308, location, b"")
    assert answer.headers["cache-control"] == "public, max-age=86400"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "set-cookie" not in answer.headers


def test_a_client_that_follows_gets_the_answer(client: TestClient[Any]) -> None:
    answer = client.get("/api/package/numpy/recent?period=day", follow_redirects=True)

    assert body(answer) == {"data": {"last_day": 1}, "package": "numpy", "type": "recent_downloads"}


def test_head(client: TestClient[Any]) -> None:
    answer = client.head("/api/package/numpy/recent", follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (308, "/api/packages/numpy/recent")


@pytest.mark.parametrize("path", ["/api/package", "/api/package/"])
def test_no_package(client: TestClient[Any], path: str) -> None:
    assert client.get(path, follow_redirects=False).status_code == 404
