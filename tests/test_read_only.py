"""A server, and a load, need no right but to write two folders: none of root's, and a read-only root file system."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from tests.support.ecosystem import environment_of, running_ecosystem, wait_for_index
from tests.support.events import event, write_jsonl
from tests.support.server import COMMAND, environment

CONTAINED = """
mount --make-rprivate /
mount --bind "$DATA" "$DATA"
mount --bind "$CACHE" "$CACHE"
mount --options remount,bind,ro /
if mountpoint --quiet /tmp; then mount --options remount,bind,ro /tmp; fi
if touch /tmp/is-written 2>/dev/null; then exit 77; fi
cd /
exec setpriv --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""
"""What a container does, by hand: no rights of root's, two folders that can be written and no other."""

INSERTING = """
import os, sys
from pathlib import Path
from app.warehouse.engines.embedded import EmbeddedEngine

before = dict(os.environ)
with EmbeddedEngine(Path(sys.argv[1]), "x").client() as client:
    assert os.environ == before
    client.command("CREATE TABLE t (n Int8) ENGINE = Memory")
    client.insert("t", [[7]], column_names=["n"])
    print(client.command("SELECT n FROM t"))
assert os.environ == before
"""


@pytest.fixture
def contained(tmp_path: Path) -> dict[str, str]:
    """The variables of a container, and its two folders."""
    for folder in (tmp_path / "data", tmp_path / "cache"):
        folder.mkdir()
    variables = environment(
        DATA=str(tmp_path / "data"),
        CACHE=str(tmp_path / "cache"),
        CLICKHOUSE_URL=f"chdb://{tmp_path}/data",
        LOCAL_INDEX_CACHE_DIR=str(tmp_path / "cache"),
    )
    tools = all(map(shutil.which, ("unshare", "setpriv", "mount", "mountpoint")))
    works = [*inside(sys.executable, "-c", "import app.cli.commands")]
    if os.geteuid() or not tools or subprocess.run(works, env=variables, capture_output=True, check=False).returncode:
        pytest.skip("needs root and the right to mount: the server runs where only two folders can be written")
    return variables


def inside(*command: str) -> list[str]:
    return ["unshare", "--mount", "sh", "-e", "-c", CONTAINED, "sh", *command]


@pytest.mark.parametrize("place", [None, "/nonexistent"])
def test_the_environment_stays_as_it_is(tmp_path: Path, place: str | None) -> None:
    """The engine finds a place for its own, also where TMPDIR names none, and leaves the environment as it was."""
    variables = environment(**({"TMPDIR": place} if place else {}))
    if place is None:
        variables.pop("TMPDIR", None)
    opened = subprocess.run(
        [sys.executable, "-c", INSERTING, str(tmp_path / "data")],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (opened.stdout, opened.returncode) == ("7\n", 0), opened.stderr


def test_nothing_but_two_folders_needs_to_be_written(contained: dict[str, str], tmp_path: Path) -> None:
    """No place for temporary files, no home, no working directory: data are loaded, served and drawn all the same."""
    events = write_jsonl(tmp_path / "events.jsonl", [event("2026-03-10 12:00:00 UTC")])
    loaded = subprocess.run(
        inside(*COMMAND, "ingest", str(events)), env=contained, capture_output=True, text=True, check=False
    )
    assert loaded.returncode == 0, loaded.stderr

    said: list[str] = []
    with (
        running_ecosystem() as stub,
        subprocess.Popen(
            inside(*COMMAND, "serve", "--port", "0"),
            env=contained | environment_of(stub),
            stderr=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        assert server.stderr
        try:
            for line in server.stderr:
                said.append(line)
                if "running on http://" in line:
                    break
            assert "running on http://" in said[-1], "".join(said)[:9000]
            base = said[-1].partition("running on ")[2].split()[0]
            reading = threading.Thread(target=said.extend, args=[server.stderr], daemon=True)
            reading.start()
            with httpx.Client(base_url=base, timeout=60) as client:
                wait_for_index(client)
                for path in ("recent", "overall", "summary", "chart/overall", "chart/overall?format=png"):
                    answer = client.get(f"/api/packages/numpy/{path}")
                    assert answer.status_code == 200, (path, answer.text, said)
        finally:
            server.terminate()
            reading.join(30)
    assert not [line for line in said if "Traceback" in line or "ERROR" in line], said
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["discovery-index.json"]
    assert not list((tmp_path / "data").glob("clickhouse-embedded-*"))
