"""Answers change once a day: what HTTP caches and the app's own cache make of that."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar.testing import TestClient

from app.cache.timing import CacheTiming
from app.warehouse.loading.journal import sweep_superseded
from app.warehouse.reading.batching import QueryBatcher
from tests.support.answers import body, eventually, headers_of, series
from tests.support.client import client_of
from tests.support.contract import content_of
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.fixtures import Backend
from tests.support.load import wait_until
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
    headers = {"Accept-Encoding": "identity"}
    got, head = client.get(path, headers=headers), client.head(path, headers=headers)

    assert (head.status_code, head.content, headers_of(head)) == (got.status_code, b"", headers_of(got))
    assert int(head.headers["content-length"]) == len(got.content) > 0


def test_a_conditional_head(client: TestClient[Any]) -> None:
    etag = client.get(OVERALL).headers["etag"]

    answer = client.head(OVERALL, headers={"If-None-Match": etag})

    assert (answer.status_code, answer.content) == (304, b"")


DUE = datetime(2026, 3, 12, tzinfo=UTC)
"""When 2026-03-11, the day after the newest, is over."""


@pytest.mark.every_backend
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


@pytest.mark.parametrize("path", ["/packages/nope", "/api/packages/nope/recent", "/api/top?limit=0"])
def test_errors_are_not_kept(client: TestClient[Any], path: str) -> None:
    answer = client.get(path)

    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


@pytest.mark.every_backend
async def test_a_thousand_at_once_are_one_query(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    app = dataset.app()
    async with client_of(app) as client:
        with counted(app) as queries:
            answers = await asyncio.gather(*[client.get(OVERALL) for _ in range(1000)])

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert answers[0].json() == series("overall", "numpy", "with_mirrors 2026-03-10 1", "without_mirrors 2026-03-10 1")
    assert queries == ["series"]


@pytest.mark.every_backend
async def test_one_that_goes_away_takes_nobody_with_it(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    app = dataset.app()
    async with client_of(app) as client:
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


def test_the_cache_is_bounded_by_bytes(dataset: Dataset) -> None:
    dataset.load(event("2026-03-10 12:00:00 UTC", f"package-{number}") for number in range(300))
    with dataset.client(cache_max_bytes=1 << 20) as client:
        finder = client.app.state.services.answers
        for number in range(300):
            client.get(f"/api/packages/package-{number}/overall")
            assert finder.answers.bytes + finder.errors.bytes <= 1 << 20
        with counted(client.app) as queries:
            client.get("/api/packages/package-299/overall")
            client.get("/api/packages/package-0/overall")

    assert 100 < len(finder.answers) < 300
    assert queries == ["series"]  # of the one that was not asked for longest


def test_an_answer_that_would_take_more_than_its_share_is_not_kept(dataset: Dataset) -> None:
    """It would fit: nothing is evicted for it."""
    dataset.load(EVENTS)
    with dataset.client(cache_max_bytes=1 << 14) as client, counted(client.app) as queries:
        first, second = client.get(OVERALL), client.get(OVERALL)
        assert client.app.state.services.answers.answers.evictions == 0

    assert first.content == second.content
    assert queries == ["series", "series"]


@pytest.mark.every_backend
def test_a_package_that_is_not_there_is_asked_for_once(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    with dataset.client() as client, counted(client.app) as queries:
        answers = [client.get(path) for path in ("/api/packages/nope/overall", "/api/packages/Nope/overall?") * 3]

    assert queries == ["series", "known"]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


def test_names_that_a_stranger_thinks_up_displace_no_answer(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    with dataset.client(cache_max_entries=8) as client:
        client.get(OVERALL)
        for number in range(20):
            assert client.get(f"/api/packages/nope-{number}/overall").status_code == 404
        with counted(client.app) as queries:
            client.get(OVERALL)
        errors = client.app.state.services.answers.errors

    assert queries == []
    assert len(errors) == 1


def test_any_number_of_ways_to_ask_the_same_take_little(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    with dataset.client() as client, counted(client.app) as queries:
        client.get(OVERALL)
        before = client.app.state.services.answers.answers.bytes
        for number in range(200):
            assert client.get(f"{OVERALL}?x={number}").status_code == 200
        after = client.app.state.services.answers.answers.bytes

    assert queries == ["series"]
    assert after - before < 5_000


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_each_coding_has_its_own_etag(client: TestClient[Any], coding: str) -> None:
    plain = client.get("/openapi.yaml", headers={"Accept-Encoding": "identity"})
    coded = client.get("/openapi.yaml", headers={"Accept-Encoding": coding})
    again = client.get("/openapi.yaml", headers={"Accept-Encoding": coding, "If-None-Match": coded.headers["etag"]})
    other = client.get("/openapi.yaml", headers={"Accept-Encoding": coding, "If-None-Match": plain.headers["etag"]})

    assert (plain.headers.get("content-encoding"), coded.headers["content-encoding"]) == (None, coding)
    assert int(coded.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert content_of(coded) == plain.content
    assert coded.headers["etag"] == plain.headers["etag"][:-1] + f'-{coding}"'
    assert coded.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert (again.status_code, again.headers["etag"]) == (304, coded.headers["etag"])
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("gzip", "gzip"),
        ("GZIP;q=0.5, br;q=0.4", "gzip"),
        ("br;q=0, gzip;q=0.001", "gzip"),
        ("*", "br"),
        ("*;q=0.1, identity", None),
        ("br;q=0, *", "zstd"),
        ("identity, gzip;q=0.5", None),
        ("deflate", None),
        ("gzip;q=0", None),
        ("gzip;q=nonsense", None),
        ("", None),
        (",;=;q", None),
    ],
)
def test_the_coding_is_the_one_that_the_client_likes_best(
    client: TestClient[Any], accepted: str, coding: str | None
) -> None:
    answer = client.get("/openapi.yaml", headers={"Accept-Encoding": accepted})

    assert answer.headers.get("content-encoding") == coding


def test_short_answers_are_not_compressed(client: TestClient[Any]) -> None:
    assert "content-encoding" not in client.get(OVERALL).headers


def test_what_accept_chooses_varies_with_it(client: TestClient[Any]) -> None:
    json, csv = (client.get(OVERALL, headers={"Accept": kind}) for kind in ("application/json", "text/csv"))
    again = client.get(OVERALL, headers={"Accept": "application/json"})

    assert (json.headers["content-type"], csv.headers["content-type"]) == (
        "application/json",
        "text/csv; charset=utf-8",
    )
    assert again.content == json.content
    assert json.headers["vary"] == csv.headers["vary"] == "Accept, Accept-Encoding"
    assert client.get("/api/top").headers["vary"] == "Accept-Encoding"


def test_no_shared_cache_keeps_what_accept_alone_has_chosen(client: TestClient[Any]) -> None:
    """One that ignores `Vary` would give the CSV to all who ask for the URL."""
    csv = {"Accept": "text/csv"}
    for _ in ("computed", "cached"):
        chosen = client.get(OVERALL, headers=csv)
        again = client.get(OVERALL, headers=csv | {"If-None-Match": chosen.headers["etag"]})
        assert (chosen.status_code, again.status_code) == (200, 304)
        for answer in (chosen, again):
            assert answer.headers["cache-control"].startswith("private, max-age=")
        for shared in (
            client.get(OVERALL),
            client.get(f"{OVERALL}?format=csv"),
            client.get(f"{OVERALL}?format=csv", headers=csv),
        ):
            assert shared.headers["cache-control"].startswith("public, max-age=")


@pytest.mark.parametrize("form", ["json", "csv"])
@pytest.mark.parametrize("named_first", [True, False])
def test_what_the_parameter_chooses_does_not_vary_with_accept(dataset: Dataset, form: str, named_first: bool) -> None:
    dataset.load(EVENTS)
    kind = {"json": "application/json", "csv": "text/csv"}[form]
    named, chosen = f"{OVERALL}?format={form}", OVERALL
    with dataset.client() as client:
        answers = {
            path: client.get(path, headers={"Accept": kind})
            for path in ((named, chosen) if named_first else (chosen, named))
        }
        again = {path: client.get(path, headers={"Accept": kind}) for path in answers}

    assert answers[named].content == answers[chosen].content
    for seen in (answers, again):
        assert seen[named].headers["vary"] == "Accept-Encoding"
        assert seen[chosen].headers["vary"] == "Accept, Accept-Encoding"


POLLS_OFTEN = CacheTiming(poll_interval=0.05)


@pytest.mark.every_backend
def test_an_answer_changes_when_a_day_is_published(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    path = f"{OVERALL}?mirrors=false"
    now = DUE - timedelta(seconds=5)
    with dataset.client(timing=POLLS_OFTEN, now=lambda: now, cache_ttl_seconds=77) as client:
        first = client.get(path)
        now = DUE
        dataset.load([event("2026-03-11 12:00:00 UTC", "numpy"), event("2026-03-11 12:00:00 UTC", "new")])
        both = series("overall", "numpy", "without_mirrors 2026-03-10 1", "without_mirrors 2026-03-11 1")
        second = eventually(client, path, both)
        new = client.get("/api/packages/new/recent")
        dataset.load([event("2026-03-10 12:00:00 UTC", "scipy")], replace=True)
        replaced = series("overall", "numpy", "without_mirrors 2026-03-11 1")
        third = eventually(client, path, replaced)

    assert body(first) == series("overall", "numpy", "without_mirrors 2026-03-10 1")
    assert body(new)["data"] == {"last_day": 1, "last_week": 1, "last_month": 1}
    assert first.headers["cache-control"] == "public, max-age=5"
    assert second.headers["cache-control"] == "public, max-age=86400"
    assert len({answer.headers["etag"] for answer in (first, second, third)}) == 3


@pytest.mark.every_backend
def test_an_unknown_package_is_known_once_it_is_published(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    path = "/api/packages/new/overall?mirrors=true"
    with dataset.client(timing=POLLS_OFTEN) as client:
        before = client.get(path)
        dataset.load([event("2026-03-09 12:00:00 UTC", "new")])
        eventually(client, path, series("overall", "new", "with_mirrors 2026-03-09 1"))

    assert before.status_code == 404


@pytest.mark.only_backend(Backend.EMBEDDED, Backend.HTTP)
def test_a_new_day_is_worked_out_before_anybody_asks(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    paths = [f"/api/packages/{name}/{what}" for name in ("numpy", "scipy") for what in ("overall", "recent", "system")]
    with dataset.client(timing=POLLS_OFTEN, now=DUE) as client:
        before = [client.get(path).content for path in paths]
        cache = client.app.state.services.answers
        first = cache.versions.current
        with counted(client.app) as queries:
            dataset.load([event("2026-03-11 12:00:00 UTC", name) for name in ("numpy", "scipy")])
            wait_until(lambda: cache.versions.current is not first)
            entries = cache.answers.recently_used
            wait_until(lambda: all(entry.version is cache.versions.current for entry in entries()))
            after = [client.get(path).content for path in paths]

    # The series of a package by one query, and the recent downloads of both.
    assert sorted(queries) == ["recent", "series", "series"]
    assert all(old != new for old, new in zip(before, after, strict=True))


@pytest.mark.only_backend(Backend.EMBEDDED)
def test_what_is_no_longer_asked_for_is_not_computed_again(dataset: Dataset) -> None:
    """Of a source, such a package would be followed for ever."""
    dataset.load(EVENTS)
    still, once = "/api/packages/numpy/overall", "/api/packages/scipy/overall"
    now = 0.0
    timing = CacheTiming(clock=lambda: now, poll_interval=0.05)
    with dataset.client(timing=timing, now=DUE + timedelta(days=1)) as client:
        cache = client.app.state.services.answers
        client.get(once)
        for day in (11, 12):
            client.get(still)
            before = cache.versions.current
            dataset.load([event(f"2026-03-{day} 12:00:00 UTC", name) for name in ("numpy", "scipy")])
            wait_until(lambda before=before: cache.versions.current is not before)
            wait_until(lambda: all(entry.version is cache.versions.current for entry in cache.answers.recently_used()))
        # The previous responses are not sent any more.
        now = timing.refresh + 1
        queries = []
        for path in (still, once):
            with counted(client.app) as of_one:
                newest = client.get(path).json()["data"][-1]["date"]
            queries.append((newest, list(of_one)))

    assert queries == [("2026-03-12", []), ("2026-03-12", ["series"])]


@pytest.mark.every_backend
def test_old_answers_are_sent_while_new_ones_are_made_and_no_longer(dataset: Dataset) -> None:
    now = 0.0
    dataset.load(EVENTS)
    timing = CacheTiming(clock=lambda: now, poll_interval=0.05, refresh=30, refresh_tasks=0)
    with dataset.client(timing=timing, now=DUE) as client:
        versions = client.app.state.services.answers.versions
        first = client.get(OVERALL)
        before = versions.current
        dataset.load([event("2026-03-11 12:00:00 UTC", "numpy")])
        wait_until(lambda: versions.current is not before)
        meanwhile = client.get(OVERALL)
        now = 31.0
        after = client.get(OVERALL)

    assert meanwhile.content == first.content != after.content
    assert meanwhile.headers["cache-control"] == "public, max-age=5"


@pytest.mark.every_backend
def test_what_is_swept_changes_no_answer(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    dataset.load([event("2026-03-10 12:00:00 UTC", "numpy")], replace=True)
    with dataset.client() as client, counted(client.app) as queries:
        first = client.get(OVERALL)
        with dataset.engine.client() as writer:
            sweep_superseded(writer, timedelta(0))
        client.app.state.services.answers.versions.poll_soon()
        client.get("/health?deep=1")
        again = client.get(OVERALL)

    assert again.content == first.content
    assert queries == ["series"]


@pytest.mark.every_backend
def test_a_cold_question_looks_for_what_has_just_been_published(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    with dataset.client(now=DUE) as client:
        client.get(OVERALL)
        dataset.load([event("2026-03-11 12:00:00 UTC", "numpy")])
        client.app.state.services.answers.versions.poll_soon()
        recent = client.get("/api/packages/numpy/recent")

    assert body(recent)["data"] == {"last_day": 1, "last_week": 2, "last_month": 2}


@pytest.mark.only_backend(Backend.EMBEDDED, Backend.HTTP)
async def test_a_dashboards_questions_are_one_query(dataset: Dataset) -> None:
    dataset.load([event("2026-03-10 12:00:00 UTC", "numpy"), event("2026-03-10 12:00:00 UTC", "scipy")])
    dimensions = ["overall", "python_major", "python_minor", "system", "installer", "country", "file_type"]
    alone = dataset.app()
    async with client_of(alone) as client:
        one_by_one = [await client.get(f"/api/packages/numpy/{dimension}") for dimension in dimensions]
    app = dataset.app()
    async with client_of(app) as client:
        with counted(app) as queries:
            paths = [f"/api/packages/numpy/{dimension}" for dimension in dimensions]
            at_once = await asyncio.gather(*[client.get(path) for path in paths])

    assert [answer.content for answer in at_once] == [answer.content for answer in one_by_one]
    assert {answer.status_code for answer in at_once} == {200}
    assert queries == ["series"]


@pytest.mark.every_backend
async def test_questions_about_an_unknown_package_at_once(dataset: Dataset) -> None:
    dataset.load(EVENTS)
    app = dataset.app()
    async with client_of(app) as client:
        paths = [f"/api/packages/nope/{dimension}" for dimension in ("overall", "system", "version")]
        answers = await asyncio.gather(*[client.get(path) for path in paths])

    assert [answer.status_code for answer in answers] == [404] * 3


async def test_a_question_that_was_given_up_hinders_no_other() -> None:
    batches = QueryBatcher[tuple[str, str], int]()
    read: list[list[tuple[str, str]]] = []

    async def read_them(keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        read.append(list(keys))
        return dict.fromkeys(keys, 1)

    given_up = asyncio.create_task(batches.value("day", ("numpy", "overall"), 9, read_them))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    others = [("numpy", "system"), ("numpy", "version")]

    assert await asyncio.gather(*[batches.value("day", key, 9, read_them) for key in others]) == [1, 1]
    assert read == [others]
