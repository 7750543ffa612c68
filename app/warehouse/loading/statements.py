"""The statements of loading, files in load/, and how whoever writes runs them."""

from collections.abc import Callable, Mapping
from typing import Any

from clickhouse_connect.driver.client import Client

from app.warehouse.engines.connection import Rows
from app.warehouse.engines.errors import translated
from app.warehouse.sql import read_sql

Connect = Callable[[], Client]
"""Opens a client, for one thread; the engine's or the server's."""


def is_embedded(client: Client) -> bool:
    """Whether a client is of an engine in this process, which reads the files of this machine."""
    return client.uri.startswith("chdb:")


def statement(name: str, raw: str = "", cluster: str = "") -> str:
    """A statement of load/, with the raw events in the place that it keeps for them, for one server or a cluster."""
    return (
        _file(name)
        .replace("{{events}}", _file("events"))
        .replace("{{raw_events}}", raw)
        .replace("{{has_lease}}", _file("has_lease"))
        .replace("{{processes}}", f"clusterAllReplicas({cluster}, system.processes)" if cluster else "system.processes")
        .replace("{{local}}", "_local" if cluster else "")
        .replace("{{on_cluster}}", f" ON CLUSTER {cluster}" if cluster else "")
    )


def _file(name: str) -> str:
    return read_sql(f"loading/sql/{name}.sql")


def ask(client: Client, question: str, parameters: Mapping[str, Any] | None = None, cluster: str = "") -> Rows:
    with translated():
        return client.query(statement(question, cluster=cluster), parameters=dict(parameters or {})).result_rows


def command(client: Client, sql: str, parameters: Mapping[str, Any], settings: Mapping[str, Any] | None = None) -> None:
    """Run a statement that returns no rows. Raises WarehouseError."""
    with translated():
        client.command(sql, parameters=dict(parameters), settings=dict(settings or {}))
