"""The command line that contract testers type, from the repository's root: no failure and no warning, as it is."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ecosystem import running_ecosystem
from tests.support.events import event, write_jsonl
from tests.support.scale import sized
from tests.support.server import environment, run, served

ROOT = Path(__file__).parents[1]
SOONER: list[str] = sized(["--phases=examples,coverage"], [])
"""Options that `make test` adds, for the time that it takes: test_schemathesis.py makes up requests of its own."""

pytestmark = pytest.mark.large


@pytest.fixture(params=sized(["without a token"], ["without a token", "demo"]))
def plain_url(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A server without any token, on some downloads or as `make demo` starts it."""
    if request.param == "demo":
        with served("--demo", cwd=tmp_path) as base:
            yield base
        return
    url = f"chdb://{tmp_path / 'data'}"
    loaded = run(
        "ingest",
        str(write_jsonl(tmp_path / "events.jsonl", [event(), event(python="3.9.1")])),
        cwd=tmp_path,
        CLICKHOUSE_URL=url,
    )
    assert loaded.returncode == 0, loaded.stderr
    with running_ecosystem() as stub, served(cwd=tmp_path, CLICKHOUSE_URL=url, PYPI_API_URL=stub.pypi_url) as base:
        yield base


def test_as_it_is(plain_url: str) -> None:
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", "openapi.yaml", "--url", plain_url, *SOONER]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert "⚠" not in done.stdout, done.stdout
    assert "No issues found" in done.stdout, done.stdout[-2000:]
