"""Answers from memory: against the smallest ASGI app on uvicorn that sends the same bytes and headers; and what leads
there, cold bursts, a mix of questions, a start, and the memory that many answers take.
"""

import asyncio
import base64
import csv
import http.client
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import msgspec
import psutil

from app.cache.entry import CacheEntry
from app.cache.response import JSON, CachedResponse, ResponseContent
from app.cache.store import CacheStore
from app.main import create_app
from app.settings import Settings
from app.stats.questions import SeriesQuestion
from bench.load import SERVER_CORE, Clients, pin, request
from bench.processes import run
from bench.rollup import LAST_DAY, name_of
from bench.serving import PORT, get, listening, serving, started
from tests.discovery.stub import running_stub

CONNECTIONS = 16
SERIES = ("overall", "python_major", "python_minor", "system", "installer", "country", "file_type")
DASHBOARD = ("recent", "overall", "python_major", "python_minor", "system", "installer", "version")
"""The seven questions of a dashboard."""

TOP_PACKAGES = Path(__file__).parents[2] / "shared" / "data" / "top-packages.csv"
NOWHERE = "http://127.0.0.1:9"
SAMPLE_BYTES = 23_000
HEAD_BYTES = 350

# Days of python_minor, 12 rows each, that make an answer of this size.
DAYS_OF_23_KB = 31
DAYS_OF_80_KB = 107

Kind = tuple[str, int, dict[str, str]]
"""What a cached answer is called, the days that it covers, the headers that ask for it."""


def path_of(days: int, package: int = 1) -> str:
    """A question whose answer covers so many days."""
    first = LAST_DAY - timedelta(days=days - 1)
    return f"/api/packages/{name_of(package)}/python_minor?start_date={first}"


def hits(data: Path, folder: Path, seconds: float, rounds: int) -> Iterator[dict[str, Any]]:
    """Each kind of a cached answer: the ratio of requests a second, and of the 99th percentiles, bare app to server."""
    kinds: list[Kind] = [
        ("200, 23 KB", DAYS_OF_23_KB, {}),
        ("200, 80 KB", DAYS_OF_80_KB, {}),
        ("304", DAYS_OF_23_KB, {"if-none-match": "*"}),
        *[(f"{coding}, of 23 KB", DAYS_OF_23_KB, {"accept-encoding": coding}) for coding in ("gzip", "br", "zstd")],
    ]
    yield from _hits(data, folder, kinds, {}, seconds, rounds)
    settings = {"METRICS": "/metrics", "RATE_LIMIT": "1000000/second"}
    kinds = [("200, 23 KB, counted for /metrics and against a limit", DAYS_OF_23_KB, {})]
    yield from _hits(data, folder, kinds, settings, seconds, rounds)


def _hits(
    data: Path, folder: Path, kinds: list[Kind], settings: dict[str, str], seconds: float, rounds: int
) -> Iterator[dict[str, Any]]:
    with started(data, settings) as (port, server):
        pin(SERVER_CORE, server.pid)
        for name, days, headers in kinds:
            path = path_of(days)
            recorded = _record(port, path, headers, folder / "answer.json")
            with listening([sys.executable, "-m", "bench.bare", str(recorded), PORT]) as (bare_port, bare_app):
                pin(SERVER_CORE, bare_app.pid)
                found = [_compared(port, bare_port, path, headers, seconds) for _ in range(rounds)]
            yield {
                "name": name,
                "rate": median(ours["answers"] / ours["seconds"] for ours, _ in found),
                "bare_rate": median(bare["answers"] / bare["seconds"] for _, bare in found),
                "ratio": median(
                    (ours["answers"] / ours["seconds"]) / (bare["answers"] / bare["seconds"]) for ours, bare in found
                ),
                "p99_ratio": median(ours["p99"] / bare["p99"] for ours, bare in found),
                "bytes": found[0][0]["bytes"] / found[0][0]["answers"],
            }


