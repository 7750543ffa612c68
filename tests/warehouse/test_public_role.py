"""Nothing is cut, however long the answer: the public role ends results at 1,000 rows without an error."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from litestar.testing import TestClient

from app.settings import Secret
from app.warehouse.engines.errors import QueryFailedError
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.loading.sync import PACKAGES_PER_QUERY
from app.warehouse.sources.clickpy import RANKED, ClickPy
from app.windows import last_days
from tests.support.answers import body
from tests.support.clickpy import PublicServer
from tests.support.dataset import Dataset
from tests.support.facade import Facade

NOW = datetime(2026, 3, 12, 8, tzinfo=UTC)
DAYS, RELEASES, MIRRORED, PYTHONS, COUNTRIES, PACKAGES = 180, 2_500, 500, 15, 200, 2_500

# On each day each of boto3's releases once, and some of them once more by a mirror or an unknown installer.
BOTO3 = f"""
INSERT INTO pypi (date, project, version, country_code, type, installer, python_minor, system)
SELECT
    toDate('2026-03-10') - intDiv(number, {RELEASES + MIRRORED}),
    'boto3',
    concat('1.0.', toString(release)),
    concat(char(65 + release % 20), char(65 + intDiv(release, 20) % 10)),
    ['bdist_wheel', 'sdist', ''][1 + release % 3],
    if(is_mirrored, ['bandersnatch', ''][1 + release % 2], ['pip', 'uv', 'poetry'][1 + release % 3]),
    if(is_mirrored, '', concat('3.', toString(release % {PYTHONS}))),
    if(is_mirrored, '', ['Linux', 'Windows', 'Darwin', 'FreeBSD'][1 + release % 4])
FROM
(
    SELECT
        number,
        number % {RELEASES + MIRRORED} AS event,
        event % {RELEASES} AS release,
        event >= {RELEASES} AS is_mirrored
    FROM numbers({(RELEASES + MIRRORED) * DAYS})
)
"""
OTHERS = f"""
INSERT INTO pypi (date, project, version, installer)
SELECT toDate('2026-03-10') - number % 30, concat('package-', toString(intDiv(number, 30))), '1', 'pip'
FROM numbers({30 * PACKAGES})
"""


@pytest.fixture(scope="module")
def public(make_public: Callable[[], PublicServer]) -> PublicServer:
    public = make_public()
    with public.engine.client() as client:
        client.command(BOTO3)
        client.command(OTHERS)
    return public


@pytest.fixture(scope="module")
def client(public: PublicServer, make_dataset: Callable[[], Dataset]) -> Iterator[TestClient[Any]]:
    store = make_dataset()
    with store.client(now=NOW, **public.settings(store)) as client:
        yield client


@pytest.fixture
def role(public: PublicServer) -> ServerEngine:
    return ServerEngine(server_address(public.facade.url), "demo", Secret(""), public.engine.database)


def test_this_role_cuts_without_a_word(role: ServerEngine) -> None:
    with role.client() as client:
        rows = client.query("SELECT date, version FROM pypi WHERE project = 'boto3'").result_rows

    assert len(rows) == 1000


@pytest.mark.parametrize(
    ("dimension", "categories", "downloads"),
    [
        ("overall", 2, 2 * RELEASES + MIRRORED),
        ("python_major", 1, RELEASES),
        ("python_minor", PYTHONS, RELEASES),
        ("system", 4, RELEASES),
        ("installer", 5, RELEASES + MIRRORED),
        ("version", RELEASES, RELEASES),
        ("country", COUNTRIES, RELEASES),
        ("file_type", 3, RELEASES),
    ],
)
def test_series_are_whole(client: TestClient[Any], dimension: str, categories: int, downloads: int) -> None:
    rows = body(client.get(f"/api/packages/boto3/{dimension}"))["data"]

    assert len(rows) == categories * DAYS
    assert rows == sorted(rows, key=lambda row: (row["category"], row["date"]))
    days: Counter[str] = Counter()
    for row in rows:
        days[row["date"]] += row["downloads"]
    assert list(days.values()) == [downloads] * DAYS


def test_totals_and_recent_downloads_are_whole(client: TestClient[Any]) -> None:
    totals = body(client.get("/api/packages/boto3/summary"))["totals"]
    recent = body(client.get("/api/packages/boto3/recent"))["data"]

    assert totals["overall"] == sum(totals["python_minor"].values()) == DAYS * RELEASES
    assert (len(totals["python_minor"]), sum(totals["installer"].values())) == (PYTHONS, DAYS * (RELEASES + MIRRORED))
    assert recent == {"last_day": RELEASES, "last_week": 7 * RELEASES, "last_month": 30 * RELEASES}


def test_a_query_about_many_packages_is_whole(role: ServerEngine) -> None:
    source = ClickPy(role, "the public server", lambda: NOW)
    packages = [f"package-{number}" for number in range(PACKAGES_PER_QUERY)]
    counts = list(source.counts(packages, last_days(date(2026, 3, 10), 30)))
    source.close()

    # Of each dimension one category, of overall two.
    assert sum(sum(part.downloads) for part in counts) == 10 * 30 * PACKAGES_PER_QUERY


@pytest.mark.parametrize(("period", "days"), [("day", 1), ("week", 7), ("month", 30)])
def test_rankings_are_whole(client: TestClient[Any], period: str, days: int) -> None:
    names = ["boto3", *sorted(f"package-{number}" for number in range(PACKAGES))]
    ranked = body(client.get(f"/api/top?period={period}&limit=1000"))["data"]

    expected = [{"package": name, "downloads": days * (RELEASES if name == "boto3" else 1)} for name in names]
    assert ranked == expected[:RANKED]


def test_searches_are_whole(client: TestClient[Any]) -> None:
    names = sorted(f"package-{number}" for number in range(PACKAGES))
    found = body(client.get("/api/search?q=p&limit=100"))["data"]

    assert found == [{"package": name, "downloads": 30} for name in names[:100]]


async def test_no_answer_comes_from_a_part_of_what_there_is_to_read(public: PublicServer, facade: Facade) -> None:
    """Where the user may say so; the role itself is told to break off."""
    count = "SELECT countIf(number >= 0) FROM numbers(10000000)"
    hasty = ServerEngine(server_address(facade.url), "hasty", Secret(""), public.engine.database)
    with hasty.client() as client:
        assert client.command(count) < 10_000_000
    reader = hasty.reader()
    try:
        with pytest.raises(QueryFailedError, match="TOO_MANY_ROWS"):
            await reader.query(count, {})
    finally:
        await reader.close()
