"""The public data set's tables give the answers that our own tables give from the same events."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from itertools import chain
from typing import Any

import pytest
from litestar.testing import TestClient

from app.cache.timing import CacheTiming
from app.warehouse.loading.migrations import SchemaError
from tests.support.answers import assert_problem, assert_unknown, body, eventually
from tests.support.clickpy import PublicDataset
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.oracle import FILTERS, categories, usable, utc_day

MakeDataset = Callable[..., Dataset]
MakePublic = Callable[[], PublicDataset]

NEWEST = date(2026, 3, 10)
DAYS = [NEWEST - timedelta(days=back) for back in [*range(40), 178, 179, 180, 400]]
PACKAGES = [f"package-{number}" for number in range(13)]
VERSIONS = ["1.0", "1.1", "2.0rc1", None]

# Installer, Python, system: what PyPI's log parser makes of its clients.
CLIENTS: list[tuple[str | None, str | None, str | None]] = [
    ("pip", "3.13.1", "Linux"),
    ("pip", "3.9.21", "Windows"),
    ("pip", "3.10", "Darwin"),
    ("pip", "2.7.18", "FreeBSD"),
    ("uv", "3.14.0rc1", "Linux"),
    ("uv", None, None),
    ("setuptools", "3.6", None),
    ("poetry", None, "Linux"),
    ("Browser", None, None),
    ("Nexus", None, None),
    ("Artifactory", None, None),
    ("bandersnatch", None, None),
    ("z3c.pypimirror", None, None),
    ("devpi", None, None),
    (None, None, None),
]
# What the log parser also makes, or could: unknown installers with a Python, mirrors with both, what is no version.
ODD_CLIENTS: list[tuple[str | None, str | None, str | None]] = [
    (None, "2.7", None),
    (None, "3.13.1", "Linux"),
    ("bandersnatch", "3.13.1", "Linux"),
    ("pip", "3", "Linux"),
    ("pip", "abc", None),
]


def events_of(clients: list[tuple[str | None, str | None, str | None]], seed: int) -> list[dict[str, Any]]:
    """A hundred events a day, of all packages, by these clients."""
    choose = random.Random(seed).choice
    return [
        event(
            f"{day} 12:00:00 UTC",
            package,
            installer=installer,
            python=python,
            system=system,
            country=choose(["US", "DE", None]),
            version=choose(VERSIONS),
            file_type=choose(["bdist_wheel", "sdist", None]),
        )
        for day in DAYS
        for package in chain(PACKAGES, random.Random(f"{seed} {day}").choices(PACKAGES, k=87))
        for installer, python, system in [choose(clients)]
    ]


EVENTS = events_of(CLIENTS, 1)
ODD_EVENTS = events_of(CLIENTS + ODD_CLIENTS, 2)


Clients = tuple[TestClient[Any], TestClient[Any]]
"""Of our tables, and of the public data set's."""


@pytest.fixture
def make_public(make_dataset: MakeDataset) -> MakePublic:
    def make() -> PublicDataset:
        public = make_dataset(PublicDataset)
        assert isinstance(public, PublicDataset)
        return public

    return make


@pytest.fixture(scope="module")
def clients_of(make_dataset: MakeDataset) -> Iterator[Callable[[list[dict[str, Any]]], Clients]]:
    with ExitStack() as stack:

        def clients_of(events: list[dict[str, Any]]) -> Clients:
            own, public = make_dataset(), make_dataset(PublicDataset)
            own.load(events)
            assert isinstance(public, PublicDataset)
            public.fill(events)
            return stack.enter_context(own.client()), stack.enter_context(public.client())

        yield clients_of


@pytest.fixture(scope="module")
def alike(clients_of: Callable[[list[dict[str, Any]]], Clients]) -> Clients:
    return clients_of(EVENTS)


@pytest.fixture(scope="module")
def odd(clients_of: Callable[[list[dict[str, Any]]], Clients]) -> Clients:
    return clients_of(ODD_EVENTS)


def assert_same(clients: Clients, path: str, **query: Any) -> None:
    own, public = (client.get(path, params=query) for client in clients)
    assert (public.status_code, public.text) == (own.status_code, own.text), (path, query)
    assert own.status_code == 200 or "unknown" in path, path


