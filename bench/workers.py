"""What is measured, each in a process of its own: `python -m bench.workers NAME JSON` prints its findings as JSON.

A process has one engine folder, and its memory is its own.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path
from typing import Any

import clickhouse_connect

from app.warehouse.dimensions import COUNTED_WHERE_KNOWN
from app.warehouse.engines.embedded import EmbeddedEngine
from app.warehouse.loading import ingest as loading
from app.warehouse.loading.describe import described
from app.warehouse.loading.examine import OLDEST_DAY
from app.warehouse.loading.files import raw_events
from app.warehouse.loading.finding import find_files
from app.warehouse.loading.migrations import migrate
from app.warehouse.loading.statements import statement
from app.warehouse.reading.tables import query_sql
from bench.cached import mix, queries_of_stampede, resident_after
from bench.charts import keep_drawing
from bench.discovery import measure as queries_of_index
from bench.events import make_events
from bench.load import LOAD_CORE, load, pin, request
from bench.rollup import DAYS, make_rollup, parameters_of
from bench.schemas import compare

DATABASE = "pypi"


def events(folder: str, count: int) -> dict[str, Any]:
    """Make the events, with an engine that is removed with them."""
    target = Path(folder)
    engine = EmbeddedEngine(target.parent / "maker", DATABASE)
    target.mkdir()
    with engine.client() as client:
        make_events(client, target, count)
    engine.close()
    return {"bytes": sum(file.stat().st_size for file in target.iterdir())}


def ingest(data: str, folder: str) -> dict[str, Any]:
    """The whole of an ingest call."""
    engine = EmbeddedEngine(Path(data), DATABASE)
    with _engine_peak(engine) as peak:
        started = time.perf_counter()
        days = loading.ingest(engine.client, [folder])
        seconds = time.perf_counter() - started
    engine.close()
    return {
        "seconds": seconds,
        "events": sum(day.events for day in days),
        "rows": sum(day.rows for day in days),
        "engine_peak": max(peak),
    }


def bare(data: str, folder: str) -> dict[str, Any]:
    """The statement that writes the series, alone: no journal, no checks, no copy by day, no sum over all packages."""
    engine = EmbeddedEngine(Path(data), DATABASE)
    with engine.client() as client:
        migrate(client)
        found, _ = described(client, find_files([folder]), print)
        raw = raw_events(found)
        with _engine_peak(engine) as peak:
            started = time.perf_counter()
            client.command(
                statement("write_packages", raw.sql),
                parameters={
                    **raw.parameters,
                    "oldest": OLDEST_DAY,
                    "today": datetime.now(UTC).date(),
                    "replace": True,
                    "dimensions": COUNTED_WHERE_KNOWN,
                    "first_version": 1 << 16,
                    "load": 0,  # the newest in the journal: it is empty
                },
                settings=loading.WRITE_SETTINGS,
            )
            seconds = time.perf_counter() - started
        counted = "SELECT sumIf(downloads, dimension IN ('dropped', 'installer')), count() FROM downloads_daily"
        ((events, rows),) = client.query(counted).result_rows
    engine.close()
    return {"seconds": seconds, "events": events, "rows": rows, "engine_peak": max(peak)}


def dimensions(data: str, folder: str, loaded: list[str], asked: int) -> dict[str, Any]:
    """A load with some of the optional dimensions: seconds, rows, bytes of both tables, and the seconds of
    `python_minor` of some packages, each asked once."""
    engine = EmbeddedEngine(Path(data), DATABASE)
    started = time.perf_counter()
    days = loading.ingest(engine.client, [folder], dimensions=loaded)
    seconds = time.perf_counter() - started
    with engine.client() as client:
        sizes = (
            "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table IN ('downloads_daily', 'overall_daily')"
        )
        ((size,),) = client.query(sizes).result_rows
        names = "SELECT project FROM overall_daily GROUP BY project ORDER BY sum(downloads) DESC LIMIT {asked:UInt32}"
        packages = [name for (name,) in client.query(names, parameters={"asked": asked}).result_rows]
        sql, answers = query_sql("series", rows="counted"), []
        for package in packages:
            parameters = parameters_of(client, 0) | {
                "projects": [package],
                "start": days[0].date,
                "end": days[-1].date,
                "newest_version": 1 << 40,
            }
            began = time.perf_counter()
            rows = client.query(sql, parameters=parameters).result_rows
            answers.append(time.perf_counter() - began)
            if not rows:
                raise RuntimeError(f"{package} has no rows")
    engine.close()
    return {"seconds": seconds, "rows": sum(day.rows for day in days), "bytes": size, "answers": answers}


def rollup(data: str, rows: int, days: int = DAYS) -> dict[str, Any]:
    """A table of series of that many rows, over so many days."""
    engine = EmbeddedEngine(Path(data), DATABASE)
    with engine.client() as client:
        made = make_rollup(client, rows, days)
    engine.close()
    return made


def series(data: str, packages: list[int]) -> dict[str, Any]:
    """The seconds and the rows of each package's python_minor, by the server's own SQL, through the bare driver."""
    sql = query_sql("series", rows="counted")
    seconds, rows = [], []
    with clickhouse_connect.get_client(interface="chdb", path=data, database=DATABASE) as client:
        for package in packages:
            parameters = parameters_of(client, package)
            started = time.perf_counter()
            found = client.query(sql, parameters=parameters).result_rows
            seconds.append(time.perf_counter() - started)
            rows.append(len(found))
    return {"seconds": seconds, "rows": rows}


def schemas(data: str, packages: list[int]) -> dict[str, Any]:
    """Other layouts of the table, side by side."""
    with clickhouse_connect.get_client(interface="chdb", path=data, database=DATABASE) as client:
        return {"layouts": compare(client, packages)}


def discovery(entries: int) -> dict[str, Any]:
    """The median seconds of queries of an index of so many packages."""
    return {"seconds": queries_of_index(entries)}


def chart_load(port: int) -> dict[str, Any]:
    """Ask a server for charts, 20 at once."""
    return {"drawn": keep_drawing(port)}


def cached(port: int, path: str, headers: dict[str, str], connections: int, seconds: float) -> dict[str, Any]:
    """The load of one question, over and over."""
    pin(LOAD_CORE)
    return load(port, repeat(request(path, **headers)), connections, seconds)


def mixed(port: int, count: int, packages: int, connections: int) -> dict[str, Any]:
    """The load of so many questions about packages as often as they are downloaded, each on any endpoint."""
    pin(LOAD_CORE)
    return load(port, mix(count, packages), connections)


def stampede(data: str, clients: int) -> dict[str, Any]:
    """How many questions ClickHouse is asked by so many requests at once for one answer that is not there yet."""
    return {"queries": queries_of_stampede(data, clients)}


def memory(counts: list[int]) -> dict[str, Any]:
    """The resident bytes after so many distinct answers."""
    return {"bytes": resident_after(counts)}


@contextmanager
def _engine_peak(engine: EmbeddedEngine) -> Iterator[list[int]]:
    """A list that gets the engine's own count of the bytes that the writing statement has taken at most."""
    peaks = [0]
    done = threading.Event()
    question = "SELECT max(peak_memory_usage) FROM system.processes WHERE query LIKE '%INSERT INTO downloads_daily%'"

    def poll() -> None:
        with engine.client() as client:
            while not done.wait(0.25):
                peaks.append(client.query(question).result_rows[0][0])

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()


WORKERS: dict[str, Callable[..., dict[str, Any]]] = {
    worker.__name__: worker
    for worker in (
        events,
        ingest,
        bare,
        rollup,
        series,
        schemas,
        discovery,
        chart_load,
        dimensions,
        cached,
        mixed,
        memory,
        stampede,
    )
}

if __name__ == "__main__":
    print(json.dumps(WORKERS[sys.argv[1]](**json.loads(sys.argv[2]))))
