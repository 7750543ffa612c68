"""`python -m bench`: measure ingest, cold answers, charts and discovery, and print a table. Everything happens in a
temporary folder, in processes that end, on the loopback interface.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from rich.console import Console

from bench import charts, clickhouse_http
from bench.answers import measure
from bench.events import distribution
from bench.processes import run
from bench.report import Row, show, write_markdown

README = Path(__file__).parent.parent / "README.md"
GIB = 1 << 30
INDEX_ENTRIES = 10_000

progress = Console(stderr=True, highlight=False)


def main() -> None:
    """Measure what is asked for."""
    options = _options()
    # Ends what runs and removes what is there, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    progress.print(f"{os.cpu_count()} cores; events by {distribution()}")
    with tempfile.TemporaryDirectory(prefix="pypistats-bench-") as name:
        folder = Path(name)
        if options.schemas:
            show("Other layouts of downloads_daily", list(_schemas(folder, options)))
            return
        rows = [] if options.skip_ingest else list(_ingest(folder, options))
        rows += list(_answers(folder, options))
        rows += list(_charts(folder))
        rows += list(_clickhouse_http(folder, options.http_rows))
    rows += list(_discovery())
    show("pypistats-server", rows)
    if options.markdown and not write_markdown(README, rows):
        sys.exit(f"{README} has no <!-- bench --> and <!-- /bench -->")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure ingest, cold answers, charts and discovery."
    )
    parser.add_argument("--events", type=int, default=50_000_000, help="download events to load (%(default)s)")
    parser.add_argument("--repeat", type=int, default=2, help="times that either side loads them (%(default)s)")
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of the table asked (%(default)s)")
    parser.add_argument("--sample", type=int, default=100, help="packages asked for in a round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=4, help="rounds of questions (%(default)s)")
    parser.add_argument(
        "--http-rows",
        type=int,
        nargs="*",
        default=[1_000_000, 10_000_000, 100_000_000],
        help="rows of the tables that are asked over HTTP, in turn; none: skip that (%(default)s)",
    )
    parser.add_argument("--skip-ingest", action="store_true", help="measure answers only")
    parser.add_argument("--schemas", action="store_true", help="compare other layouts of the table instead")
    parser.add_argument("--markdown", action="store_true", help="write the rows into the README as well")
    return parser.parse_args()


def _ingest(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    progress.print(f"making {options.events:,} events …")
    source = folder / "events"
    made = run("events", folder=str(source), count=options.events)
    found: dict[str, list[dict[str, Any]]] = {"ingest": [], "bare": []}
    for number in range(options.repeat):
        for worker in ("bare", "ingest") if number % 2 == 0 else ("ingest", "bare"):
            progress.print(f"loading them: {worker} …")
            with tempfile.TemporaryDirectory(dir=folder) as data:
                found[worker].append(run(worker, data=data, folder=str(source)))
            if found[worker][-1]["events"] != options.events:
                raise RuntimeError(f"{worker} wrote {found[worker][-1]['events']:,} events of {options.events:,}")
    for file in source.iterdir():
        file.unlink()
    ours, bare = found["ingest"], found["bare"]
    seconds, bare_seconds = (median(run["seconds"] for run in runs) for runs in (ours, bare))
    cpu, bare_cpu = (median(run["cpu"] for run in runs) for runs in (ours, bare))
    peak = max(run["max_rss"] for run in ours) / GIB
    engine = max(run["engine_peak"] for run in ours) / GIB
    yield Row(
        "ingest: input",
        f"{options.events:,} events in 30 Parquet files, {made['bytes'] / 1e9:.1f} GB; {distribution()}",
    )
    yield Row("ingest: rows written", f"{ours[0]['rows']:,}")
    yield Row(
        "ingest: time",
        f"{seconds:.0f} s, {options.events / seconds:,.0f} events/s; {cpu:.0f} s of CPU",
        of_this_machine=True,
    )
    yield Row(
        "bare INSERT … SELECT … GROUP BY",
        f"{bare_seconds:.0f} s, {options.events / bare_seconds:,.0f} events/s; {bare_cpu:.0f} s of CPU",
        of_this_machine=True,
    )
    yield Row(
        "ingest: rate, of the bare statement's",
        f"{bare_seconds / seconds:.0%}; by CPU time {bare_cpu / cpu:.0%}",
        "at least 70 %",
        bare_seconds / seconds >= 0.7,
    )
    yield Row("ingest: peak memory", f"{peak:.2f} GiB (the statement itself {engine:.2f} GiB)", "under 4 GiB", peak < 4)


def _answers(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    data = folder / "rollup"
    progress.print(f"making {options.rows:,} rows of series …")
    made = run("rollup", data=str(data), rows=options.rows)
    progress.print("asking …")
    found = measure(data, made["packages"], options.sample, options.rounds)
    http, sql = ([seconds for round_ in found[side] for seconds in round_] for side in ("http", "sql"))
    ratio = median(http) / median(sql)
    yield Row(
        "answers: table", f"{made['rows']:,} rows, {made['packages']:,} packages, {made['bytes'] / 1e6:.0f} MB on disk"
    )
    yield Row(
        "answers: question", f"python_minor of one package, {median(found['rows']):,.0f} rows; {len(sql):,} packages"
    )
    yield Row("answers: HTTP, cold", _milliseconds(http), of_this_machine=True)
    yield Row("answers: same SQL, bare clickhouse-connect", _milliseconds(sql), of_this_machine=True)
    yield Row("answers: HTTP, of bare SQL's", f"{ratio:.2f} x", "at most 1.5 x", ratio <= 1.5)


def _charts(folder: Path) -> Iterator[Row]:
    progress.print("drawing …")
    found = charts.measure(folder / "rollup")
    for kind, seconds in found["alone"].items():
        yield Row(f"chart: one {kind.upper()}, cold", _milliseconds(seconds), of_this_machine=True)
    quiet, busy = found["quiet"], found["busy"]
    for name, seconds in (("no chart is", quiet), (f"{charts.AT_ONCE} charts are", busy)):
        yield Row(f"recent, while {name} drawn", _milliseconds(seconds), of_this_machine=True)
    ratio = median(busy) / median(quiet)
    slow = charts.percentile(busy, 0.99) / charts.percentile(quiet, 0.99)
    yield Row(
        f"recent while {charts.AT_ONCE} charts are drawn at once, of recent without",
        f"median {ratio:.2f} x, p99 {slow:.2f} x; {found['drawn']:,} charts drawn meanwhile",
        "median at most 1.5 x",
        ratio <= 1.5,
    )


def _clickhouse_http(folder: Path, sizes: list[int]) -> Iterator[Row]:
    medians = []
    for size in sizes:
        progress.print(f"making {size:,} rows of series, and asking over HTTP …")
        found = clickhouse_http.measure(folder, size)
        ours, bare = median(found["http"]), median(found["bare"])
        medians.append(ours)
        about = f"ClickHouse over HTTP, {found['rows']:,} rows"
        yield Row(f"{about}: cold", _milliseconds(found["http"]), of_this_machine=True)
        yield Row(f"{about}: same SQL, bare AsyncClient", _milliseconds(found["bare"]), of_this_machine=True)
        yield Row(f"{about}: cold, of bare SQL's", f"{ours / bare:.2f} x", "at most 1.3 x", ours / bare <= 1.3)
    if medians[1:]:
        growth = medians[-1] / medians[0]
        about = f"ClickHouse over HTTP: {sizes[-1]:,} rows, of {sizes[0]:,} rows'"
        yield Row(about, f"{growth:.2f} x", "at most 1.5 x", growth <= 1.5)


def _discovery() -> Iterator[Row]:
    progress.print("searching an index …")
    seconds = run("discovery", entries=INDEX_ENTRIES)["seconds"]
    slowest = max(seconds, key=seconds.__getitem__)
    yield Row(
        f"index of {INDEX_ENTRIES:,} packages: filter, sort, page",
        f"median {median(seconds.values()) * 1e3:.2f} ms of {len(seconds)} queries; "
        f"the slowest {seconds[slowest] * 1e3:.2f} ms ({slowest})",
        "under 1 ms",
        seconds[slowest] < 1e-3,
    )


def _milliseconds(seconds: list[float]) -> str:
    return f"median {median(seconds) * 1e3:.1f} ms, p95 {quantiles(seconds, n=20)[-1] * 1e3:.1f} ms"


def _schemas(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    data = str(folder / "rollup")
    made = run("rollup", data=data, rows=options.rows)
    packages = random.Random(5).sample(range(made["packages"]), min(made["packages"], 600))
    for layout in run("schemas", data=data, packages=packages)["layouts"]:
        yield Row(
            layout["layout"],
            f"{layout['bytes'] / 1e6:.1f} MB, python_minor {layout['series'] * 1e3:.2f} ms, "
            f"recent of 500 packages {layout['recent'] * 1e3:.1f} ms",
        )


if __name__ == "__main__":
    main()