QUERIES: list[dict[str, str]] = [
    {},
    {"format": "csv"},
    {"granularity": "week"},
    {"granularity": "month", "start_date": "2025-01-01"},
    {"start_date": "2026-03-01", "end_date": "2026-03-05"},
    {"start_date": "2026-03-08", "end_date": "2027-01-01"},
    {"end_date": "2025-09-12"},
    {"start_date": "2020-01-01", "end_date": "2020-02-01"},
]


@pytest.mark.parametrize("dimension", FILTERS)
def test_series_are_the_same(alike: Clients, dimension: str) -> None:
    for package in [*PACKAGES, "unknown"]:
        for query in QUERIES:
            assert_same(alike, f"/api/packages/{package}/{dimension}", **query)


@pytest.mark.parametrize("dimension", FILTERS)
def test_filtered_series_are_the_same(alike: Clients, dimension: str) -> None:
    values = {"overall": ["true", "false"], "system": ["windows", "Linux", "DARWIN", "other", "null"]}
    found = sorted({row["category"] for row in series(alike[0], PACKAGES[0], dimension)})
    for value in values.get(dimension, [*found, "none such"]):
        assert_same(alike, f"/api/packages/{PACKAGES[0]}/{dimension}", **{FILTERS[dimension]: value})


def test_recent_downloads_and_summaries_are_the_same(alike: Clients) -> None:
    for package in [*PACKAGES, "unknown"]:
        assert_same(alike, f"/api/packages/{package}/summary")
        for query in (
            {},
            {"mirrors": "true"},
            {"period": "day"},
            {"period": "week"},
            {"mirrors": "true", "period": "month"},
        ):
            assert_same(alike, f"/api/packages/{package}/recent", **query)
    assert_same(alike, "/api/recent", package=[*PACKAGES, "unknown", *PACKAGES[3:5]])


@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_the_most_downloaded_are_the_same(alike: Clients, period: str) -> None:
    for limit, offset in ((100, 0), (3, 0), (3, 3), (1000, 12), (10, 5000), (1000, 10_000_000)):
        assert_same(alike, "/api/top", period=period, limit=limit, offset=offset)


def test_searches_are_the_same(alike: Clients) -> None:
    for prefix, limit in (("p", 10), ("package-1", 100), ("PACKAGE_", 3), ("package-12", 10), ("q", 10)):
        assert_same(alike, "/api/search", q=prefix, limit=limit)


def test_merged_parts_answer_the_same(alike: Clients, make_dataset: MakeDataset) -> None:
    """The table of installers loses its file types when it is merged; no answer may depend on them."""
    public = make_dataset(PublicDataset)
    assert isinstance(public, PublicDataset)
    public.fill(EVENTS)
    public.merge()
    with public.client() as client:
        for dimension in FILTERS:
            assert_same((alike[0], client), f"/api/packages/{PACKAGES[1]}/{dimension}")


def test_there_is_no_sum_over_all_packages(alike: Clients) -> None:
    _, public = alike
    for question in ("overall", "system", "recent", "summary"):
        assert_problem(
            public.get(f"/api/packages/__all__/{question}"),
            404,
            "Not Found",
            "package: this data set has no sum over all packages, '__all__'",
        )
    assert body(public.get("/api/recent?package=__all__")) == {
        "data": {},
        "missing": ["__all__"],
        "type": "recent_downloads",
    }


def test_the_start_page_shows_no_sum(alike: Clients) -> None:
    """It shows the rest, though."""
    own, public = (client.get("/").text for client in alike)
    of_all = ('id="everything">All packages<', "/packages/__all__", ">Share<")

    assert [words in own for words in of_all] == [True] * 3
    assert [words in public for words in of_all] == [False] * 3
    assert 'href="/packages/package-0"' in public


def test_what_health_says(alike: Clients) -> None:
    own, public = (body(client.get("/health?deep=1")) for client in alike)

    assert own.pop("schema") == "current"
    assert public == own | {"layout": "clickpy", "dataset": "public"}


# Where the two may differ, and by how much.


def series(client: TestClient[Any], package: str, dimension: str) -> list[dict[str, Any]]:
    return list(body(client.get(f"/api/packages/{package}/{dimension}"))["data"])


def counts(client: TestClient[Any], package: str, dimension: str) -> Counter[tuple[str, str]]:
    return Counter({(row["category"], row["date"]): row["downloads"] for row in series(client, package, dimension)})


