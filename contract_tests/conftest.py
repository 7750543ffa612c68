"""A server in a process of its own, as a user starts it, on downloads that can be counted by hand."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.clickhouse_users import USERS
from tests.support.ecosystem import environment_of, running_ecosystem, wait_for_index
from tests.support.events import event, write_jsonl
from tests.support.scale import sized
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


@pytest.fixture(scope="session", params=[sized("embedded", "server")])
def base_url(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the server answers, from an embedded ClickHouse, or in `make test-all` from one over HTTP."""
    folder = tmp_path_factory.mktemp("served")
    writer = reader = {"CLICKHOUSE_URL": f"chdb://{folder / 'data'}"}
    if request.param == "server":
        url = request.getfixturevalue("facade").url
        writer, reader = (
            {"CLICKHOUSE_URL": url, "CLICKHOUSE_USER": user, "CLICKHOUSE_PASSWORD": USERS[user].password}
            for user in ("ingest", "api")
        )
        admin = ("admin", USERS["admin"].password)
        # Tests that run in several processes may come here more than once in each.
        for statement in ("DROP DATABASE IF EXISTS pypi", "CREATE DATABASE pypi"):
            httpx.post(url, content=statement, auth=admin).raise_for_status()
        migrated = run("migrate", cwd=folder, **writer)
        assert migrated.returncode == 0, migrated.stderr
    loaded = run("ingest", str(write_jsonl(folder / "events.jsonl", EVENTS)), cwd=folder, **writer)
    assert loaded.returncode == 0, loaded.stderr
    with running_ecosystem() as stub, served(cwd=folder, **reader, **environment_of(stub)) as base:
        with httpx.Client(base_url=base) as client:
            wait_for_index(client)
        yield base
