"""What ClickHouse runs for a load: it runs a statement to its end, also when the connection that it came by has broken.

So a broken connection is followed up, and what a load leaves behind is ended before anything else is written.
"""

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from clickhouse_connect.driver.client import Client

from app.warehouse.engines.errors import ConnectionLostError, WarehouseUnavailableError
from app.warehouse.loading.load import DEFAULT_LOAD_TIMING, Load, LoadTiming
from app.warehouse.loading.statements import ask, command, is_embedded, require_complete, statement

ACCESS_DENIED = 497

logger = logging.getLogger(__name__)


def comment(database: str | None, load: int | None = None) -> str:
    """What the comment of a load's statements begins with, or of those of all loads into a database."""
    return f"pypistats-server load {database} " + ("" if load is None else f"{load}.")


def run(client: Client, load: Load, sql: str, parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Run a statement to its end. `settings` have the comment of its load.

    Returns False where the connection broke: the statement has ended since, or was never begun, and the caller has to
    look at what it did. Raises WarehouseError where ClickHouse says that it failed, ConnectionLostError where it cannot
    be reached for long.
    """
    try:
        require_complete(client, command(client, sql, parameters, {**settings, **keep_alive(client, load.timing)}))
    except ConnectionLostError as error:
        logger.warning("%s: the connection broke; waiting until the statement has ended", error)
        _wait_until_ended(client, load)
        logger.warning("the statement has ended; what it has written is checked")
        return False
    return True


def keep_alive(client: Client, timing: LoadTiming = DEFAULT_LOAD_TIMING) -> dict[str, Any]:
    """The settings with which ClickHouse sends headers while it runs a statement, as the driver's would too seldom."""
    if is_embedded(client):
        return {}
    return {
        "wait_end_of_query": 1,
        "send_progress_in_http_headers": 1,
        "http_headers_progress_interval_ms": int(timing.progress * 1000),
    }


def _wait_until_ended(client: Client, load: Load) -> None:
    """Return when nothing was seen to run twice in a row: a request may still be on its way."""
    seen_at, absent = time.monotonic(), 0
    while absent < 2:  # noqa: PLR2004
        time.sleep(load.timing.poll)
        try:
            absent = 0 if is_running(client, load.comment, load.cluster) else absent + 1
            seen_at = time.monotonic()
        except ConnectionLostError:
            if time.monotonic() - seen_at > load.timing.unreachable:
                raise


def is_running(client: Client, prefix: str, cluster: str) -> bool:
    """Whether a statement runs whose comment begins so, on any node."""
    ((statements,),) = ask(client, "running", {"comment": prefix}, cluster)
    return bool(statements)


def stop(client: Client, prefix: str, cluster: str, timing: LoadTiming) -> None:
    """End the statements whose comment begins so, and return when none is left.

    Raises WarehouseUnavailableError where some do not end.
    """
    give_up_at = time.monotonic() + timing.stop
    while is_running(client, prefix, cluster):
        if time.monotonic() > give_up_at:
            raise WarehouseUnavailableError("ClickHouse still runs what another load has begun, and cannot end it now")
        with suppress(ConnectionLostError):
            kill(client, prefix, cluster)
        time.sleep(timing.poll / 10)


def kill(client: Client, prefix: str, cluster: str) -> None:
    """Tell the statements whose comment begins so to end."""
    command(client, statement("stop", cluster=cluster), {"comment": prefix})
