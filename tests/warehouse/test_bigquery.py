"""BigQuery as a source: its counts are the oracle's, its days are complete, and its errors say what to do.

The official client asks an emulator, which `make emulator` installs. What the emulator does not know, how many bytes a
query reads and what BigQuery refuses, is added by a proxy: tests/support/bigquery.py.
"""

import itertools
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from random import Random
from threading import Thread

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.settings import Settings
from app.warehouse.sources import bigquery_client
from app.warehouse.sources.bigquery import BigQuery
from app.warehouse.sources.errors import SourceError
from app.warehouse.sources.source import Source
from app.windows import Window
from tests.support.bigquery import PROJECT, Proxy, Table
from tests.support.events import event
from tests.support.oracle import Oracle, normalised, published, usable, utc_day
from tests.support.scale import sized
from tests.support.server import NOWHERE, environment
from tests.test_numbers_property import (
    COUNTRIES,
    DISTROS,
    FILE_TYPES,
    FILENAMES,
    IMPLEMENTATIONS,
    INSTALLERS,
    LIBCS,
    PROCESSORS,
    PROJECTS,
    PYTHONS,
    SYSTEMS,
    VERSIONS,
    Events,
    written,
)

Rows = dict[tuple[str, str, str, date], int]
"""Downloads by package, dimension, category and date."""

DAY = date(2026, 3, 10)
DAYS = Window(DAY - timedelta(days=1), DAY)
NAMES = ["numpy", "a-b", "null", "0", "unknown"]
LONGEST = "a" * 200
ODD_PROJECTS = [LONGEST, f"{LONGEST}a", "\u212aivy", "numpy\n"]

_numbers = itertools.count()


@pytest.fixture
def table(bigquery_proxy: Proxy) -> Table:
    """An empty table."""
    return bigquery_proxy.table(f"downloads_{next(_numbers)}")


def counted(source: Source, packages: Sequence[str] | None, window: Window = DAYS) -> Rows:
    """What a source counts. Each row comes once."""
    rows = [row for batch in source.counts(packages, window) for row in zip(*batch, strict=True)]
    keyed = {row[:4]: row[4] for row in rows}
    assert len(keyed) == len(rows)
    return keyed


def right(events: Events) -> Rows:
    """What the oracle counts of packages."""
    return {key: n for key, n in Oracle(published(events)).counts.items() if key[0] != "__all__"}


def left_out(events: Events) -> Rows:
    """The events that count nowhere."""
    return dict(
        Counter(
            ("", "dropped", "python" if normalised(one["project"]) else "name", utc_day(one["timestamp"]))
            for one in events
            if not usable(one)
        )
    )


def random_events(random: Random) -> Events:
    """Events of two days. So many that each value of a column comes more than once."""
    start, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (DAYS.start, DAYS.end))
    after = end + timedelta(days=1)
    instants = [start, start + timedelta(hours=12), end - timedelta(microseconds=1), end]
    instants += [after - timedelta(microseconds=1), start - timedelta(microseconds=1), after]
    return [
        event(
            written(random.choice(instants), "z", UTC),
            random.choice([*PROJECTS, *ODD_PROJECTS]),
            installer=random.choice(INSTALLERS),
            python=random.choice(PYTHONS),
            system=random.choice(SYSTEMS),
            country=random.choice(COUNTRIES),
            version=random.choice(VERSIONS),
            file_type=random.choice(FILE_TYPES),
            filename=random.choice(FILENAMES),
            installer_version=random.choice(["25.3.1", "25", "", None]),
            ci=random.choice([True, False, None]),
            cpu=random.choice(PROCESSORS),
            libc=random.choice(LIBCS),
            distro=random.choice(DISTROS),
            implementation=random.choice(IMPLEMENTATIONS),
        )
        for _ in range(400)
    ]


