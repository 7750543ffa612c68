"""A server whose store is filled from the public data set: packages that are asked for, and new days for all."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from litestar.testing import TestClient

from app.cache.timing import CacheTiming
from app.settings import Secret
from app.warehouse.dimensions import COUNTED_ALWAYS
from app.warehouse.engines.errors import InputError
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.loading.load import LoadTiming
from app.warehouse.loading.sync import PACKAGES_PER_QUERY, Sync
from app.warehouse.loading.sync_store import SyncStore
from app.warehouse.sources.clickpy import ClickPy
from app.warehouse.sources.errors import SourceQuotaError, TooMuchError
from app.warehouse.sources.service import SyncTiming
from app.warehouse.sources.source import Counts
from app.windows import Window
from tests.support.answers import assert_problem, assert_unknown, body, eventually, series
from tests.support.clickpy import PublicServer
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.facade import Facade

SERIES = (*COUNTED_ALWAYS, "origin")
"""What the source has of a package."""

NOW = datetime(2026, 3, 12, 8, tzinfo=UTC)
TOMORROW = NOW + timedelta(days=1)
NEWEST = date(2026, 3, 10)
NEVER = SyncTiming(first_look=3600.0)
SOON = SyncTiming(first_look=0.05, look=0.05, retry=0.05)
QUICK = CacheTiming(poll_interval=0.05)
NAMES = ["numpy", "pandas", "requests"]


def events(names: Sequence[str], days: int, newest: date = NEWEST) -> Iterator[dict[str, Any]]:
    """Two downloads of each package on each day."""
    for back in range(days):
        for name in names:
            yield event(f"{newest - timedelta(days=back)} 12:00:00 UTC", name)
            yield event(f"{newest - timedelta(days=back)} 12:00:00 UTC", name, system="Windows", country="DE")


@pytest.fixture
def public(make_public: Callable[[], PublicServer]) -> PublicServer:
    public = make_public()
    public.fill(events(NAMES, 10))
    return public


@pytest.fixture
def client(dataset: Dataset, public: PublicServer) -> Iterator[TestClient[Any]]:
    with dataset.client(now=NOW, sync_timing=NEVER, **public.settings(dataset)) as client:
        yield client


def queries(client: TestClient[Any]) -> int:
    return int(body(client.get("/health?deep=1"))["source"]["queries"])


def source_of(public: PublicServer, now: datetime = NOW, kind: type[ClickPy] = ClickPy) -> ClickPy:
    engine = ServerEngine(server_address(public.facade.url), "demo", Secret(""), public.engine.database)
    return kind(engine, "the public server", lambda: now)


def sync_of(dataset: Dataset, source: ClickPy, now: datetime = NOW) -> Sync:
    sync = Sync(SyncStore(dataset.engine.client, LoadTiming(now=lambda: now)), source, 400)
    sync.store.prepare()
    return sync


def test_a_package_is_fetched_when_it_is_asked_for_and_never_again(client: TestClient[Any]) -> None:
    recent = body(client.get("/api/packages/numpy/recent"))
    after_first = queries(client)
    others = [client.get(f"/api/packages/numpy/{kind}") for kind in (*SERIES, "summary", "chart/system", "badge")]
    page = client.get("/packages/numpy")

    assert recent["data"] == {"last_day": 2, "last_month": 20, "last_week": 14}
    # One for the days, one for the package.
    assert (after_first, queries(client)) == (2, 2)
    assert [answer.status_code for answer in [*others, page]] == [200] * (len(SERIES) + 4)


def test_what_is_asked_at_once_is_one_query(client: TestClient[Any]) -> None:
    body(client.get("/api/packages/numpy/recent"))
    before = queries(client)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(client.get, [f"/api/packages/pandas/{kind}" for kind in SERIES for _ in range(30)]))

    assert {answer.status_code for answer in answers} == {200}
    assert queries(client) == before + 1


def test_an_unknown_package_is_remembered(client: TestClient[Any]) -> None:
    assert_unknown(client.get("/api/packages/none-such/recent"), "none-such")
    before = queries(client)
    for kind in ("overall", "recent", "version"):
        assert_unknown(client.get(f"/api/packages/none-such/{kind}"), "none-such")
    many = body(client.get("/api/recent?package=none-such&package=numpy"))

    assert (many["missing"], list(many["data"])) == (["none-such"], ["numpy"])
    assert queries(client) == before + 1


def test_a_longer_prefix_needs_no_query(client: TestClient[Any]) -> None:
    wide = body(client.get("/api/search?q=p"))["data"]
    before = queries(client)
    found = [body(client.get(f"/api/search?q={prefix}"))["data"] for prefix in ("pa", "pandas", "pb")]

    assert found == [wide, wide, []]
    assert queries(client) == before


def test_what_is_followed_is_answered_without_the_source(dataset: Dataset, public: PublicServer) -> None:
    options = {"now": NOW, "sync_timing": NEVER, **public.settings(dataset)}
    paths = ["/api/packages/numpy/overall", "/api/top", "/api/search?q=p", "/", "/packages/numpy"]
    with dataset.client(**options) as client:
        before = [client.get(path) for path in paths]
    with public.facade.broken("refuse"), dataset.client(**options) as client:
        after = [client.get(path) for path in paths]
        missing = client.get("/api/packages/pandas/recent")

    assert [answer.status_code for answer in before] == [200] * 5
    assert [answer.text for answer in after] == [answer.text for answer in before]
    assert missing.status_code == 503
    assert missing.json()["detail"].startswith(f"ClickHouse at {public.facade.url} does not answer")


def test_a_quota_that_is_used_up_is_told_and_obeyed(dataset: Dataset, public: PublicServer, facade: Facade) -> None:
    with (
        facade.limited(user="demo", queries=3, seconds=3600),
        dataset.client(now=lambda: datetime.now(UTC), sync_timing=NEVER, **public.settings(dataset)) as client,
    ):
        body(client.get("/api/packages/numpy/recent"))
        refused = client.get("/api/packages/pandas/recent")
        page = client.get("/packages/pandas")
        status = body(client.get("/health?deep=1"))["source"]
        known = body(client.get("/api/packages/numpy/overall"))

    until = datetime.fromisoformat(status["used_up_until"])
    assert_problem(
        refused,
        503,
        "Service Unavailable",
        f"ClickHouse at {facade.url}'s quota for this address is used up until {until:%H:%M} UTC",
    )
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert (page.status_code, "is used up until" in page.text) == (503, True)
    assert (status["queries"], status["queries_left"]) == (2, 0)
    assert known["package"] == "numpy"


@pytest.mark.large
def test_somebody_browses_for_an_hour(dataset: Dataset, make_public: Callable[[], PublicServer]) -> None:
    public = make_public()
    names = [f"package-{number}" for number in range(40)]
    public.fill(events(names, 8))
    with (
        public.facade.limited(user="demo", queries=60, seconds=3600),
        dataset.client(now=NOW, sync_timing=SyncTiming(first_look=1.0), **public.settings(dataset)) as client,
    ):
        paths = ["/", "/api/top", "/api/search?q=package"]
        for name in names:
            paths += [f"/packages/{name}", "/health?deep=1"]
            for span in ("", "?granularity=week", "?start_date=2026-03-05"):
                paths += [f"/api/packages/{name}/{kind}{span}" for kind in ("overall", "system", "python_minor")]
        statuses = {client.get(path).status_code for path in paths}
        used = 60 - body(client.get("/health?deep=1"))["source"]["queries_left"]

    assert statuses == {200}
    assert used <= 50


def test_a_new_day_is_there_for_all_at_one_instant(dataset: Dataset, public: PublicServer) -> None:
    now = NOW
    options = {"now": lambda: now, "sync_timing": SOON, "timing": QUICK, **public.settings(dataset)}
    with dataset.client(**options) as client:
        before = {name: body(client.get(f"/api/packages/{name}/recent"))["data"]["last_day"] for name in NAMES}
        public.fill(event("2026-03-11 12:00:00 UTC", name) for name in NAMES for _ in range(3))
        now = TOMORROW
        for name in NAMES:
            eventually(
                client,
                f"/api/packages/{name}/recent",
                {
                    "data": {"last_day": 3, "last_month": 23, "last_week": 15},
                    "package": name,
                    "type": "recent_downloads",
                },
            )
        assert body(client.get("/health?deep=1"))["newest_day"] == "2026-03-11"

    assert before == dict.fromkeys(NAMES, 2)


class Exhausted(ClickPy):
    """A source whose quota is used up after so many queries about packages."""

    left = 1

    def counts(
        self, packages: Sequence[str] | None, window: Window, dimensions: Sequence[str] = ()
    ) -> Iterator[Counts]:
        if not self.left:
            raise SourceQuotaError("the quota is used up", NOW)
        self.left -= 1
        return super().counts(packages, window, dimensions)


def test_a_day_that_was_cut_off_is_not_shown_and_goes_on(
    dataset: Dataset, make_public: Callable[[], PublicServer]
) -> None:
    public = make_public()
    names = [f"package-{number:03}" for number in range(PACKAGES_PER_QUERY + 20)]
    public.fill(events(names, 2))
    sync_of(dataset, source_of(public)).add(names)
    public.fill(event("2026-03-11 12:00:00 UTC", name) for name in names for _ in range(3))
    with dataset.client(now=TOMORROW, sync_timing=NEVER, timing=QUICK, **public.settings(dataset)) as client:
        with pytest.raises(SourceQuotaError):
            sync_of(dataset, source_of(public, TOMORROW, Exhausted), TOMORROW).update()
        partly = [body(client.get(f"/api/packages/{name}/overall?end_date=2026-03-11")) for name in names[:3]]
        source = source_of(public, TOMORROW)
        synced = sync_of(dataset, source, TOMORROW).update()
        queries = source.quota.queries
        expected = series("overall", names[0], *(f"without_mirrors 2026-03-{day} {n}" for day, n in DAYS))
        eventually(client, f"/api/packages/{names[0]}/overall?mirrors=false", expected)

    assert [row["date"] for answer in partly for row in answer["data"]] == ["2026-03-09", "2026-03-10"] * 6
    assert synced.days == [date(2026, 3, 11)]
    # The rest of the packages; which days there are was known from the first try.
    assert queries == 1


DAYS = (("09", 2), ("10", 2), ("11", 3))


class Heavy(ClickPy):
    """A source that gives releases and countries of a few days at a time only."""

    def counts(
        self, packages: Sequence[str] | None, window: Window, dimensions: Sequence[str] = ()
    ) -> Iterator[Counts]:
        if {"version", "country"}.intersection(dimensions) and len(window.days) > 3:
            raise TooMuchError("the public server does not give so much at a time")
        return super().counts(packages, window, dimensions)


def test_a_dimension_that_is_too_large_comes_later(dataset: Dataset, public: PublicServer) -> None:
    sync = sync_of(dataset, source_of(public, kind=Heavy))
    sync.add(["numpy"])
    with dataset.client(now=NOW, sync_timing=NEVER, timing=QUICK, **public.settings(dataset)) as client:
        system = body(client.get("/api/packages/numpy/system"))["data"]
        refused = client.get("/api/packages/numpy/country")
        sync.complete_dimensions()
        whole = series(
            "country", "numpy", *(f"{country} 2026-03-{day:02} 1" for country in ("DE", "US") for day in range(1, 11))
        )
        eventually(client, "/api/packages/numpy/country", whole)
        sync.complete_dimensions()
        versions = body(client.get("/api/packages/numpy/version"))["data"]

    assert len(system) == 20
    assert_problem(refused, 503, "Service Unavailable", "the country series of 'numpy' has not been fetched yet")
    assert sum(row["downloads"] for row in versions) == 20
    assert sync.store.followed()["numpy"][0] == ()


def test_a_package_that_nobody_asks_for_is_not_followed_any_more(dataset: Dataset, public: PublicServer) -> None:
    sync = sync_of(dataset, source_of(public))
    sync.add(NAMES)
    future = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    dataset.query(f"INSERT INTO asked VALUES ('pandas', '{future:%Y-%m-%d %H:%M:%S}')")

    gone = sync.unfollow(future)

    assert (sorted(gone), list(sync.store.followed())) == (["numpy", "requests"], ["pandas"])
    assert dataset.query("SELECT DISTINCT project FROM downloads_daily") == [("pandas",)]
    sync.add(["numpy"])
    assert dataset.query(
        "SELECT sum(downloads) FROM downloads_daily WHERE project = 'numpy' AND category = 'with_mirrors'"
    ) == [(20,)]


def test_no_more_packages_are_followed_than_may_be(dataset: Dataset, public: PublicServer) -> None:
    options = public.settings(dataset) | {"sync_max_packages": 2}
    with dataset.client(now=NOW, sync_timing=NEVER, **options) as client:
        statuses = [client.get(f"/api/packages/{name}/recent").status_code for name in NAMES]
        refused = client.get(f"/api/packages/{NAMES[2]}/recent")

    assert statuses == [200, 200, 503]
    assert refused.json()["detail"] == ("this server follows 2 packages of the 2 that it may (SYNC_MAX_PACKAGES)")


def test_files_and_a_source_do_not_mix(
    dataset: Dataset, public: PublicServer, make_dataset: Callable[[], Dataset]
) -> None:
    sync_of(dataset, source_of(public)).add(["numpy"])
    with pytest.raises(InputError, match="the store holds packages that it follows"):
        dataset.load([event("2026-03-11 12:00:00 UTC", "numpy")])

    loaded = make_dataset()
    loaded.load([event("2026-03-10 12:00:00 UTC", "numpy")])
    with pytest.raises(InputError, match="the store holds the days of all packages"):
        sync_of(loaded, source_of(public)).add(["numpy"])
