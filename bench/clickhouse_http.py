"""Cold answers from a ClickHouse server over HTTP, beside the same SQL through a bare AsyncClient; and whether they
take longer when the table is longer. The server is the facade of the tests: the engine, behind ClickHouse's interface.
"""

import asyncio
import http.client
import json
import random
import time
from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient

from app.settings import Secret
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.reading.tables import query_sql
from bench.processes import run
from bench.rollup import name_of, parameters_of
from bench.serving import get, started
from tests.support.clickhouse_users import USERS
from tests.support.facade import Facade, running_facade

WARM_UP = 20
SAMPLE = 60
READER = "api"


def measure(folder: Path, rows: int) -> dict[str, Any]:
    """Seconds of every answer of either side, from a table of so many rows.

    Both are asked for the same packages, one after the other, and take turns at being first.
    """
    data = folder / f"http-{rows}"
    made = run("rollup", data=str(data), rows=rows)
    packages = random.Random(3).sample(range(made["packages"]), min(made["packages"], WARM_UP + SAMPLE))
    with running_facade(data) as facade, started(data, _reader_of(facade)) as (port, _):
        return {"rows": made["rows"], **asyncio.run(_ask(facade, port, packages))}


def _reader_of(facade: Facade) -> dict[str, str]:
    return {
        "CLICKHOUSE_URL": facade.url,
        "CLICKHOUSE_USER": READER,
        "CLICKHOUSE_PASSWORD": USERS[READER].password,
    }


async def _ask(facade: Facade, port: int, packages: list[int]) -> dict[str, list[float]]:
    server = ServerEngine(server_address(facade.url), READER, Secret(USERS[READER].password), "pypi")
    with server.client() as client:
        parameters = {package: parameters_of(client, package) for package in packages}
    bare = await clickhouse_connect.get_async_client(
        host="127.0.0.1", port=facade.port, username=READER, password=USERS[READER].password, database="pypi"
    )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    found: dict[str, list[float]] = {"http": [], "bare": []}
    for number, package in enumerate(packages):
        for side in ("http", "bare") if number % 2 == 0 else ("bare", "http"):
            if side == "http":
                seconds = await asyncio.to_thread(_answer, connection, package)
            else:
                seconds = await _query(bare, parameters[package])
            if number >= WARM_UP:
                found[side].append(seconds)
    connection.close()
    await bare.close()
    return found


def _answer(connection: http.client.HTTPConnection, package: int) -> float:
    seconds, body = get(connection, f"/api/packages/{name_of(package)}/python_minor")
    if not json.loads(body)["data"]:
        raise RuntimeError(f"{name_of(package)}: no data")
    return seconds


async def _query(client: AsyncClient, parameters: dict[str, Any]) -> float:
    started = time.perf_counter()
    rows = (await client.query(query_sql("series", rows="counted"), parameters=parameters)).result_rows
    seconds = time.perf_counter() - started
    if not rows:
        raise RuntimeError(f"{parameters['project']}: no rows")
    return seconds
