"""Questions about many packages at once are few queries, and each has the answer that it has alone."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from app.warehouse.reading.batching import QueryBatcher
from app.warehouse.reading.tables import MAX_BATCH, MAX_BATCH_DAYS
from tests.support.client import client_of
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.faults import faulty
from tests.support.fixtures import Backend
from tests.support.queries import counted

pytestmark = pytest.mark.only_backend(Backend.EMBEDDED, Backend.HTTP)

DIMENSIONS = ("overall", "python_major", "python_minor", "system", "installer", "version", "country", "file_type")
PACKAGES = [f"package-{number}" for number in range(12)]
Pair = tuple[str, str]


@pytest.fixture
def loaded(dataset: Dataset) -> Dataset:
    """Twelve packages, no two alike in any dimension."""
    dataset.load(
        [
            event(
                f"2026-03-{day} 12:00:00 UTC",
                name,
                installer=installer,
                python=f"3.{number}.1",
                system=("Linux", "Windows", None)[number % 3],
                country=f"A{chr(65 + number)}",
                version=f"{number}.0",
                file_type="sdist" if number % 2 else "bdist_wheel",
            )
            for number, name in enumerate(PACKAGES)
            for day in ("09", "10")
            for installer in ("bandersnatch", f"installer-{number}")
            for _ in range(number + 1)
        ]
    )
    return dataset


async def test_each_answer_is_the_one_that_it_is_alone(loaded: Dataset) -> None:
    paths = [f"/api/packages/{package}/{what}" for what in (*DIMENSIONS, "recent", "summary") for package in PACKAGES]
    paths += [f"{path}?granularity=month" for path in paths if path.endswith("system")]
    paths += [f"/api/packages/{package}/overall?mirrors=false" for package in PACKAGES]
    async with client_of(loaded.app()) as client:
        alone = [await client.get(path) for path in paths]
    app = loaded.app()
    async with client_of(app) as client:
        with counted(app) as queries:
            at_once = await asyncio.gather(*[client.get(path) for path in paths])

    assert [answer.content for answer in at_once] == [answer.content for answer in alone]
    assert {answer.status_code for answer in at_once} == {200}
    assert len({answer.content for answer in at_once}) == len(paths)
    # Releases are read one package at a time, and so is what comes before there is a crowd; all else together. A client
    # has 32 requests in progress.
    assert len(queries) < len(PACKAGES) + 36 < len(paths)


async def test_questions_that_have_no_answer_are_no_other(loaded: Dataset) -> None:
    names = ["package-3", "nope", "package-4", "nor-this"]
    async with client_of(loaded.app()) as client:
        paths = [f"/api/packages/{name}/{what}" for what in ("system", "recent") for name in names]
        answers = await asyncio.gather(*[client.get(path) for path in paths])

    assert [answer.status_code for answer in answers] == [200, 404] * 4
    assert [answer.json()["package"] for answer in answers[::2]] == ["package-3", "package-4"] * 2


async def test_a_query_that_fails_fails_those_that_it_answers_and_no_other(loaded: Dataset) -> None:
    async with faulty(loaded) as (client, clickhouse):
        paths = [f"/api/packages/{package}/system" for package in PACKAGES]
        first = await client.get(f"/api/packages/{PACKAGES[0]}/overall")
        clickhouse.mode = "refusing"
        failed = await asyncio.gather(*[client.get(path) for path in paths])
        clickhouse.mode = "working"
        still = await client.get(f"/api/packages/{PACKAGES[0]}/overall")

    assert {answer.status_code for answer in failed} == {503}
    assert (first.status_code, still.content) == (200, first.content)


async def test_slow_queries_do_not_hold_up_those_that_come_after() -> None:
    """However many run, a question waits a moment, and no longer."""
    questions = QueryBatcher[Pair, str]()
    slow, started = asyncio.Event(), asyncio.Event()
    reading: list[Pair] = []

    async def read_slowly(keys: Sequence[Pair]) -> dict[Pair, str]:
        reading.extend(keys)
        if len(reading) == len(waiting):
            started.set()
        await slow.wait()
        return dict.fromkeys(keys, "slow")

    async def read(keys: Sequence[Pair]) -> dict[Pair, str]:
        return {key: f"with {len(keys) - 1} others" for key in keys}

    waiting = [asyncio.create_task(questions.value(n, (f"slow-{n}", "x"), 9, read_slowly)) for n in range(5)]
    async with asyncio.timeout(20):
        await started.wait()
        found = await asyncio.gather(*[questions.value("day", (f"package-{n}", "x"), 9, read) for n in range(3)])
    slow.set()

    assert found == ["with 2 others"] * 3
    assert await asyncio.gather(*waiting) == ["slow"] * 5


async def test_no_query_answers_more_than_so_many() -> None:
    questions = QueryBatcher[Pair, int]()
    sizes: list[int] = []

    async def read(keys: Sequence[Pair]) -> dict[Pair, int]:
        sizes.append(len(keys))
        return {key: int(key[1]) for key in keys}

    asked = [("numpy", str(number)) for number in range(20)]
    found = await asyncio.gather(*[questions.value("day", key, 8, read) for key in asked])

    assert found == list(range(20))
    assert sizes == [8, 8, 4]


@pytest.mark.parametrize(("days", "queries"), [(30, 3), (MAX_BATCH_DAYS // 2, 7)])
async def test_long_series_are_read_by_more_queries(loaded: Dataset, days: int, queries: int) -> None:
    """All that one query returns stays below what it may. The first two packages are no crowd yet."""
    assert len(PACKAGES) <= MAX_BATCH
    app = loaded.app(window_days=days)
    async with client_of(app) as client:
        with counted(app) as asked:
            answers: list[httpx.Response] = await asyncio.gather(
                *[client.get(f"/api/packages/{package}/overall") for package in PACKAGES]
            )

    assert {answer.status_code for answer in answers} == {200}
    assert asked == ["series"] * queries