def events_in_window(package: str) -> list[tuple[str, dict[str, Any]]]:
    first = NEWEST - timedelta(days=179)
    days = ((utc_day(e["timestamp"]), e) for e in ODD_EVENTS if e["project"] == package)
    return [(day.isoformat(), e) for day, e in days if day >= first]


def test_what_is_no_python_version_is_not_left_out(odd: Clients) -> None:
    """Only the table of Pythons has it: it counts in all series but those by Python, and in recent downloads."""
    own, public = odd
    lately = (NEWEST - timedelta(days=29)).isoformat()
    for package in PACKAGES:
        left_out = [(day, e) for day, e in events_in_window(package) if not usable(e)]
        for dimension in ("overall", "installer", "version", "country", "file_type"):
            more = Counter(
                (category, day) for day, e in left_out for name, category in categories(e) if name == dimension
            )
            assert counts(public, package, dimension) == counts(own, package, dimension) + more, (package, dimension)
        recent = [body(client.get(f"/api/packages/{package}/recent"))["data"]["last_month"] for client in odd]
        assert recent[1] - recent[0] == sum(
            ("overall", "without_mirrors") in categories(e) for day, e in left_out if day >= lately
        )


@pytest.mark.parametrize("dimension", ["python_major", "python_minor", "system"])
def test_mirrors_and_unknown_installers_are_taken_from_null(odd: Clients, dimension: str) -> None:
    """The log parser gives mirrors neither a Python nor a system. What has one all the same stays where it is."""
    own, public = odd
    differing = 0
    for package in PACKAGES:
        expected = counts(own, package, dimension)
        for day, e in events_in_window(package):
            as_pip = e | {"details": e["details"] | {"installer": {"name": "pip"}}}
            (category,) = [category for name, category in categories(as_pip) if name == dimension]
            if ("overall", "without_mirrors") not in categories(e):
                if category != "null":
                    expected[category, day] += 1
                    expected["null", day] -= 1
                    differing += 1
            elif not usable(e) and dimension == "system":
                expected[category, day] += 1
        assert counts(public, package, dimension) == +expected, package
    assert differing > 100


def test_totals_are_the_sums_of_the_series(odd: Clients) -> None:
    _, public = odd
    for package in PACKAGES:
        totals = body(public.get(f"/api/packages/{package}/summary"))["totals"]
        for dimension in ("system", "python_major", "python_minor", "installer"):
            sums: Counter[str] = Counter()
            for (category, _), downloads in counts(public, package, dimension).items():
                sums[category] += downloads
            assert totals[dimension] == sums


# Rankings look at bounds first.


def test_no_package_is_overlooked_behind_those_that_mirrors_download(make_public: MakePublic) -> None:
    public = make_public()
    mirrored = [f"a-{number}" for number in range(250)]
    at_noon = f"{NEWEST} 12:00:00 UTC"
    public.fill(event(at_noon, package, installer="bandersnatch") for package in mirrored for _ in range(3))
    public.fill(event(at_noon, package) for package in ["a-first", "a-first", "a-second", "a-7"])
    with public.client() as client:
        top = body(client.get("/api/top?period=day&limit=2"))["data"]
        found = body(client.get("/api/search?q=a&limit=4"))["data"]

    ranked = [("a-first", 2), ("a-7", 1), ("a-second", 1), ("a-0", 0)]
    assert [(row["package"], row["downloads"]) for row in found] == ranked
    assert [(row["package"], row["downloads"]) for row in top] == ranked[:2]


def test_no_package_is_overlooked_behind_those_of_earlier_in_the_month(make_public: MakePublic) -> None:
    public = make_public()
    public.load([event(f"{NEWEST} 12:00:00 UTC", "today")])
    with public.engine.client() as client:
        client.command(
            """
            INSERT INTO pypi (date, project, installer)
            SELECT toDate('2026-03-01') + number % 9, concat('earlier-', toString(intDiv(number, 9))), 'pip'
            FROM numbers(9 * 4000)
            """
        )
    with public.client() as client:
        top = body(client.get("/api/top?period=day&limit=2"))["data"]

    assert top == [{"package": "today", "downloads": 1}]


