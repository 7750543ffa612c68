"""Killed with SIGKILL at random moments: no part of a day is visible, and nothing needs repair.

The seed is printed; FAULTS_SEED sets another one.
"""

import json
import os
import random
import shutil
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.events import event, write_jsonl
from tests.support.load import asked, wait_until
from tests.support.loader import look
from tests.support.oracle import Oracle, published
from tests.support.scale import sized
from tests.support.server import run, start, started
from tests.support.zygote import Fork

SEED = int(os.environ.get("FAULTS_SEED", "6"))
KILLS = sized(4, 20)
"""Of either kind."""
EVENTS = 8_000

Events = list[dict[str, Any]]


def day(number: int, seed: int) -> Events:
    """A day of downloads, different for each seed."""
    rng = random.Random(seed)
    kinds = [
        event(
            f"2026-03-{number:02} {rng.randrange(24):02}:00:00 UTC",
            rng.choice(["numpy", "new", "old"]),
            installer=rng.choice(["pip", "uv", None, "bandersnatch"]),
            version=f"{rng.randrange(9)}",
            system=rng.choice(["Linux", None]),
        )
        for _ in range(60)
    ]
    return [rng.choice(kinds) for _ in range(EVENTS)]


@cache
def inputs() -> dict[str, Events]:
    """By name. Each holds the days of the one before, so what it makes is what is seen once it is loaded."""
    return {"first": day(9, 1), "one": day(9, 2) + day(10, 3), "other": day(9, 4) + day(10, 5)}


@cache
def right(name: str) -> dict[str, Any]:
    """What must be seen once an input is loaded."""
    oracle = Oracle(published(inputs()[name]))
    return {
        "/api/packages/numpy/overall": oracle.series("numpy", "overall", {}),
        "/api/packages/numpy/version": oracle.series("numpy", "version", {}),
        "/api/packages/new/installer": oracle.series("new", "installer", {}),
        "/api/packages/__all__/system": oracle.series("__all__", "system", {}),
        "/api/packages/numpy/summary": oracle.summary("numpy"),
        "/api/recent?package=numpy&package=new&package=old": oracle.recent_of_many(["numpy", "new", "old"]),
        "/api/top?period=week": oracle.top("week"),
        "/api/search?q=n": oracle.search("n"),
    }


def state(found: dict[str, Any]) -> str:
    """Which input the answers are of: all of them, whole, or it is an error."""
    bodies = {path: tuple(answer) for path, answer in found.items() if path != "facts"}
    if {status for status, _ in bodies.values()} == {503}:
        return "nothing"
    matching = [name for name in inputs() if right(name) == bodies]
    assert matching, f"a part of a load is seen: {bodies}"
    return matching[0]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("inputs")
    return {name: str(write_jsonl(folder / f"{name}.jsonl", events)) for name, events in inputs().items()}


def start_ingest(data: Path, *arguments: str) -> Fork:
    log = data.with_suffix(".log")
    log.unlink(missing_ok=True)
    return start("ingest", *arguments, cwd=data.parent, stdout=log, CLICKHOUSE_URL=f"chdb://{data}")


def load(data: Path, *arguments: str) -> None:
    process = start_ingest(data, *arguments)
    assert process.wait() == 0, process.output()


def phase(output: str) -> str:
    """What a load was at when it was killed, by the last that it said."""
    steps = ["published", "checking", "summing", "writing", "loading", "making room", "looking"]
    lines = " ".join(line for line in output.replace("│", "published").splitlines())
    return next((step for step in steps if step in lines), "starting")


@pytest.mark.large
@pytest.mark.parametrize("kind", ["first load", "--replace"])
def test_a_load_killed_at_any_moment(files: dict[str, str], tmp_path: Path, kind: str) -> None:
    """Each is followed by a look, and the next by another input on what the one before has left."""
    rng = random.Random(f"{SEED} {kind}")
    data, replace = tmp_path / "data", ["--replace"] if kind == "--replace" else []
    before = "nothing"
    if replace:
        load(data, files["first"])
        before = "first"
    began = time.monotonic()
    process = start_ingest(tmp_path / "timed", files["one"])
    wait_until(lambda: "making room" in process.output(), what="the load")
    writes = time.monotonic()
    assert process.wait() == 0, process.output()
    whole, writing = time.monotonic() - began, time.monotonic() - writes

    phases: Counter[str] = Counter()
    for number in range(KILLS):
        name = rng.choice(["one", "other"])
        process = start_ingest(data, *replace, files[name])
        if number % 2:
            # Every other one while it writes, however long it takes to come to that.
            wait_until(lambda process=process: "making room" in process.output(), what="the load")
        time.sleep(rng.uniform(0, writing if number % 2 else whole))
        process.kill()
        status = process.wait()
        phases[phase(process.output()) if status else "done"] += 1
        after = state(look(data))
        assert after in {before, name}
        assert status != 0 or after == name
        before = after
        if not replace and after != "nothing":
            shutil.rmtree(data)
            before = "nothing"
    print(f"{kind}: seed {SEED}, killed at: {dict(phases)}")

    load(data, "--replace", files["other"])
    found = look(data)
    assert state(found) == "other"
    undisturbed = look(tmp_path / "timed")["facts"]
    assert found["facts"] == undisturbed == {"left": 0, "tables": undisturbed["tables"], "detached": 0}


@pytest.mark.large
def test_a_server_killed_under_load(files: dict[str, str], tmp_path: Path) -> None:
    """While it is asked by many and loads what was moved into its folder: the next one answers at once, and goes on.

    Every response is the whole of one input or of the other.
    """
    rng = random.Random(SEED)
    at = {"CLICKHOUSE_URL": "chdb://data"}
    assert run("ingest", files["first"], cwd=tmp_path, **at).returncode == 0
    spool = tmp_path / "spool"
    paths = [path for path in right("first") if "__all__" not in path]
    possible, seen = ["first"], Counter[int]()
    for number in range(sized(2, 4)):
        name = "one" if number % 2 else "other"
        spool.mkdir(exist_ok=True)
        with (
            started("--watch", str(spool), cwd=tmp_path, WATCH_QUIET_SECONDS="1", **at) as server,
            asked(server.port, paths) as load,
        ):
            # What could not be loaded the last time is still there, and is loaded now, unless it is killed again.
            shutil.copy(files[name], tmp_path / "moving")
            (tmp_path / "moving").rename(spool / f"{number}-{name}.jsonl")
            wait_until(lambda load=load: load.answers > 200, what="load")
            time.sleep(rng.uniform(1.0, 3.0))
            server.process.kill()
            server.process.wait(10)
        possible.append(name)
        for path, bodies in load.bodies.items():
            for body in bodies:
                assert json.loads(body) in [right(each)[path][1] for each in possible], path
        assert set(load.statuses) == {200}
        assert "Traceback" not in server.logged()
        seen += load.statuses
    print(f"a server killed: seed {SEED}, answers {dict(seen)}")