@pytest.mark.large
@pytest.mark.parametrize("seed", range(sized(1, 20)))
def test_counts_are_the_oracles(table: Table, seed: int) -> None:
    random = Random(seed)
    written_events = random_events(random)
    table.write(written_events)
    events = [one for one in written_events if DAYS.start <= utc_day(one["timestamp"]) <= DAYS.end]

    assert counted(table.source(), None) == right(events) | left_out(events)
    # Some packages are found by the normalised name, as PyPI's table has it.
    packages = random.sample(NAMES, random.randint(1, len(NAMES)))
    named = [one for one in events if one["project"] in packages]
    assert counted(table.source(), packages) == (right(named) if named else {})


def test_columns_that_no_dimension_needs_are_not_read(table: Table) -> None:
    """BigQuery bills the columns that a query names."""
    events = random_events(Random(7))
    table.write(events)
    source = table.source()
    events = [one for one in events if DAYS.start <= utc_day(one["timestamp"]) <= DAYS.end]

    rows = {
        row[:4]: row[4]
        for batch in source.counts(None, DAYS, ["overall", "libc"])
        for row in zip(*batch, strict=True)
        if row[1] != "dropped"
    }

    assert rows == {key: n for key, n in right(events).items() if key[1] in {"overall", "libc"}}
    sql, _ = source._counting(None, DAYS, ["overall", "libc"])
    assert "details.distro.libc.lib" in sql
    assert not [name for name in ("file.filename", "details.ci", "details.cpu", "{{") if name in sql]


def test_a_batch_is_a_page(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigquery_client, "BATCH_ROWS", 7)
    events = [event(f"{DAY} 12:00:00 UTC", version=str(version)) for version in range(20)]
    table.write(events)

    batches = list(table.source().counts(["numpy"], Window(DAY, DAY)))

    assert [len(batch.packages) for batch in batches] == [7, 7, 7, 7, 7, 1]
    rows = [row for batch in batches for row in zip(*batch, strict=True)]
    assert {row[:4]: row[4] for row in rows} == right(events)


def test_no_packages_and_no_days_cost_no_query(table: Table) -> None:
    assert list(table.source().counts([], DAYS)) == []
    assert list(table.source().counts(None, Window(DAY, DAY - timedelta(days=1)))) == []
    assert table.proxy.queries == []


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        (datetime(2026, 3, 10, 5, 59, 59, tzinfo=UTC), date(2026, 3, 8)),
        (datetime(2026, 3, 10, 6, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 3, 11, 5, 59, 59, tzinfo=UTC), date(2026, 3, 9)),
        # The 11th has no rows: the table may be filled no more, in the middle of the 10th.
        (datetime(2026, 3, 12, tzinfo=UTC), date(2026, 3, 9)),
    ],
)
def test_complete_days(table: Table, now: datetime, newest: date) -> None:
    days = [date(2026, 3, day) for day in (10, 9, 8, 6)]
    table.write(event(f"{day} 12:00:00 UTC") for day in days)

    assert table.source(now=lambda: now).days() == [day for day in sorted(days) if day <= newest]


def test_a_table_without_days_is_refused(table: Table) -> None:
    words = "BigQuery: the table is not there, or has no partition of a day; see BIGQUERY_TABLE"

    for source in (table.source(), table.source(bigquery_table=f"{PROJECT}.pypi.nope")):
        with pytest.raises(SourceError) as error:
            source.days()
        assert str(error.value) == words


def test_bytes(table: Table) -> None:
    """What a query may be billed is sent with it. A dry run reads nothing, and has no limit."""
    table.proxy.day_bytes = 150_000_000_000
    source = table.source(bigquery_max_bytes=150_000_000_000)

    assert (source.estimate(None, DAYS), source.bytes_billed) == (300_000_000_000, 0)
    assert list(source.counts(["numpy"], Window(DAY, DAY))) == []
    assert source.bytes_billed == 150_000_000_000
    assert [(query.get("dryRun"), query["query"].get("maximumBytesBilled")) for query in table.proxy.queries] == [
        (True, None),
        (None, "150000000000"),
    ]


