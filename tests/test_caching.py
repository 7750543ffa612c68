"""Answers change once a day: what HTTP caches and the app's own cache make of that."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from tests.support.answers import body, series
from tests.support.events import event
from tests.support.fixtures import Dataset
from tests.support.queries import counted

EVENTS = [event("2026-03-10 12:00:00 UTC", "numpy"), event("2026-03-10 12:00:00 UTC", "scipy")]
OVERALL = "/api/packages/numpy/overall"
PATHS = [
    "/api/packages/numpy/recent",
    "/api/packages/numpy/recent?period=day",
    OVERALL,
    f"{OVERALL}?format=csv",
    "/api/packages/numpy/python_major",
    "/api/packages/numpy/python_minor",
    "/api/packages/numpy/system?os=null",
    "/api/packages/numpy/installer",
    "/api/packages/numpy/version",
    "/api/packages/numpy/country",
    "/api/packages/numpy/file_type",
    "/api/packages/numpy/summary",
    "/api/packages/numpy/chart/system",
    "/api/packages/numpy/chart/system?format=svg",
    "/api/packages/numpy/chart/system?format=json",
    "/api/packages/numpy/badge",
    "/api/packages/numpy/badge?format=shields",
    "/api/recent?package=numpy&package=nope",
    "/api/top",
    "/api/search?q=n",
]
OTHERS = [
    "/openapi.yaml",
    "/health",
    "/health?deep=1",
    "/nope",
    "/api/packages/nope/recent",
    "/api/packages/a%20b/recent",
    "/api/top?limit=0",
]


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of(EVENTS)


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_an_etag_that_its_client_can_send_back(client: TestClient[Any], path: str) -> None:
    first = client.get(path)
    etag = first.headers["etag"]

    again = client.get(path, headers={"If-None-Match": etag})

    assert first.status_code == 200
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert again.headers["cache-control"] == first.headers["cache-control"]
    assert again.headers["vary"] == first.headers["vary"]


@pytest.mark.parametrize("form", ["{}", "W/{}", "*", '"other", {}', '{},"other"', 'W/"other" , W/{}', " {} "])
def test_if_none_match_is_a_list_compared_weakly(client: TestClient[Any], form: str) -> None:
    etag = client.get(OVERALL).headers["etag"]

    answer = client.get(OVERALL, headers={"If-None-Match": form.format(etag)})

    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("value", ['"other"', 'W/"other"', "", "nonsense", '"a", "b"'])
def test_another_etag_gets_the_answer(client: TestClient[Any], value: str) -> None:
    answer = client.get(OVERALL, headers={"If-None-Match": value})

    assert body(answer) == series("overall", "numpy", "with_mirrors 2026-03-10 1", "without_mirrors 2026-03-10 1")


def test_different_answers_have_different_etags(client: TestClient[Any]) -> None:
    etags = [client.get(path).headers["etag"] for path in PATHS if "recent" not in path]

    assert len(set(etags)) == len(etags)


@pytest.mark.parametrize("path", [*PATHS, *OTHERS])
def test_head_is_get_without_its_body(client: TestClient[Any], path: str) -> None:
    got, head = client.get(path), client.head(path)

    assert (head.status_code, head.content, dict(head.headers)) == (got.status_code, b"", dict(got.headers))
    assert int(head.headers["content-length"]) == len(got.content) > 0


def test_a_conditional_head(client: TestClient[Any]) -> None:
    etag = client.get(OVERALL).headers["etag"]

    answer = client.head(OVERALL, headers={"If-None-Match": etag})

    assert (answer.status_code, answer.content) == (304, b"")


DUE = datetime(2026, 3, 12, tzinfo=UTC)
"""When 2026-03-11, the day after the newest, is over."""


@pytest.mark.parametrize(
    ("before_due", "seconds"),
    [
        (timedelta(days=1), 86400),
        (timedelta(hours=12), 43200),
        (timedelta(seconds=30), 30),
        (timedelta(seconds=1), 1),
        (timedelta(milliseconds=1), 1),
        (timedelta(0), 77),
        (timedelta(hours=-1), 77),
        (timedelta(days=-10), 77),
    ],
)
def test_cache_control_ends_when_the_next_day_is_due(dataset: Dataset, before_due: timedelta, seconds: int) -> None:
    dataset.load(EVENTS)
    with dataset.client(now=DUE - before_due, cache_ttl_seconds=77) as client:
        for path in ("/api/packages/numpy/recent", OVERALL, "/api/top"):
            assert client.get(path).headers["cache-control"] == f"public, max-age={seconds}"


@pytest.mark.parametrize("path", ["/nope", "/api/packages/nope/recent", "/api/top?limit=0"])
def test_errors_are_not_kept(client: TestClient[Any], path: str) -> None:
    answer = client.get(path)

    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


async def test_a_thousand_at_once_are_one_query(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    app = dataset.app()
    async with app.lifespan():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            with counted(app) as queries:
                app.state.answers.warehouse.forget_published()
                answers = await asyncio.gather(*[client.get(OVERALL) for _ in range(1000)])

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert answers[0].json() == series("overall", "numpy", "with_mirrors 2026-03-10 1", "without_mirrors 2026-03-10 1")
    assert queries == ["published", "series"]  # what is published, and the answer


async def test_one_that_goes_away_takes_nobody_with_it(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    app = dataset.app()
    async with app.lifespan():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            impatient = asyncio.create_task(client.get(OVERALL))
            patient = [asyncio.create_task(client.get(OVERALL)) for _ in range(5)]
            await asyncio.sleep(0)
            impatient.cancel()
            answers = await asyncio.gather(*patient)

    assert [answer.status_code for answer in answers] == [200] * 5


def test_an_answer_is_worked_out_once(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    with dataset.client() as client, counted(client.app) as queries:
        answers = [client.get(path) for path in (OVERALL, OVERALL, "/api/packages/NumPy/overall", f"{OVERALL}?x=1")]

    assert len({answer.content for answer in answers}) == 1
    assert queries == ["series"]


def test_the_cache_is_bounded_by_entries(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    names = ["numpy", "scipy", "numpy", "__all__", "numpy", "scipy"]
    with dataset.client(cache_max_entries=2) as client, counted(client.app) as queries:
        for name in names:
            client.get(f"/api/packages/{name}/overall")

    assert queries == ["series", "series", "series", "series"]


def test_a_very_long_answer_is_not_kept(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.answers.MAX_KEPT_BYTES", 10)
    dataset.load(EVENTS)
    with dataset.client() as client, counted(client.app) as queries:
        first, second = client.get(OVERALL), client.get(OVERALL)

    assert first.content == second.content
    assert queries == ["series", "series"]


def test_an_answer_changes_when_a_day_is_published(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.warehouse.rollup.Rollup.published_seconds", -1.0)
    dataset.load(EVENTS)
    path = f"{OVERALL}?mirrors=false"
    with dataset.client(now=DUE - timedelta(seconds=5), cache_ttl_seconds=77) as client:
        first = client.get(path)
        dataset.load([event("2026-03-11 12:00:00 UTC", "numpy"), event("2026-03-11 12:00:00 UTC", "new")])
        second = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        new = client.get("/api/packages/new/recent")
        dataset.load([event("2026-03-10 12:00:00 UTC", "scipy")], replace=True)
        third = client.get(path, headers={"If-None-Match": second.headers["etag"]})

    assert body(first) == series("overall", "numpy", "without_mirrors 2026-03-10 1")
    assert body(second) == series("overall", "numpy", "without_mirrors 2026-03-10 1", "without_mirrors 2026-03-11 1")
    assert body(third) == series("overall", "numpy", "without_mirrors 2026-03-11 1")
    assert body(new)["data"] == {"last_day": 1, "last_week": 1, "last_month": 1}
    assert first.headers["cache-control"] == "public, max-age=5"
    assert second.headers["cache-control"] == "public, max-age=86405"


def test_an_unknown_package_is_known_once_it_is_published(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.warehouse.rollup.Rollup.published_seconds", -1.0)
    dataset.load(EVENTS)
    with dataset.client() as client:
        before = client.get("/api/packages/new/overall")
        dataset.load([event("2026-03-09 12:00:00 UTC", "new")])
        after = client.get("/api/packages/new/overall?mirrors=true")

    assert before.status_code == 404
    assert body(after) == series("overall", "new", "with_mirrors 2026-03-09 1")


def test_what_is_published_is_looked_up_every_few_seconds_only(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.warehouse.rollup.Rollup.published_seconds", 2.0)
    dataset.load(EVENTS)
    with dataset.client() as client, counted(client.app) as queries:
        client.app.state.answers.warehouse.forget_published()
        for _ in range(3):
            client.get(OVERALL)
        time.sleep(2.1)
        client.get(OVERALL)

    assert queries == ["published", "series", "published"]
