"""A server in a process of its own, as a user starts it, on downloads that can be counted by hand."""

from collections.abc import Iterator

import httpx
import pytest

from tests.discovery.stub import running_stub
from tests.support.ecosystem import add_ecosystem, environment_of, wait_for_index
from tests.support.events import event, write_jsonl
from tests.support.server import run, served

FEBRUARY, MONDAY, TUESDAY = "2026-02-28 12:00:00 UTC", "2026-03-09 12:00:00 UTC", "2026-03-10 12:00:00 UTC"

EVENTS = [
    event(FEBRUARY, python="3.12.1"),
    event(FEBRUARY, python="3.12.2", system="Windows"),
    event(MONDAY, python="2.7.18", system="FreeBSD"),
    event(TUESDAY, python="3.13.0rc1", installer="uv", system="Darwin"),
    event(TUESDAY, python="3.9.1"),
    event(TUESDAY, python=None, system=None),
    event(TUESDAY, installer="bandersnatch", python=None, system=None),
    event(TUESDAY, installer=None, python="2.7", system=None),
    event(TUESDAY, "numpy-financial", version="1.0.0"),
]


@pytest.fixture(scope="session")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the server answers."""
    folder = tmp_path_factory.mktemp("served")
    url = f"chdb://{folder / 'data'}"
    loaded = run("ingest", str(write_jsonl(folder / "events.jsonl", EVENTS)), cwd=folder, CLICKHOUSE_URL=url)
    assert loaded.returncode == 0, loaded.stderr
    with running_stub() as stub:
        add_ecosystem(stub)
        with served(cwd=folder, CLICKHOUSE_URL=url, **environment_of(stub)) as base:
            with httpx.Client(base_url=base) as client:
                wait_for_index(client)
            yield base