def test_a_query_that_may_be_billed_more_is_refused(table: Table) -> None:
    table.proxy.day_bytes = 150_000_000_001
    source = table.source(bigquery_max_bytes=150_000_000_000)

    with pytest.raises(SourceError) as error:
        counted(source, None)

    assert str(error.value) == "BigQuery: a query could be billed more than BIGQUERY_MAX_BYTES; raise it"
    assert source.bytes_billed == 0


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        *((403, reason, words) for reason, words in bigquery_client.REASONS.items()),
        (503, "backendError", bigquery_client.UNREACHABLE),
        (500, "internalError", bigquery_client.UNREACHABLE),
        (400, "newReason", "it refuses a request: BadRequest"),
        # There are none, as the address is one of http://.
        (401, "authError", f"there are no credentials; {bigquery_client.LOGIN}"),
    ],
)
def test_what_bigquery_refuses(table: Table, status: int, reason: str, words: str) -> None:
    """The error says what to do, and nothing of BigQuery's own text."""
    table.proxy.refusal = (status, reason)
    source = table.source(patience=0.1)

    for ask in (source.days, lambda: counted(source, None), lambda: source.estimate(None, DAYS)):
        with pytest.raises(SourceError) as error:
            ask()
        assert str(error.value) == f"BigQuery: {words}"


def test_a_table_that_is_not_there(table: Table) -> None:
    with pytest.raises(
        SourceError, match=r"^BigQuery: there is no such project, dataset or table; see BIGQUERY_PROJEC"
    ):
        counted(table.source(bigquery_table=f"{PROJECT}.pypi.nope"), None)


def test_a_table_of_another_kind(bigquery_proxy: Proxy) -> None:
    table = Table(bigquery_proxy, f"other_{next(_numbers)}", {"timestamp": "TIMESTAMP", "project": "STRING"})

    with pytest.raises(SourceError, match=r"^BigQuery: it refuses the query; BIGQUERY_TABLE needs the columns of PyPI"):
        counted(table.source(), None)


def test_nothing_answers() -> None:
    source = BigQuery(Settings(bigquery_project=PROJECT, bigquery_api_endpoint=NOWHERE), patience=0.1)

    with pytest.raises(SourceError, match=r"^BigQuery: it does not answer; try again later$"):
        source.days()


def test_no_project() -> None:
    with pytest.raises(SourceError, match=r"^BigQuery: BIGQUERY_PROJECT is not set; it is the project that queries ar"):
        BigQuery(Settings()).days()


def test_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "secret.json"))

    with pytest.raises(SourceError) as error:
        BigQuery(Settings(bigquery_project=PROJECT)).days()
    assert str(error.value) == f"BigQuery: there are no credentials; {bigquery_client.LOGIN}"


class _Refusing(BaseHTTPRequestHandler):
    """Gives no token."""

    def do_POST(self) -> None:
        body = json.dumps({"error": "invalid_grant", "error_description": "secret"}).encode()
        self.send_response_only(400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_credentials_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), _Refusing) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        account = {
            "type": "service_account",
            "client_email": "secret",
            "private_key": key.decode(),
            "token_uri": f"http://127.0.0.1:{server.server_address[1]}/token",
        }
        file = tmp_path / "account.json"
        file.write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        source = BigQuery(Settings(bigquery_project=PROJECT), patience=0.1)

        with pytest.raises(SourceError) as error:
            source.days()
        server.shutdown()
        thread.join()
    assert str(error.value) == f"BigQuery: the credentials are refused; {bigquery_client.LOGIN}"


def test_the_client_is_imported_when_it_is_used_and_may_be_missing() -> None:
    code = """
import sys
from app.settings import Settings
from app.warehouse.sources.bigquery import BigQuery
assert "google.cloud.bigquery" not in sys.modules
sys.modules["google.cloud.bigquery"] = sys.modules["google.cloud"] = None
BigQuery(Settings()).days()
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)

    assert done.stderr.splitlines()[-1].endswith(
        "SourceError: BigQuery needs its client: pip install 'pypistats-server[bigquery]'"
    )
