"""A store that is filled from ClickPy's tables gives the answers of one that the same events were loaded into."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from litestar.testing import TestClient

from app.settings import Secret
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.loading.migrations import SchemaError, migrate
from app.warehouse.sources.clickpy import ClickPy
from tests.support.answers import assert_problem, body
from tests.support.clickpy import PublicServer
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.oracle import FILTERS, OPTIONAL, categories, usable, utc_day

SERIES = [dimension for dimension in FILTERS if dimension == "origin" or dimension not in OPTIONAL]
"""Those that ClickPy's tables have."""
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
"""Of a store that files were loaded into, and of one that is filled from ClickPy's tables."""
NOW = datetime(2026, 3, 12, 8, tzinfo=UTC)
"""Late enough for the newest day to be filled."""
MakePublic = Callable[[], PublicServer]


@pytest.fixture(scope="module")
def clients_of(
    make_dataset: Callable[[], Dataset], make_public: MakePublic
) -> Iterator[Callable[[list[dict[str, Any]]], Clients]]:
    with ExitStack() as stack:

        def clients_of(events: list[dict[str, Any]]) -> Clients:
            own, store, public = make_dataset(), make_dataset(), make_public()
            own.load(events)
            public.fill(events)
            return (
                stack.enter_context(own.client(now=NOW)),
                stack.enter_context(store.client(now=NOW, **public.settings(store), sync_days="all")),
            )

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


@pytest.mark.parametrize("dimension", SERIES)
def test_series_are_the_same(alike: Clients, dimension: str) -> None:
    for package in [*PACKAGES, "unknown"]:
        for query in QUERIES:
            assert_same(alike, f"/api/packages/{package}/{dimension}", **query)


@pytest.mark.parametrize("dimension", SERIES)
def test_filtered_series_are_the_same(alike: Clients, dimension: str) -> None:
    values = {"overall": ["true", "false"], "system": ["windows", "Linux", "DARWIN", "other", "null"]}
    found = sorted({row["category"] for row in series(alike[0], PACKAGES[0], dimension)})
    for value in values.get(dimension, [*found, *([] if dimension == "origin" else ["none such"])]):
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
    for limit, offset in ((100, 0), (3, 0), (3, 3), (1000, 12), (10, 5000)):
        assert_same(alike, "/api/top", period=period, limit=limit, offset=offset)


def test_searches_are_the_same(alike: Clients) -> None:
    for prefix, limit in (("p", 10), ("package-1", 100), ("PACKAGE_", 3), ("package-12", 10), ("q", 10)):
        assert_same(alike, "/api/search", q=prefix, limit=limit)


def test_merged_parts_answer_the_same(
    alike: Clients, make_dataset: Callable[[], Dataset], make_public: MakePublic
) -> None:
    """The table of installers loses its file types when it is merged; no answer may depend on them."""
    store, public = make_dataset(), make_public()
    public.fill(EVENTS)
    public.merge()
    with store.client(now=NOW, **public.settings(store), sync_days="all") as client:
        for dimension in SERIES:
            assert_same((alike[0], client), f"/api/packages/{PACKAGES[1]}/{dimension}")


def test_what_the_tables_do_not_have_is_not_loaded(alike: Clients) -> None:
    _, public = alike
    public.get(f"/api/packages/{PACKAGES[0]}/recent")

    for dimension in set(OPTIONAL) - {"origin"}:
        answer = public.get(f"/api/packages/{PACKAGES[0]}/{dimension}")
        assert (answer.status_code, f"{dimension} is not loaded for any day" in answer.text) == (404, True)
    days = body(public.get("/health?deep=1"))["dimensions"]
    assert {name for name, spans in days.items() if spans} == {"origin"}
    assert body(public.get(f"/api/packages/{PACKAGES[0]}/profile"))["tells_ci"] is False


def test_origins_are_without_ci(make_dataset: Callable[[], Dataset], make_public: MakePublic) -> None:
    store, public = make_dataset(), make_public()
    public.fill([event("2026-03-10 12:00:00 UTC", ci=ci) for ci in (True, True, False)])
    with store.client(now=NOW, **public.settings(store), sync_days="all") as client:
        answer = body(client.get("/api/packages/numpy/origin"))

    assert answer["data"] == [{"category": "installer", "date": "2026-03-10", "downloads": 3}]


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

    source, origin = public.pop("source"), own["dimensions"]["origin"]
    dimensions = public.pop("dimensions"), own.pop("dimensions")
    assert dimensions[0] == {key: [] for key in dimensions[1]} | {"origin": origin}
    assert public == own | {"dataset": "public"}
    assert (source["name"], source["queries_left"], source["last_error"]) == ("clickpy", None, None)


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
            as_pip = e | {"details": e["details"] | {"installer": {"name": "pip", "version": None}}}
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


# The days that are complete.


def source_at(public: PublicServer, now: Callable[[], datetime]) -> ClickPy:
    engine = ServerEngine(server_address(public.facade.url), "demo", Secret(""), public.engine.database)
    return ClickPy(engine, "the public server", now)


def busy(back: int, downloads: int, package: str = "numpy") -> list[dict[str, Any]]:
    return [event(f"{NEWEST - timedelta(days=back)} 12:00:00 UTC", package) for _ in range(downloads)]


@pytest.mark.parametrize(
    ("downloads", "hours", "is_complete"),
    [
        pytest.param(10, 31, True, id="as usual"),
        pytest.param(8, 31, True, id="fewer"),
        pytest.param(10, 29, False, id="it may be filled further"),
        pytest.param(6, 31, False, id="sixty percent"),
        pytest.param(6, 71, False, id="sixty percent, days later"),
        pytest.param(6, 72, True, id="a holiday"),
        pytest.param(30, 31, True, id="more than ever"),
    ],
)
def test_a_day_is_complete_when_it_is_filled(
    make_public: MakePublic, downloads: int, hours: int, is_complete: bool
) -> None:
    public = make_public()
    for back in range(1, 8):
        public.fill(busy(back, 10))
    public.fill(busy(0, downloads))
    now = datetime(2026, 3, 11, tzinfo=UTC) + timedelta(hours=hours)
    source = source_at(public, lambda: now)

    assert (source.days()[-1] == NEWEST) == is_complete


def test_a_day_that_has_not_changed_for_an_hour_is_complete(make_public: MakePublic) -> None:
    public = make_public()
    public.fill(chain(*(busy(back, 10) for back in range(1, 8))))
    public.fill(busy(0, 8))
    now = datetime(2026, 3, 11, 6, tzinfo=UTC)
    source = source_at(public, lambda: now)

    assert source.days()[-1] < NEWEST
    public.fill(busy(0, 1))
    now += timedelta(hours=1)
    assert source.days()[-1] < NEWEST
    now += timedelta(hours=1)
    assert source.days()[-1] == NEWEST


# The tables are the public's own.


def test_nothing_of_ours_is_put_beside_its_tables(make_public: MakePublic) -> None:
    public = make_public()
    with public.engine.client() as client:
        before = client.query("SHOW TABLES").result_rows
        with pytest.raises(SchemaError, match="ClickPy"):
            migrate(client)

        assert client.query("SHOW TABLES").result_rows == before