def test_rankings_end(make_public: MakePublic) -> None:
    public = make_public()
    public.fill([])
    with public.engine.client() as client:
        client.command(
            f"""
            INSERT INTO pypi (date, project, installer)
            SELECT '{NEWEST}', concat('package-', toString(cityHash64(number) % 2500)), 'pip' FROM numbers(100000)
            """
        )
    with public.client() as client:
        whole = [
            row for offset in (0, 1000) for row in body(client.get(f"/api/top?limit=1000&offset={offset}"))["data"]
        ]
        beyond = [body(client.get(f"/api/top?limit=1000&offset={offset}"))["data"] for offset in (1995, 2000)]

    assert whole == sorted(whole, key=lambda row: (-row["downloads"], row["package"]))
    assert len({row["package"] for row in whole}) == 2000
    assert beyond == [whole[-5:], []]


# The newest complete day.


def days_of(public: PublicDataset) -> dict[str, Any]:
    with public.client() as client:
        return dict(body(client.get("/health?deep=1")))


def busy(back: int, downloads: int, package: str = "numpy") -> list[dict[str, Any]]:
    return [event(f"{NEWEST - timedelta(days=back)} 12:00:00 UTC", package) for _ in range(downloads)]


@pytest.mark.parametrize(
    ("downloads", "newest"),
    [
        pytest.param(0, "2026-03-09", id="missing"),
        pytest.param(1, "2026-03-09", id="hardly begun"),
        pytest.param(4, "2026-03-09", id="under half"),
        pytest.param(5, "2026-03-10", id="half"),
        pytest.param(30, "2026-03-10", id="more than ever"),
    ],
)
def test_a_half_filled_day_is_not_the_newest(make_public: MakePublic, downloads: int, newest: str) -> None:
    public = make_public()
    # The median of the week before is 10, with a weekend and a day that is not there.
    for back, usual in ((1, 10), (2, 3), (3, 4), (4, 10), (5, 12), (7, 11)):
        public.fill(busy(back, usual))
    public.fill(busy(0, downloads))

    health = days_of(public)

    assert (health["newest_day"], health["missing_days"]) == (newest, ["2026-03-04"])


def test_days_that_are_not_complete_are_not_shown(make_public: MakePublic) -> None:
    public = make_public()
    for back in range(2, 9):
        public.fill(busy(back, 10))
    public.fill(busy(1, 2) + busy(0, 3) + busy(0, 1, "brand-new"))
    with public.client() as client:
        rows = body(client.get("/api/packages/numpy/overall?mirrors=false&start_date=2026-03-07&end_date=2026-03-10"))
        assert_unknown(client.get("/api/packages/brand-new/overall"), "brand-new")
        found = body(client.get("/api/search?q=b"))

    assert rows["data"] == [
        {"category": "without_mirrors", "date": f"2026-03-{day}", "downloads": 10} for day in ("07", "08")
    ]
    assert found["data"] == []


def test_a_day_that_is_filled_later_gives_new_answers(make_public: MakePublic) -> None:
    public = make_public()
    public.fill(busy(1, 10) + busy(0, 6))
    with public.client(timing=CacheTiming(poll_interval=0.05)) as client:
        before = body(client.get("/api/packages/numpy/recent"))
        public.fill(busy(0, 3))
        after = {**before, "data": {"last_day": 9, "last_week": 19, "last_month": 19}}
        eventually(client, "/api/packages/numpy/recent", after)

    assert before["data"] == {"last_day": 6, "last_week": 16, "last_month": 16}


def test_an_empty_data_set_says_so(make_public: MakePublic) -> None:
    public = make_public()
    public.fill([])
    with public.client() as client:
        assert_problem(
            client.get("/api/packages/numpy/recent"),
            503,
            "Service Unavailable",
            "no day of downloads has been loaded yet",
        )


# The tables are the public's own.


def test_nothing_of_ours_is_put_beside_its_tables(make_public: MakePublic) -> None:
    public = make_public()
    public.fill(busy(0, 1))
    tables = public.query("SHOW TABLES")
    with public.client() as client:
        body(client.get("/api/packages/numpy/recent"))
    with pytest.raises(SchemaError, match="ClickPy"):
        Dataset.load(public, busy(0, 1))

    assert public.query("SHOW TABLES") == tables


def test_a_table_that_is_not_there_is_named(make_public: MakePublic) -> None:
    public = make_public()
    public.fill(busy(0, 1))
    public.query("DROP TABLE pypi_downloads_per_month")
    with public.client() as client:
        answer = client.get("/health?deep=1")

    detail = "the database has not all tables of the layout clickpy: pypi_downloads_per_month"
    assert (answer.status_code, answer.json()["detail"], answer.json()["clickhouse"]) == (503, detail, "reachable")
