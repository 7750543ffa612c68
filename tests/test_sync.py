"""The command `sync`, and stores that it fills from ClickPy's tables and from BigQuery."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.warehouse.loading.sync import Sync
from app.warehouse.loading.sync_all import SINCE_NEWEST, AllPackagesSync
from app.warehouse.loading.sync_store import SyncStore
from tests.support.answers import assert_unknown, body
from tests.support.bigquery import PROJECT, Proxy, Table
from tests.support.clickpy import PublicServer
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.oracle import FILTERS
from tests.support.server import run

NEWEST = datetime.now(UTC).date() - timedelta(days=3)
"""Of days that are complete, whenever the tests run."""


def days_of(names: list[str], days: int) -> Iterator[dict[str, object]]:
    for back in range(days):
        for number, name in enumerate(names, 1):
            for _ in range(number):
                yield event(f"{NEWEST - timedelta(days=back)} 12:00:00 UTC", name)


@pytest.fixture
def public(make_public: Callable[[], PublicServer]) -> PublicServer:
    public = make_public()
    public.fill(days_of(["numpy", "pandas", "requests"], 10))
    return public


@pytest.fixture
def variables(public: PublicServer) -> dict[str, str]:
    return {
        "CLICKHOUSE_URL": public.facade.url,
        "CLICKHOUSE_USER": "demo",
        "CLICKHOUSE_DATABASE": public.engine.database,
    }


def rows(text: str) -> dict[str, str]:
    """The rows of a table of two columns."""
    cells = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in text.splitlines() if "│" in line]
    return {name: value for name, value in cells}  # noqa: C416


def test_packages_are_followed_and_brought_up_to_date(tmp_path: Path, variables: dict[str, str]) -> None:
    Path(tmp_path, "list").write_text("# most used\nNumPy\n\nrequests  # http\n", encoding="utf-8")
    plan = run("sync", "--packages", "list", "--dry-run", cwd=tmp_path, **variables)
    first = run("sync", "--packages", "list", "--top", "1", "none-such", cwd=tmp_path, **variables)
    again = run("sync", cwd=tmp_path, **variables)
    check = run("check", cwd=tmp_path, **variables)

    span = f"10 ({NEWEST - timedelta(days=9)} to {NEWEST})"
    assert rows(plan.stdout) == {
        "days to complete": span,
        "packages to follow": "2",
        "packages followed already": "0",
        "queries to the source": "1",
    }
    assert plan.stdout.splitlines()[-1] == "nothing was fetched: this was a dry run"
    done = rows(first.stdout)
    assert (done["days completed"], done["packages followed now"], done["not in the source"]) == (
        span,
        "2",
        "none-such",
    )
    assert rows(again.stdout) == {
        "days completed": "0",
        "packages followed now": "0",
        "rows": "0",
        "queries to the source": "1",
    }
    assert [check.returncode, first.returncode, again.returncode] == [0, 0, 0]
    assert re.search(rf"ok +source: .* its newest complete day is {NEWEST}", check.stdout.replace("\n", " "))
    assert f"newest day: {NEWEST}" in check.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--packages", "list"], "list, line 2: 'no/name' is not the name of a package"),
        (["--packages", "nothing"], "nothing cannot be read: No such file or directory"),
        (["__all__"], "NAME: __all__ is not a package that can be followed"),
        (["--top", "401"], "--top: ClickPy's tables rank 400 packages, and no other source ranks any"),
        (["--days", "0"], "SYNC_DAYS='0' is not accepted"),
        (["--from", "bigquery", "numpy"], "BigQuery: BIGQUERY_PROJECT is not set"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    tmp_path: Path, variables: dict[str, str], arguments: list[str], words: str
) -> None:
    Path(tmp_path, "list").write_text("numpy\nno/name\n", encoding="utf-8")
    refused = run("sync", *arguments, cwd=tmp_path, **variables)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


# BigQuery counts exactly as loads of files do.

EVENTS = [
    event(f"{NEWEST - timedelta(days=back)} {back:02}:00:00 UTC", name, **details)
    for back in range(3)
    for name in ("numpy", "pandas", "no name")
    for details in (
        {},
        {"installer": "devpi"},
        {"installer": None, "system": None, "country": None},
        {"python": "3", "version": None},
        {"python": "3.13.0rc1", "country": "de", "file_type": "sdist"},
    )
]
LATER = event(f"{NEWEST + timedelta(days=1)} 00:00:00 UTC")
"""Its day is not complete: no later day has rows."""


def assert_same_answers(own: Dataset, store: Dataset, packages: list[str]) -> None:
    with own.client(now=datetime.now(UTC)) as left, store.client(now=datetime.now(UTC)) as right:
        for package in packages:
            for path in (*FILTERS, "recent", "summary"):
                answers = [client.get(f"/api/packages/{package}/{path}") for client in (left, right)]
                assert answers[0].text == answers[1].text, (package, path)


def table_of(proxy: Proxy, name: str) -> Table:
    table = proxy.table(name)
    table.write([*EVENTS, LATER])
    return table


def prepared(dataset: Dataset) -> SyncStore:
    store = SyncStore(dataset.engine.client)
    store.prepare()
    return store


def test_all_packages_of_bigquery(make_dataset: Callable[[], Dataset], bigquery_proxy: Proxy) -> None:
    own, store = make_dataset(), make_dataset()
    own.load(EVENTS)
    sync = AllPackagesSync(prepared(store), table_of(bigquery_proxy, "all_packages").source(), 30)

    assert (sync.run().days, sync.run().days) == ([NEWEST - timedelta(days=back) for back in (2, 1, 0)], [])
    assert_same_answers(own, store, ["numpy", "pandas", "__all__", "unknown"])
    with store.client(now=datetime.now(UTC)) as client:
        assert [row["package"] for row in body(client.get("/api/top"))["data"]] == ["numpy", "pandas"]


def test_only_new_days_of_all_packages_are_fetched_by_default(
    make_dataset: Callable[[], Dataset], bigquery_proxy: Proxy
) -> None:
    """Each costs money."""
    table = table_of(bigquery_proxy, "new_days")
    sync = AllPackagesSync(prepared(make_dataset()), table.source(), SINCE_NEWEST)
    plan, first, again = sync.plan(), sync.run(), sync.run()
    table.write([event(f"{NEWEST + timedelta(days=2)} 00:00:00 UTC")])

    assert (plan.days, first.days, again.days) == ([NEWEST], [NEWEST], [])
    assert sync.run().days == [NEWEST + timedelta(days=1)]


def test_some_packages_of_bigquery(make_dataset: Callable[[], Dataset], bigquery_proxy: Proxy) -> None:
    own, store = make_dataset(), make_dataset()
    own.load([each for each in EVENTS if each["project"] == "pandas"])
    synced = Sync(prepared(store), table_of(bigquery_proxy, "some_packages").source(), 30).add(["pandas", "unknown"])

    assert (synced.packages, synced.unknown) == (["pandas"], ["unknown"])
    assert_same_answers(own, store, ["pandas", "unknown"])
    with store.client(now=datetime.now(UTC)) as client:
        assert_unknown(client.get("/api/packages/numpy/recent"), "numpy")
        assert [row["package"] for row in body(client.get("/api/top"))["data"]] == ["pandas"]


def test_what_bigquery_costs_is_said_before(
    tmp_path: Path, make_dataset: Callable[[], Dataset], bigquery_proxy: Proxy
) -> None:
    table = bigquery_proxy.table("costs")
    table.write([*EVENTS, LATER])
    bigquery_proxy.day_bytes = 1 << 40
    plan = run(
        *("sync", "--from", "bigquery", "--packages", "all", "--days", "2", "--dry-run"),
        cwd=tmp_path,
        CLICKHOUSE_URL="chdb://data",
        BIGQUERY_PROJECT=PROJECT,
        BIGQUERY_TABLE=table.name,
        BIGQUERY_API_ENDPOINT=bigquery_proxy.url,
    )

    assert rows(plan.stdout) == {
        "days to complete": f"2 ({NEWEST - timedelta(days=1)} to {NEWEST})",
        "packages to follow": "all",
        "packages followed already": "0",
        "queries to the source": "2",
        "bytes at most": f"{2 << 40:,}",
        "cost at most": "$12.50",
    }, plan.stderr
