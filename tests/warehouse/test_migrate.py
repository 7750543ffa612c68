"""Schema files are applied once each, in order; again without harm; a process of another version gets an error."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from app.warehouse.loading.journal import LoadedDay
from app.warehouse.loading.migrations import SchemaError, migrate, migrations, rendered
from app.warehouse.loading.statements import statement
from app.warehouse.sources.clickpy import TABLES
from tests.support.answers import body, series
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.server import run

NAMES = [migration.name for migration in migrations()]
NEWEST = migrations()[-1].number
FIRST_RELEASE = {"001_downloads_daily", "002_overall_daily", "003_loads"}
"""What there was before schemas had numbers."""
LOADING = [
    entry.name.removesuffix(".sql")
    for entry in (files("app.warehouse.loading") / "sql").iterdir()
    if entry.name.endswith(".sql") and "{{on_cluster}}" in entry.read_text(encoding="utf-8")
]


def apply(dataset: Dataset, cluster: str = "") -> list[str]:
    with dataset.engine.client() as client:
        return migrate(client, cluster)


def tables(dataset: Dataset) -> list[tuple[str, ...]]:
    """Every column of every table, with its type, and every table's engine and settings."""
    columns = "SELECT table, name, type FROM system.columns WHERE database = currentDatabase()"
    settings = "extract(engine_full, 'SETTINGS (.*)')"
    engines = f"SELECT name, engine, {settings} FROM system.tables WHERE database = currentDatabase()"
    return sorted(dataset.query(columns) + dataset.query(engines))


def pretend(dataset: Dataset, *numbers: int) -> None:
    """Make the tables say that files of these numbers have been applied to them."""
    dataset.query("TRUNCATE TABLE schema_versions")
    dataset.query(f"INSERT INTO schema_versions (number) SELECT arrayJoin({list(numbers)})")


def test_files_are_numbered_without_a_gap() -> None:
    assert [migration.number for migration in migrations()] == list(range(len(migrations())))
    assert [name for name in NAMES if not re.fullmatch(r"\d{3}_[a-z_]+(\.cluster)?", name)] == []


def test_each_file_is_applied_once(dataset: Dataset) -> None:
    assert apply(dataset) == NAMES
    made = tables(dataset)
    assert apply(dataset) == []
    assert tables(dataset) == made
    assert dataset.query("SELECT number, name FROM schema_versions ORDER BY number") == list(enumerate(NAMES))


def test_a_file_that_is_applied_again_changes_nothing(dataset: Dataset) -> None:
    """As when two workers have both found it missing, or one was killed before it could say that it had applied it."""
    dataset.load([event()])
    made, rows = tables(dataset), dataset.query("SELECT * FROM loads ORDER BY ALL")
    for again in range(NEWEST):
        pretend(dataset, *(number for number in range(NEWEST + 1) if number != again))

        assert apply(dataset) == [NAMES[again]]

        assert tables(dataset) == made
        assert dataset.query("SELECT * FROM loads ORDER BY ALL") == rows


def test_four_workers_at_once(make_dataset: Callable[[], Dataset]) -> None:
    alone, crowded = make_dataset(), make_dataset()
    apply(alone)
    with ThreadPoolExecutor(4) as workers:
        applied = list(workers.map(lambda _: apply(crowded), range(4)))

    assert tables(crowded) == tables(alone)
    assert {name for names in applied for name in names} == set(NAMES)
    crowded.load([event()])


def test_tables_of_the_first_release_are_taken_over(dataset: Dataset) -> None:
    """With a published day, and what a killed load has left."""
    with dataset.engine.client() as client:
        for migration in migrations():
            if migration.name in FIRST_RELEASE:
                client.command(rendered(migration, dataset.settings.clickhouse_database))
    dataset.query(
        "INSERT INTO loads (load, date, state, source) VALUES (1, '1970-01-01', 'started', 'old.csv'), "
        "(1, '2026-03-09', 'published', 'old.csv'), (2, '1970-01-01', 'started', 'killed.csv')"
    )
    dataset.query(
        "INSERT INTO downloads_daily SELECT 'numpy', 'overall', 'without_mirrors', toDate('2026-03-09') AS day, "
        "bitOr(bitShiftLeft(toUInt64(arrayJoin([1, 2])), 16), toUInt64(toUInt16(day))), 7"
    )

    assert apply(dataset) == NAMES

    assert dataset.load([event("2026-03-10 12:00:00 UTC")]) == [LoadedDay(date(2026, 3, 10), 1, 0, 1, 33)]
    left = dataset.query("SELECT DISTINCT bitShiftRight(version, 16) AS load FROM downloads_daily ORDER BY load")
    assert left == [(1,), (3,)]
    with dataset.client() as client:
        assert body(client.get("/api/packages/numpy/overall?mirrors=false")) == series(
            "overall", "numpy", "without_mirrors 2026-03-09 7", "without_mirrors 2026-03-10 1"
        )


