"""The statements of loading, files in load/, and how whoever writes runs them."""

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from clickhouse_connect.driver.client import Client

from app.warehouse.connection import Rows
from app.warehouse.errors import translated

Connect = Callable[[], Client]
"""Opens a client, for one thread; the engine's or the server's."""


def statement(name: str, raw: str = "") -> str:
    """A statement of load/, with the raw events in the place that it keeps for them."""
    return _file(name).replace("{{events}}", _file("events")).replace("{{raw_events}}", raw)


@cache
def _file(name: str) -> str:
    return (files("app.warehouse") / "load" / f"{name}.sql").read_text(encoding="utf-8")


def ask(client: Client, question: str, parameters: dict[str, Any] | None = None) -> Rows:
    with translated():
        return client.query(statement(question), parameters=parameters or {}).result_rows


def command(client: Client, sql: str, parameters: dict[str, Any], settings: dict[str, Any] | None = None) -> None:
    with translated():
        client.command(sql, parameters=parameters, settings=settings or {})
