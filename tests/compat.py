"""What runs on which ClickHouse: every step of loading, and every question, on the engines of older versions too.

python -m tests.compat [VERSION…]

Older versions of chDB carry older engines. Each is installed into a folder of its own, below .compat/, and run by a
process of its own, behind the HTTP interface of tests/support/clickhouse_http.py. Prints a table, as it stands in
docs/deploy.md, and exits with 1 where something fails.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import msgspec
from litestar.testing import TestClient

from app.main import create_app
from app.settings import Secret, Settings
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.loading.ingest import ingest
from app.warehouse.loading.journal import sweep_superseded
from app.warehouse.loading.migrations import create_database, migrate
from app.warehouse.loading.sync import Sync
from app.warehouse.loading.sync_store import SyncStore
from app.warehouse.sources.clickpy import ClickPy
from app.windows import last_days
from tests.support import files
from tests.support.clickhouse_users import USERS
from tests.support.clickpy import PublicServer
from tests.support.events import event
from tests.support.facade import Facade, running_facade
from tests.support.oracle import Oracle, published
from tests.support.server import NOWHERE, REPOSITORY

ENGINES = {"24.8": "chdb==2.1.1", "25.8": "chdb==3.7.2", "26.1": "chdb-core==26.1.0", "26.3": "chdb-core==26.3.0"}
"""What to install for a version. Any other is what is installed here."""
CURRENT = "current"
NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
SERIES = ("overall", "python_major", "python_minor", "system", "installer", "version", "country", "file_type")
PUBLIC, STORE = "public", "followed"

FIRST = [
    event(f"2026-03-{day:02} 12:00:00 UTC", f"package-{n}", version=str(day), installer=installer)
    for day in (8, 9, 10)
    for n in range(4)
    for installer in ("pip", "uv", None, "devpi")
]
# The oldest cannot read a Parquet file's column without any value, whose type is null.
SECOND = [
    event("2026-03-09 13:00:00 UTC", "package-1", ci=True),
    event("2026-03-09 13:00:00 UTC", "package-3", python="3", ci=True),
]


class Step(msgspec.Struct, frozen=True):
    """A column of the table, and what has to succeed for it."""

    title: str
    run: Callable[["Tables"], None]


class Tables:
    """The databases of a server: our tables, and the public data set's."""

    def __init__(self, facade: Facade, folder: Path) -> None:
        self.facade = facade
        self.folder = folder

    def engine(self, database: str = "pypi") -> ServerEngine:
        address = server_address(self.facade.url)
        return ServerEngine(address, "ingest", Secret(USERS["ingest"].password), database)

    def client(self, database: str = "pypi") -> TestClient[object]:
        """A client of an app that answers from a database."""
        settings = Settings(
            clickhouse_url=self.facade.url,
            clickhouse_user="api",
            clickhouse_password=Secret(USERS["api"].password),
            clickhouse_database=database,
            pypi_api_url=NOWHERE,
            local_index_cache_dir=str(self.folder / "index"),
        )
        now = NOW + timedelta(days=1) if database == STORE else NOW
        return TestClient(create_app(settings, now=lambda: now), raise_server_exceptions=False)


def migrated(tables: Tables) -> None:
    """Twice, as after an update."""
    with tables.engine().client(database=None) as client:
        create_database(client, "pypi")
    for _ in range(2):
        with tables.engine().client() as client:
            migrate(client)


def loaded(tables: Tables) -> None:
    """A day of each format, compressed or not; two files each, which are sent together."""
    kinds = (("nested.jsonl", ".gz"), ("dotted.csv", ".zst"), ("nested.parquet", ""))
    for day, (kind, compression) in enumerate(kinds, 8):
        folder = tables.folder / str(day)
        folder.mkdir()
        events = [one for one in FIRST if one["timestamp"].startswith(f"2026-03-{day:02}")]
        for number in range(2):
            path = files.write(folder, kind, events[number::2], compression)
            path.rename(folder / f"{number}-{path.name}")
        ingest(tables.engine().client, [str(folder)])


def replaced(tables: Tables) -> None:
    path = files.write(tables.folder, "dotted.parquet", SECOND)
    ingest(tables.engine().client, [str(path)], replace=True)


def swept(tables: Tables) -> None:
    with tables.engine().client() as client:
        sweep_superseded(client, timedelta(0))
        versions = "SELECT uniqExact(version), uniqExact(date) FROM downloads_daily"
        assert client.query(versions).result_rows == [(3, 3)]


def asked(tables: Tables) -> None:
    """Each question, of the oracle too."""
    oracle = Oracle(published(FIRST, SECOND))
    with tables.client() as client:
        for package in ("package-1", "package-2", "package-3", "nope"):
            for dimension in SERIES:
                path = f"/api/packages/{package}/{dimension}"
                _same(client, path, oracle.series(package, dimension, {}))
                _same(client, f"{path}?granularity=week", oracle.series(package, dimension, {"granularity": "week"}))
            _same(client, f"/api/packages/{package}/recent", oracle.recent(package))
            _same(client, f"/api/packages/{package}/summary", (200 if package != "nope" else 404, None))
        _same(client, "/api/top?period=week", oracle.top("week"))
        _same(client, "/api/search?q=package", oracle.search("package"))
        _same(client, "/api/recent?package=package-1&package=package-2", (200, None))
        health = client.get("/health?deep=1").json()
        assert (health["clickhouse"], health["schema"]) == ("reachable", "current"), health