def test_newer_tables_are_not_touched_and_answered_from(dataset: Dataset) -> None:
    dataset.load([event()])
    with dataset.client() as client:
        pretend(dataset, NEWEST + 1)
        health = client.get("/health?deep=1")
        answer = client.get("/api/packages/numpy/overall")

    assert body(health)["schema"] == "newer"
    assert answer.status_code == 200
    with pytest.raises(SchemaError, match=rf"newer than this version \(schema {NEWEST + 1}, not {NEWEST}\): update it"):
        dataset.load([event()], replace=True)


def test_older_tables_are_said_to_be(dataset: Dataset) -> None:
    dataset.load([event()])
    with dataset.client() as client:
        pretend(dataset, 3)
        health = client.get("/health?deep=1")
        dataset.query("DROP TABLE schema_versions SYNC")
        without = client.get("/health?deep=1")

    assert (health.status_code, health.json()["schema"]) == (503, "older")
    assert health.json()["detail"] == (
        f"the tables are older than this version (schema 3 of {NEWEST}): run `pypistats-server migrate`"
    )
    assert (without.status_code, without.json()["schema"]) == (503, "older")
    # Only this process can migrate an embedded engine.
    with dataset.client() as client:
        assert body(client.get("/health?deep=1"))["schema"] == "current"


def test_tables_of_the_public_data_set_are_not_touched(dataset: Dataset) -> None:
    dataset.query(f"CREATE TABLE {TABLES[0]} (x UInt8) ENGINE = Memory")

    with pytest.raises(SchemaError, match="not ours to fill: see CLICKHOUSE_DATABASE"):
        apply(dataset)

    assert dataset.query("SHOW TABLES") == [(TABLES[0],)]


def test_a_servers_tables_are_not_taken_for_a_clusters(dataset: Dataset) -> None:
    apply(dataset)

    with pytest.raises(SchemaError, match="are of a single server, and CLICKHOUSE_CLUSTER is 'two_shards'"):
        apply(dataset, "two_shards")


@pytest.mark.parametrize("name", NAMES)
def test_a_clusters_tables_parse(dataset: Dataset, name: str) -> None:
    (migration,) = (migration for migration in migrations() if migration.name == name)
    sql = rendered(migration, "pypi", "two_shards")

    assert sql.count(" ON CLUSTER two_shards") == 1
    assert "{{" not in sql
    dataset.query(f"EXPLAIN AST {sql}")


@pytest.mark.parametrize("name", LOADING)
def test_what_loading_does_on_all_nodes_parses(dataset: Dataset, name: str) -> None:
    sql = statement(name, cluster="two_shards")
    values = {
        "load": 1,
        "comment": "",
        "first_version": 1,
        "last_version": 2,
        "packages": ["a"],
        "days": ["2026-03-10"],
    }

    assert sql.count(" ON CLUSTER two_shards") == 1
    assert "{{" not in sql
    with dataset.engine.client() as client:
        client.query(f"EXPLAIN AST {sql}", parameters=values)


def test_a_statement_that_does_not_parse_is_found(dataset: Dataset) -> None:
    """So that the two tests above can fail."""
    with pytest.raises(Exception, match="SYNTAX_ERROR"):
        dataset.query("EXPLAIN AST CREATE TABLE t ON THE CLUSTER c (x UInt8) ENGINE = Memory")


def test_the_command(tmp_path: Path) -> None:
    first, second = (run("migrate", cwd=tmp_path, CLICKHOUSE_URL="chdb://data") for _ in range(2))

    assert first.stdout.splitlines() == [*(f"applied {name}" for name in NAMES), "the tables are of this version"]
    assert second.stdout.splitlines() == ["the tables are of this version"]
    refused = run("migrate", cwd=tmp_path, CLICKHOUSE_URL="chdb://data", CLICKHOUSE_CLUSTER="two_shards")
    assert refused.returncode == 1
    assert refused.stderr == "error: CLICKHOUSE_CLUSTER: an embedded ClickHouse is no cluster\n"
