"""`/api/packages`."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.answers import assert_bad, assert_problem, body
from tests.support.dataset import Dataset
from tests.support.ecosystem import SETTINGS, indexed, running_ecosystem
from tests.support.events import event
from tests.support.queries import counted

Client = TestClient[Any]


@pytest.fixture(scope="module")
def client(make_dataset: Callable[[], Dataset]) -> Iterator[Client]:
    dataset = make_dataset()
    dataset.load([event(project="numpy")] * 3 + [event(project="numpy-financial")])
    with running_ecosystem() as stub, indexed(dataset, stub) as client:
        yield client


def found(client: Client, query: str) -> list[str]:
    return [entry["name"] for entry in body(client.get(f"/api/packages{query}"))["data"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["numpy", "numpy-financial"]),
        ("?q=financ", ["numpy-financial"]),
        ("?q=topic:array", ["numpy"]),
        ("?topic=finance", ["numpy-financial"]),
        ("?official=true", ["numpy"]),
        ("?official=FALSE&sort=Stars", ["numpy-financial"]),
        ("?verified=true", ["numpy"]),
        ("?new=true", ["numpy-financial"]),
        ("?sort=newest", ["numpy-financial", "numpy"]),
        ("?q=nothing", []),
        ("?page=9", []),
    ],
)
def test_search_and_filters(client: Client, query: str, expected: list[str]) -> None:
    assert found(client, query) == expected


def test_a_page_and_its_links(client: Client) -> None:
    answer = client.get("/api/packages?page=2&per_page=1&sort=name&q=num%20topic:numpy")

    page = body(answer)
    assert [entry["name"] for entry in page.pop("data")] == ["numpy-financial"]
    assert page == {"type": "packages", "total": 2, "page": 2, "per_page": 1, "pages": 2}
    at = "/api/packages?q=num+topic%3Anumpy&sort=name&page={}&per_page=1"
    assert answer.headers["link"] == ", ".join(
        f'<{at.format(number)}>; rel="{relation}"' for relation, number in [("first", 1), ("prev", 1), ("last", 2)]
    )
    assert client.get(answer.links["prev"]["url"]).json()["data"][0]["name"] == "numpy"


@pytest.mark.parametrize(
    ("query", "relations"),
    [
        ("?per_page=1", {"first", "next", "last"}),
        ("", {"first", "last"}),
        ("?page=5", {"first", "prev", "last"}),
        ("?q=nothing", set()),
    ],
)
def test_links_lead_only_to_pages_that_are(client: Client, query: str, relations: set[str]) -> None:
    answer = client.get(f"/api/packages{query}")

    assert set(answer.links) == relations
    for link in answer.links.values():
        assert body(client.get(link["url"]))["data"]


def test_answers_come_from_memory_and_are_kept(client: Client) -> None:
    with counted(client.app) as asked:
        first = client.get("/api/packages?q=num")
        again = client.get("/api/packages?q=num", headers={"If-None-Match": first.headers["etag"]})

    assert asked == []
    assert (again.status_code, again.content, again.headers["link"]) == (304, b"", first.headers["link"])
    assert first.headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("page=0", "page: '0' is not accepted; accepted is a whole number from 1 to 100000"),
        ("per_page=101", "per_page: '101' is not accepted; accepted is a whole number from 1 to 100"),
        ("q=", "q: '' is not accepted; accepted is 1 to 200 printable characters"),
        ("topic=%00", "topic: '\\x00' is not accepted; accepted is 1 to 200 printable characters"),
        ("new=1", "new: '1' is not accepted; accepted is one of false, true"),
        (
            "sort=best",
            "sort: 'best' is not accepted; accepted is one of "
            "downloads, name, newest, relevance, stars, trending, updated",
        ),
    ],
)
def test_bad_parameters(client: Client, query: str, detail: str) -> None:
    assert_bad(client.get(f"/api/packages?{query}"), detail)


def test_without_a_token_there_is_no_index(dataset: Dataset) -> None:
    dataset.load([event()])
    with dataset.client() as client:
        answer = client.get("/api/packages")
        assert body(client.get("/api/packages/numpy/recent"))["data"]["last_day"] == 1

    assert_problem(answer, 409, "Conflict", "there is no index: GITHUB_TOKEN is not set")
    assert "retry-after" not in answer.headers


def test_while_the_first_index_is_built_statistics_answer(dataset: Dataset) -> None:
    dataset.load([event()])
    with running_ecosystem() as stub:
        stub.slow_next("github", 5)
        urls = {"github_api_url": stub.github_url, "pypi_api_url": stub.pypi_url}
        with dataset.client(**SETTINGS | urls) as client:
            assert body(client.get("/api/packages/numpy/recent"))["data"]["last_day"] == 1
            answer = client.get("/api/packages")
            status = body(client.get("/health?deep=1"))["index"]

    assert_problem(answer, 503, "Service Unavailable", "the index is being built")
    assert (status["state"], status["entries"], status["last_error"]) == ("building", 0, None)


def test_clickhouse_away_is_nothing_to_the_index(dataset: Dataset) -> None:
    dataset.load([event()])
    with running_ecosystem() as stub, indexed(dataset, stub) as client:
        dataset.query(f"DROP TABLE {dataset.needed_table} SYNC")
        client.app.state.services.answers.warehouse.forget_snapshot()
        assert found(client, "?sort=name") == ["numpy", "numpy-financial"]


def test_health_says_how_the_index_is(client: Client) -> None:
    status = body(client.get("/health?deep=1"))["index"]

    assert 0 < status.pop("github_quota_left") < 5000
    assert status == {
        "state": "ready",
        "reason": None,
        "entries": 2,
        "built_at": "2026-03-11T12:00:00Z",
        "age_seconds": 0,
        "next_build_at": "2026-03-11T13:00:00Z",
        "last_error": None,
    }
