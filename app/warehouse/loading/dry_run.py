"""What a load would do, without loading: the whole input is read, nothing is written, no lease is taken.

An embedded engine reads the input by itself. A server is asked only which days it has, for it would have to be sent the
files of this machine: an engine in a temporary folder reads them instead.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from clickhouse_connect.driver.client import Client

from app.settings import SettingError
from app.warehouse.engines.embedded import EmbeddedEngine
from app.warehouse.engines.errors import InputError, translated
from app.warehouse.loading.describe import described
from app.warehouse.loading.examine import DayLoadedError, find_refusal, require_usable
from app.warehouse.loading.files import raw_events
from app.warehouse.loading.finding import Note, find_files
from app.warehouse.loading.ingest import finished_days
from app.warehouse.loading.journal import LoadedDay, announce, loaded_days, publish
from app.warehouse.loading.migrations import prepare
from app.warehouse.loading.progress import Progress, Report
from app.warehouse.loading.statements import Connect, is_embedded, statement

logger = logging.getLogger(__name__)


class DryRun(msgspec.Struct, frozen=True):
    """What a load would publish (`rows` are 0, for none is written), what it would leave out of today, and why it would
    be refused though it can be read: a day is loaded already."""

    days: list[LoadedDay]
    today: LoadedDay | None
    refusal: InputError | None


def dry_run(
    connect: Connect,
    names: Sequence[str],
    *,
    replace: bool = False,
    report: Report = lambda _: None,
    note: Note = logger.warning,
) -> DryRun:
    """Look at all of an input. Raises what `ingest` raises for it, but for days that are loaded already."""
    files, today = find_files(names, note), datetime.now(UTC).date()
    with connect() as client:
        prepare(client)
        with _reader(client) as reader:
            report(Progress("looking at the input"))
            looked_at, _ = described(reader, files, note)
            found = require_usable(reader, looked_at, note)
            report(Progress("reading the input"))
            refusal = find_refusal(reader, found, replace, today)
            if refusal and not isinstance(refusal, DayLoadedError):
                raise refusal
            events = raw_events(found)
            with translated():
                rows = reader.query(statement("input_days", events.sql), parameters=events.parameters).result_rows
    days = [
        LoadedDay(day, downloads, dropped, packages, 0, python) for day, downloads, dropped, python, packages in rows
    ]
    unfinished: list[LoadedDay] = []
    over = finished_days(days, today, ", ".join(names), note, unfinished.append)
    return DryRun(over, unfinished[0] if unfinished else None, refusal)


@contextmanager
def _reader(client: Client) -> Iterator[Client]:
    """An embedded engine that knows which days are loaded."""
    if is_embedded(client):
        yield client
        return
    if find_spec("chdb") is None:
        raise SettingError(
            "--dry-run stores nothing on a server, so an embedded ClickHouse reads the files on this machine: "
            "pip install 'pypistats-server[embedded]'"
        )
    with TemporaryDirectory() as folder:
        engine = EmbeddedEngine(Path(folder) / "data", str(client.database))
        try:
            with engine.client() as reader:
                prepare(reader)
                announce(reader, 1, "", "")
                if days := loaded_days(client):
                    publish(reader, 1, "", [LoadedDay(day, 0, 0, 0, 0) for day in days])
                yield reader
        finally:
            engine.close()
