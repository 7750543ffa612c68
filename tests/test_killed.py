"""Killed with SIGKILL at random moments: nobody sees a part of a day, and nothing needs repair.

The seed is printed; FAULTS_SEED sets another one.
"""

import json
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.events import event, write_jsonl
from tests.support.load import asked, wait_until
from tests.support.oracle import Oracle, published
from tests.support.scale import sized
from tests.support.server import run, started
from tests.support.zygote import Zygote, zygote

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


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with zygote(tmp_path_factory.mktemp("forks")) as forks:
        yield forks


def loaded(forks: Zygote, data: Path, *arguments: str) -> None:
    fork = forks.start("ingest", *arguments, data=data)
    assert fork.wait() == 0, fork.said()


def phase(said: str) -> str:
    """What a load was at when it was killed, by the last that it said."""
    steps = ["published", "checking", "summing", "writing", "loading", "making room", "looking"]
    lines = " ".join(line for line in said.replace("│", "published").splitlines())
    return next((step for step in steps if step in lines), "starting")


@pytest.mark.large
@pytest.mark.parametrize("kind", ["first load", "--replace"])
def test_a_load_killed_at_any_moment(forks: Zygote, files: dict[str, str], tmp_path: Path, kind: str) -> None:
    """Each is followed by a look, and the next by another input on what the one before has left."""
    rng = random.Random(f"{SEED} {kind}")
    data, replace = tmp_path / "data", ["--replace"] if kind == "--replace" else []
    before = "nothing"
    if replace:
        loaded(forks, data, files["first"])
        before = "first"
    began = time.monotonic()
    fork = forks.start("ingest", files["one"], data=tmp_path / "timed")
    wait_until(lambda: "making room" in fork.said(), what="the load")
    writes = time.monotonic()
    assert fork.wait() == 0, fork.said()
    whole, writing = time.monotonic() - began, time.monotonic() - writes

    phases: Counter[str] = Counter()
    for number in range(KILLS):
        name = rng.choice(["one", "other"])
        fork = forks.start("ingest", *replace, files[name], data=data)
        if number % 2:
            # Every other one while it writes, however long it takes to come to that.
            wait_until(lambda fork=fork: "making room" in fork.said(), what="the load")
        time.sleep(rng.uniform(0, writing if number % 2 else whole))
        fork.kill()
        status = fork.wait()
        phases[phase(fork.said()) if status else "done"] += 1
        after = state(forks.look(data))
        assert after in {before, name}
        assert status != 0 or after == name
        before = after
        if not replace and after != "nothing":
            shutil.rmtree(data)
            before = "nothing"
    print(f"{kind}: seed {SEED}, killed at: {dict(phases)}")

    loaded(forks, data, "--replace", files["other"])
    found = forks.look(data)
    assert state(found) == "other"
    undisturbed = forks.look(tmp_path / "timed")["facts"]
    assert found["facts"] == undisturbed == {"left": 0, "tables": undisturbed["tables"], "detached": 0}


def test_a_server_killed_under_load(files: dict[str, str], tmp_path: Path) -> None:
    """While it is asked by many and loads what was moved into its folder: the next one answers at once, and goes on.

    Nobody ever gets anything but the whole of one input or of the other.
    """
    rng = random.Random(SEED)
    at = {"CLICKHOUSE_URL": "chdb://data"}
    assert run("ingest", files["first"], cwd=tmp_path, **at).returncode == 0
    spool = tmp_path / "spool"
    paths = [path for path in right("first") if "__all__" not in path]
    possible, seen = ["first"], Counter[int]()
    for number in range(4):
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
