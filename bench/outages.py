"""`python -m bench.outages`: what clients are answered while ClickHouse breaks, each way for half a minute, under load.

The server queries it over a socket: tests/support/clickhouse_http.py answers as ClickHouse does, and fails on demand.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from app.settings import Secret
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.loading.ingest import ingest
from app.warehouse.loading.migrations import migrate
from bench.report import FIGURES, Row, show, write_markdown
from tests.support.clickhouse_users import USERS
from tests.support.events import event, write_jsonl
from tests.support.facade import Facade, running_facade
from tests.support.outage import FAULTS, Outage, outage
from tests.support.server import started

DATABASE = "bench"
RECOVERS_WITHIN_SECONDS = 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.outages", description="What outages of ClickHouse cost.")
    parser.add_argument("--seconds", type=float, default=30, help="of each outage (%(default)s)")
    parser.add_argument("--markdown", action="store_true", help="write the rows into bench/README.md as well")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rows = list(_outages(options.seconds))
    show("pypistats-server", rows)
    if options.markdown:
        write_markdown(FIGURES, rows, "outages")


def _outages(seconds: float) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="pypistats-outages-") as name:
        folder = Path(name)
        with running_facade(folder / "clickhouse") as facade:
            _fill(facade, folder)
            reader = {"CLICKHOUSE_USER": "api", "CLICKHOUSE_PASSWORD": USERS["api"].password}
            settings = {"CLICKHOUSE_URL": facade.url, "CLICKHOUSE_DATABASE": DATABASE, **reader}
            with started(cwd=folder, **settings) as server:
                for kind, fault in FAULTS.items():
                    yield _row(kind, outage(server.port, facade, fault, seconds))


def _fill(facade: Facade, folder: Path) -> None:
    writer = ServerEngine(server_address(facade.url), "ingest", Secret(USERS["ingest"].password), DATABASE)
    with writer.client(database=None) as client:
        client.command(f"CREATE DATABASE {DATABASE}")
    with writer.client() as client:
        migrate(client)
    ingest(writer.client, [str(write_jsonl(folder / "events.jsonl", [event()]))])


def _row(kind: str, found: Outage) -> Row:
    longest = max(exchange.ended - exchange.began for exchange in found.unavailable)
    lost = sum(exchange.is_known and exchange.status != 200 for exchange in found.exchanges)
    return Row(
        f"ClickHouse {kind} for {found.mended_at - found.broken_at:.0f} s",
        f"{len(found.stale):,} stale answers, {len(found.unavailable):,} of 503, after {longest:.1f} s at most; "
        f"ClickHouse got {found.asked} requests once it was known; well again after {found.recovery:.1f} s; "
        f"{lost} known answers not given",
        f"none lost, well within {RECOVERS_WITHIN_SECONDS} s",
        not lost and found.recovery < RECOVERS_WITHIN_SECONDS,
    )


if __name__ == "__main__":
    main()