def _compared(
    port: int, bare_port: int, path: str, headers: dict[str, str], seconds: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    ours, bare = (
        run("cached", port=port, path=path, headers=headers, connections=CONNECTIONS, seconds=seconds)
        for port in (port, bare_port)
    )
    return ours, bare


def _record(port: int, path: str, headers: dict[str, str], file: Path) -> Path:
    """Ask once, and write down what came, for the bare app to send."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"accept": "*/*", **headers})
    answer = connection.getresponse()
    body = answer.read()
    sent = [(name.lower(), value) for name, value in answer.getheaders() if name.lower() != "date"]
    file.write_text(json.dumps({"status": answer.status, "headers": sent, "body": base64.b64encode(body).decode()}))
    connection.close()
    return file


def bursts(data: Path, packages: list[int]) -> dict[str, list[float]]:
    """Seconds of a dashboard's questions, all at once, and of one of them alone, each for packages never asked for."""
    found: dict[str, list[float]] = {"burst": [], "one": []}
    with serving(data) as port, Clients(port, len(DASHBOARD)) as clients:
        for number, package in enumerate(packages):
            name, kinds = ("burst", DASHBOARD) if number % 2 else ("one", ["python_minor"])
            texts = [request(f"/api/packages/{name_of(package)}/{kind}") for kind in kinds]
            found[name].append(clients.load(texts)["seconds"])
    warm = len(packages) // 10
    return {name: seconds[warm:] for name, seconds in found.items()}


def mix(count: int, packages: int) -> Iterator[bytes]:
    """So many questions: packages as often as they are downloaded, each on any endpoint."""
    with TOP_PACKAGES.open(newline="") as file:
        weights = list(accumulate(int(row["downloads"]) for row in csv.DictReader(file)))[:packages]
    rng = random.Random(7)
    for package in rng.choices(range(len(weights)), cum_weights=weights, k=count):
        kind = rng.choice(("recent", "summary", "badge", *SERIES))
        yield request(f"/api/packages/{name_of(package)}/{kind}")


def mixture(data: Path, folder: Path, count: int, packages: int) -> dict[str, Any]:
    """The mix from the first question on, again, and the bare app with answers of the same mean size."""
    load = {"packages": packages, "connections": CONNECTIONS}
    with running_stub() as stub, started(data, {"WINDOW_DAYS": "30", "PYPI_API_URL": stub.pypi_url}) as (port, _):
        ours, again = (run("mixed", port=port, count=count, **load) for _ in range(2))
        recorded = _record(port, path_of(DAYS_OF_23_KB), {}, folder / "answer.json")
    _resize(recorded, int(ours["bytes"] / ours["answers"]) - HEAD_BYTES)
    with listening([sys.executable, "-m", "bench.bare", str(recorded), PORT]) as (port, _):
        bare = run("mixed", port=port, count=count, **load)
    cold, warm, most = (found["answers"] / found["seconds"] for found in (ours, again, bare))
    return {"ratio": cold / most, "warm_ratio": warm / most, "rate": cold}


def _resize(recorded: Path, size: int) -> None:
    """Give a recorded answer a body of another size."""
    answer = json.loads(recorded.read_text())
    headers = [(name, str(size) if name == "content-length" else value) for name, value in answer["headers"]]
    body = base64.b64encode(bytes(size)).decode()
    recorded.write_text(json.dumps({**answer, "headers": headers, "body": body}))


def starts(data: Path) -> dict[str, float]:
    """Seconds of `import app.main`, and from the command to the first answer."""
    code = "import time; t = time.perf_counter(); import app.main, sys; print(time.perf_counter() - t); "
    code += "assert not {'chdb', 'matplotlib'} & set(sys.modules)"
    found: dict[str, list[float]] = {"import": [], "start": []}
    for _ in range(3):
        printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        found["import"].append(float(printed))
        began = time.perf_counter()
        with serving(data) as port:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            get(connection, "/api/top?limit=1")
            found["start"].append(time.perf_counter() - began)
            connection.close()
    return {name: median(seconds) for name, seconds in found.items()}


def resident_after(counts: list[int]) -> list[int]:
    """The resident bytes of a process that keeps answers, after so many distinct ones of 23 KB: each was asked for in
    two ways, and compressed."""
    return asyncio.run(_resident_after(counts))


async def _resident_after(counts: list[int]) -> list[int]:
    most_bytes = Settings().cache_max_bytes
    store = CacheStore(most_bytes, max(counts))
    noise = random.Random(3).randbytes(SAMPLE_BYTES // 2).hex()
    found = [psutil.Process().memory_info().rss]
    for before, count in pairwise([0, *counts]):
        for number in range(before, count):
            question = SeriesQuestion(name_of(number), "python_minor")
            response = CachedResponse(ResponseContent(f"{number}{noise}".encode(), JSON))
            entry = store.put(CacheEntry((resident_after, question), response, time.monotonic()))
            for way in (b"", b"version="):
                store.remember((b"/api/packages/package-%06d/python_minor" % number, way, b"*/*"), entry)
            await entry.response.make_variant("gzip")
            store.weigh(entry)
        found.append(psutil.Process().memory_info().rss)
    return found


def queries_of_stampede(data: str, clients: int) -> int:
    """How many questions an app asks ClickHouse when so many ask it for one answer at the same moment."""
    return asyncio.run(_queries_of_stampede(data, clients))


async def _queries_of_stampede(data: str, clients: int) -> int:
    settings = msgspec.structs.replace(Settings(), clickhouse_url=f"chdb://{data}", pypi_api_url=NOWHERE)
    app = create_app(settings)
    async with app.lifespan():
        queries = app.state.services.answers.warehouse.counters
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
            answers = await asyncio.gather(*[client.get(f"/api/packages/{name_of(7)}/system") for _ in range(clients)])
    if {answer.status_code for answer in answers} != {200}:
        raise RuntimeError("not all were answered")
    return queries.ended["series"].count
