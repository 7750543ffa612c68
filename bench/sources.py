"""Measure a server that follows packages of ClickPy's tables: queries to the source, times, disk.

python -m bench.sources [--packages 1000] [--days 400] [--events 40]

The source is the tests' ClickHouse with the public role and its quota. The server has an embedded store.
"""

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import httpx

from app.settings import Secret
from app.warehouse.engines.connect import STORE_FOLDER
from app.warehouse.engines.embedded import EmbeddedEngine
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.loading.sync import Sync
from app.warehouse.loading.sync_store import SyncStore
from app.warehouse.sources.clickpy import ClickPy
from app.windows import last_days
from tests.support.clickpy import PublicServer
from tests.support.facade import Facade, running_facade
from tests.support.server import served

QUOTA = 60
DAILY = """
INSERT INTO pypi (date, project, version, country_code, type, installer, python_minor, system)
SELECT
    toDate('{newest}') - {back} - intDiv(number, {packages} * {events}),
    concat('package-', toString(number % {packages})),
    concat('1.', toString(rand(1) % 5)),
    ['US', 'DE', 'FR', 'IN', 'CN', 'BR', ''][1 + rand(2) % 7],
    ['bdist_wheel', 'sdist'][1 + rand(3) % 2],
    ['pip', 'uv', 'poetry', 'bandersnatch', ''][1 + rand(4) % 5],
    ['3.11', '3.12', '3.13', '3.14', ''][1 + rand(5) % 5],
    ['Linux', 'Darwin', 'Windows', ''][1 + rand(6) % 4]
FROM numbers({packages} * {events} * {days})
"""
RANGES = ("", "?start_date={month}", "?granularity=week")
SERIES = ("overall", "system", "python_minor", "installer", "version", "country")


def browse(base: str, facade: Facade, month: str) -> tuple[int, set[int]]:
    """What a person asks for in an hour; the queries of the quota that are used, and the statuses of the answers."""
    paths = ["/api/top", "/api/search?q=package"]
    for number in range(40):
        paths += [f"/packages/package-{number}", "/health?deep=1"]
        for span in RANGES:
            paths += [f"/api/packages/package-{number}/{name}{span.format(month=month)}" for name in SERIES]
    with httpx.Client(base_url=base, timeout=60) as client, ThreadPoolExecutor(6) as threads:
        statuses = {client.get("/").status_code, *(answer.status_code for answer in threads.map(client.get, paths))}
        left = client.get("/health?deep=1").json()["source"]["queries_left"]
    return 0 if left is None else QUOTA - left, statuses


def first_questions(base: str, source: ClickPy, numbers: range) -> tuple[float, float, float]:
    """Seconds (median) of a first question, of the source's query alone, and of the same question from the store."""
    first, alone, again = [], [], []
    window = last_days(source.days()[-1], 400)
    with httpx.Client(base_url=base, timeout=60) as client:
        for number in numbers:
            began = time.perf_counter()
            list(source.counts([f"package-{number}"], window))
            alone.append(time.perf_counter() - began)
            for taken, path in ((first, "recent"), (again, "overall")):
                began = time.perf_counter()
                client.get(f"/api/packages/package-{number}/{path}").raise_for_status()
                taken.append(time.perf_counter() - began)
    return median(first), median(alone), median(again)


def bytes_in(folder: Path) -> int:
    """The size of the files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def measure(folder: Path, facade: Facade, packages: int, days: int, events: int) -> None:
    """Print all figures."""
    public = PublicServer(facade, "pypi")
    newest = datetime.now(UTC).date() - timedelta(days=3)
    with public.engine.client() as client:
        # Three days at a time: an insert of all would take much memory.
        for back in range(0, days, 3):
            span = {"back": back, "days": min(3, days - back)}
            client.command(DAILY.format(newest=newest, packages=packages, events=events, **span))
    variables = {"CLICKHOUSE_URL": facade.url, "CLICKHOUSE_USER": "demo", "CLICKHOUSE_DATABASE": "pypi"}
    month = str(newest - timedelta(days=30))

    with facade.limited(user="demo", queries=QUOTA, seconds=3600), served(cwd=folder, **variables) as base:
        used, statuses = browse(base, facade, month)
        print(f"browsing: start page, 40 package pages with 3 ranges, top, search: {used} queries, statuses {statuses}")
    with facade.limited(user="demo", queries=QUOTA, seconds=3600), served(cwd=folder, **variables) as base:
        _, statuses = browse(base, facade, month)
        sent = httpx.get(f"{base}/health?deep=1", timeout=60).json()["source"]["queries"]
        print(f"the same after a restart: {sent} queries, statuses {statuses}")

    role = ServerEngine(server_address(facade.url), "demo", Secret(""), "pypi")
    source = ClickPy(role, "the public server", lambda: datetime.now(UTC))
    with served(cwd=folder, **variables) as base:
        first, alone, again = first_questions(base, source, range(50, 70))
        print(f"first question: {first * 1e3:.0f} ms, of which the source's query {alone * 1e3:.0f} ms; ", end="")
        print(f"another dimension from the store, cold: {again * 1e3:.1f} ms")

    engine = EmbeddedEngine(folder / "followed" / STORE_FOLDER, "pypi")
    sync = Sync(SyncStore(engine.client), source, None)
    sync.store.prepare()
    began, before = time.perf_counter(), source.quota.queries
    synced = sync.add([f"package-{number}" for number in range(packages)])
    print(f"following {packages:,} packages for {days} days: {source.quota.queries - before} queries, ", end="")
    print(f"{time.perf_counter() - began:.0f} s, {synced.rows:,} rows, {bytes_in(folder / 'followed') / 1e6:.0f} MB")
    with public.engine.client() as client:
        day = {"newest": newest + timedelta(days=1), "back": 0, "days": 1}
        client.command(DAILY.format(packages=packages, events=events, **day))
    later = datetime.now(UTC) + timedelta(days=1)
    source = ClickPy(role, "the public server", lambda: later)
    began = time.perf_counter()
    synced = Sync(SyncStore(engine.client), source, None).update()
    print(f"a new day of {packages:,} packages: {source.quota.queries} queries, ", end="")
    print(f"{time.perf_counter() - began:.1f} s, {synced.rows:,} rows, days {synced.days}")
    source.close()
    engine.close()
    began = time.perf_counter()
    with served(cwd=folder, DATA_DIR=str(folder / "followed"), **variables) as base:
        started = time.perf_counter() - began
        httpx.get(f"{base}/api/packages/package-0/recent", timeout=60).raise_for_status()
        print(f"the command to its first line: {started:.1f} s, ", end="")
        print(f"to the first answer from the store of {packages:,} packages: {time.perf_counter() - began:.1f} s")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=int, default=1000)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--events", type=int, default=40, help="rows of the source for each package and day")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_facade(Path(folder, "server")) as facade:
        measure(Path(folder), facade, options.packages, options.days, options.events)


if __name__ == "__main__":
    main()