def synced(tables: Tables) -> None:
    """Packages of ClickPy's tables, fetched as the public role into a store, both on this version."""
    public = PublicServer(tables.facade, PUBLIC)
    public.fill(FIRST)
    with tables.engine().client(database=None) as client:
        create_database(client, STORE)
    with tables.engine(STORE).client() as client:
        migrate(client)
    role = ServerEngine(server_address(tables.facade.url), "demo", Secret(USERS["demo"].password), PUBLIC)
    source = ClickPy(role, "the public server", lambda: NOW + timedelta(days=3))
    sync = Sync(SyncStore(tables.engine(STORE).client), source, None)
    sync.add(["package-1", "package-2", "nope"])
    public.fill([event("2026-03-11 12:00:00 UTC", f"package-{n}") for n in range(4) for _ in range(4)])
    assert sync.update().days == [NOW.date()]
    ranking = source.top(NOW.date())
    assert (len(ranking.packages), source.search("package-2", last_days(NOW.date(), 30)).packages) == (4, ["package-2"])
    sync.store.keep_ranking("top", ranking)
    assert sorted(sync.unfollow(datetime.now(UTC) + timedelta(days=1))) == ["package-1", "package-2"]
    sync.add(["package-1"])
    source.close()
    later = [*FIRST, *(event("2026-03-11 12:00:00 UTC", "package-1") for _ in range(4))]
    oracle = Oracle(published(later))
    with tables.client(STORE) as client:
        for path in ("version", "file_type"):
            _same(client, f"/api/packages/package-1/{path}", oracle.series("package-1", path, {}))
        for path in (*SERIES, "summary"):
            _same(client, f"/api/packages/package-1/{path}", (200, None))
        _same(client, "/api/packages/package-1/recent", oracle.recent("package-1"))
        _same(client, "/api/packages/package-2/recent", (404, None))


def configured(tables: Tables) -> None:
    """The statements and settings of deploy/clickhouse/users.xml are known."""
    users = ElementTree.parse(REPOSITORY / "deploy/clickhouse/users.xml")
    with tables.engine("default").client() as client:
        for grant in users.findall("users/*/grants/query"):
            client.query("SELECT formatQuery({grant:String})", {"grant": f"{grant.text} TO somebody"})
        names = [setting.tag for profile in users.findall("profiles/*") for setting in profile]
        known = client.query("SELECT name FROM system.settings WHERE name IN {names:Array(String)}", {"names": names})
        assert {name for (name,) in known.result_rows} == set(names)


STEPS = (
    Step("`migrate`", migrated),
    Step("`ingest`", loaded),
    Step("`--replace`", replaced),
    Step("sweep", swept),
    Step("every question", asked),
    Step("of ClickPy's tables", synced),
    Step("`users.xml`", configured),
)


def _same(client: TestClient[object], path: str, expected: tuple[int, object]) -> None:
    """That an answer has the status, and the body where one is expected."""
    answer = client.get(path)
    status, body = expected
    assert answer.status_code == status, (path, answer.status_code, answer.text[:500])
    assert body is None or answer.json() == body, (path, answer.json(), body)


def installed(version: str) -> str:
    """The folder of a version's engine; made where it is not there."""
    folder = REPOSITORY / ".compat" / version
    if not (folder / "chdb").is_dir():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*install, "--target", str(folder), ENGINES[version]], check=True)
    return str(folder)


def row(version: str) -> tuple[str, bool]:
    """A line of the table, and whether all of it has succeeded."""
    path = str(REPOSITORY) if version == CURRENT else f"{installed(version)}{os.pathsep}{REPOSITORY}"
    began, cells, good = time.monotonic(), [], True
    with tempfile.TemporaryDirectory() as folder, running_facade(Path(folder, "data"), PYTHONPATH=path) as facade:
        tables = Tables(facade, Path(folder))
        with tables.engine("default").client() as client:
            cells.append(client.server_version)
        for step in STEPS:
            try:
                step.run(tables)
                cells.append("yes")
            except Exception as error:  # whatever it is, the other steps are of interest too
                print(f"{version}: {step.title}: {type(error).__name__}: {error}: {error.__cause__}", file=sys.stderr)
                cells.append("**no**")
                good = False
    print(f"{version}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return f"| {' | '.join(cells)} |", good


def main(versions: list[str]) -> None:
    """The command."""
    rows = [row(version) for version in versions or [*ENGINES, CURRENT]]
    print(f"| ClickHouse | {' | '.join(step.title for step in STEPS)} |")
    print("| --- " * (len(STEPS) + 1) + "|")
    for line, _ in rows:
        print(line)
    sys.exit(0 if all(good for _, good in rows) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
