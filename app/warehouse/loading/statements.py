"""The statements of loading (the files in sql/), and how a writer runs them."""

from collections.abc import Callable, Mapping
from typing import Any

from clickhouse_connect.driver.client import Client

from app.warehouse.engines.connection import Rows
from app.warehouse.engines.errors import ConnectionLostError, translated
from app.warehouse.loading.form import post
from app.warehouse.sql import read_sql

Connect = Callable[[], Client]
"""Opens a client, for one thread; the engine's or the server's."""


def is_embedded(client: Client) -> bool:
    """Whether a client is of an engine in this process, which reads the files of this machine."""
    return client.uri.startswith("chdb:")


def statement(name: str, raw: str = "", cluster: str = "") -> str:
    """A statement of load/, with its placeholders filled: the raw events, for one server or a cluster."""
    return (
        _file(name)
        .replace("{{events}}", _file("events"))
        .replace("{{raw_events}}", raw)
        .replace("{{loaded_days}}", _file("loaded_days"))
        .replace("{{has_lease}}", _file("has_lease"))
        .replace("{{processes}}", f"clusterAllReplicas({cluster}, system.processes)" if cluster else "system.processes")
        .replace("{{local}}", "_local" if cluster else "")
        .replace("{{on_cluster}}", f" ON CLUSTER {cluster}" if cluster else "")
    )


def _file(name: str) -> str:
    return read_sql(f"loading/sql/{name}.sql")


def ask(
    client: Client,
    question: str,
    parameters: Mapping[str, Any] | None = None,
    cluster: str = "",
    settings: dict[str, Any] | None = None,
) -> Rows:
    """The rows of a query. Raises WarehouseError."""
    with translated():
        sql = statement(question, cluster=cluster)
        result = client.query(sql, parameters=dict(parameters or {}), settings=settings)
    require_complete(client, result.summary, bool(result.result_rows))
    return result.result_rows


def require_complete(client: Client, summary: Mapping[str, Any], has_body: bool = False) -> None:
    """Raises ConnectionLostError for an answer whose headers did not all arrive: its status is 200, and it is empty.

    ClickHouse sends its summary as the last of the headers.
    """
    if not has_body and "read_rows" not in summary and not is_embedded(client):
        raise ConnectionLostError("ClickHouse's answer was not complete")


def command(
    client: Client, sql: str, parameters: Mapping[str, Any], settings: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Run a statement that returns no rows, and return ClickHouse's summary. Raises WarehouseError."""
    with translated():
        if not is_embedded(client):
            return post(client, sql, parameters, settings or {}).summary
        client.command(sql, parameters=dict(parameters), settings=dict(settings or {}))
        return {}
