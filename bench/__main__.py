"""`python -m bench`: measure ingest, answers cold and cached, charts and discovery, and print a table. Everything
happens in a temporary folder, in processes that end, on the loopback interface.
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

from app.settings import Settings
from bench import cached, charts, clickhouse_http
from bench.answers import measure
from bench.events import distribution
from bench.processes import run
from bench.report import FIGURES, Row, show, write_markdown
from bench.rollup import DAYS, ROWS_A_PACKAGE_AND_DAY

README = Path(__file__).parent.parent / "README.md"
GIB = 1 << 30
MIB = 1 << 20
STAMPEDE = 1_000
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
        rows += list(_cached(folder, options))
        rows += list(_charts(folder))
        rows += list(_clickhouse_http(folder, options.http_rows))
    rows += list(_discovery())
    show("pypistats-server", rows)
    if options.markdown:
        write_markdown(README, [row for row in rows if not row.of_this_machine], "bench")
        write_markdown(FIGURES, rows, "figures")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure ingest, cold and cached answers, charts and discovery."
    )
    parser.add_argument("--events", type=int, default=50_000_000, help="download events to load (%(default)s)")
    parser.add_argument("--repeat", type=int, default=2, help="times that either side loads them (%(default)s)")
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of the table asked (%(default)s)")
    parser.add_argument("--sample", type=int, default=100, help="packages asked for in a round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=4, help="rounds of questions (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="load on a cached answer in a round (%(default)s)")
    parser.add_argument("--mix", type=int, default=1_000_000, help="questions in the mix (%(default)s)")
    parser.add_argument(
        "--http-rows",
        type=int,
        nargs="*",
        default=[1_000_000, 10_000_000, 100_000_000],
        help="rows of the tables that are asked over HTTP, in turn; none: skip that (%(default)s)",
    )
    parser.add_argument("--skip-ingest", action="store_true", help="measure answers only")
    parser.add_argument("--schemas", action="store_true", help="compare other layouts of the table instead")
    parser.add_argument("--markdown", action="store_true", help="write the rows into both READMEs as well")
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
    yield Row("answers: HTTP, of bare SQL's", f"{ratio:.2f} x", "at most 1.25 x", ratio <= 1.25)


def _cached(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    data = folder / "rollup"
    packages = options.rows // (DAYS * ROWS_A_PACKAGE_AND_DAY)
    progress.print("asking for what is cached …")
    for found in cached.hits(data, folder, options.seconds, options.rounds):
        name = f"cached: {found['name']}"
        yield Row(
            f"{name}, of the bare ASGI app's",
            f"{found['ratio']:.2f} of its requests/s, p99 {found['p99_ratio']:.2f} x",
            "at least 0.8; p99 at most 1.5 x",
            found["ratio"] >= 0.8 and found["p99_ratio"] <= 1.5,
        )
        rates = f"{found['rate']:,.0f} requests/s, the bare app {found['bare_rate']:,.0f}"
        yield Row(f"{name}, {found['bytes'] / 1e3:.1f} KB with headers", rates, of_this_machine=True)
    yield from _bursts(data, packages, options)
    yield from _mixture(folder, options)
    yield from _starts(data)
    yield from _memory()


def _bursts(data: Path, packages: int, options: argparse.Namespace) -> Iterator[Row]:
    progress.print("asking as dashboards do …")
    found = cached.bursts(data, list(range(packages - 2 * options.sample, packages)))
    ratio = median(found["burst"]) / median(found["one"])
    yield Row(
        "cold: a dashboard's seven questions at once, of one question's time",
        f"{ratio:.2f} x ({len(found['burst'])} packages)",
        "at most 2 x",
        ratio <= 2,
    )
    queries = run("stampede", data=str(data), clients=STAMPEDE)["queries"]
    yield Row(f"cold: queries of {STAMPEDE:,} simultaneous requests for one answer", f"{queries}", "one", queries == 1)


def _mixture(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    if not cached.TOP_PACKAGES.exists():
        progress.print(f"no mix of questions: {cached.TOP_PACKAGES} is not there")
        return
    progress.print("making the data of the mix …")
    days, data = 40, folder / "mix"
    made = run(
        "rollup",
        data=str(data),
        rows=int(15_000 * options.rows / 20_000_000) * days * ROWS_A_PACKAGE_AND_DAY,
        days=days,
    )
    progress.print("asking a mix …")
    found = cached.mixture(data, folder, options.mix, made["packages"])
    yield Row(
        f"a mix of {options.mix:,} questions about {made['packages']:,} packages by their downloads, first to last",
        f"{found['ratio']:.2f} of the bare app's requests/s; asked a second time {found['warm_ratio']:.2f}",
        "at least 0.6, first to last",
        found["ratio"] >= 0.6,
    )


def _starts(data: Path) -> Iterator[Row]:
    progress.print("starting …")
    found = cached.starts(data)
    yield Row("start: import app.main", f"{found['import']:.2f} s; neither chDB nor matplotlib", of_this_machine=True)
    yield Row("start: from the command to the first answer", f"{found['start']:.2f} s", of_this_machine=True)


def _memory() -> Iterator[Row]:
    progress.print("keeping answers …")
    base, at_most, after, later = run("memory", counts=[20_000, 50_000, 70_000])["bytes"]
    limit = Settings().cache_max_bytes
    yield Row(
        f"memory: after 50,000 distinct answers, CACHE_MAX_BYTES {limit >> 20} MiB",
        f"{(after - base) / MIB:.0f} MiB more than before; after 20,000 {(at_most - base) / MIB:.0f}, "
        f"after 70,000 {(later - base) / MIB:.0f}",
        "under CACHE_MAX_BYTES, and flat",
        after - base < limit and later - after < limit / 20,
    )


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
