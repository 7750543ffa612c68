"""The sums of a load: those over all packages, the copy by day, and whether all of them agree."""

from collections.abc import Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from app.warehouse.engines.errors import WarehouseError
from app.warehouse.engines.server import allowed_settings
from app.warehouse.loading.journal import LoadedDay, synced, versions
from app.warehouse.loading.load import Load
from app.warehouse.loading.running import keep_alive, run
from app.warehouse.loading.statements import ask, statement

SPILL_BYTES = 1_200_000_000
"""Memory that the GROUP BY of a load may take before ClickHouse goes on on disk."""

WRITE_SETTINGS = {
    "max_bytes_before_external_group_by": SPILL_BYTES,
    "max_bytes_ratio_before_external_group_by": 0,
}

CLUSTER_SETTINGS = {
    # An insert into all shards is over when they have its rows.
    "distributed_foreground_insert": 1,
    # Sums are made here, and sent to the shard of their package. Left alone, each shard would keep its own sums.
    "parallel_distributed_insert_select": 0,
}


def load_settings(load: Load) -> dict[str, Any]:
    """The settings of a load's statements."""
    return {"log_comment": load.comment} | (CLUSTER_SETTINGS if load.cluster else {})


def write_settings(client: Client, load: Load) -> dict[str, Any]:
    """The settings of a statement that writes rows. A version of ClickHouse that does not know one refuses it."""
    return allowed_settings(client, WRITE_SETTINGS) | load_settings(load)


def complete(client: Client, load: Load) -> bool:
    """Sum what a load has written over all packages, and copy it by day.

    Returns whether ClickHouse has said of each statement that it succeeded.
    """
    settings, whole = write_settings(client, load), True
    synced(client, load.cluster, "downloads_daily", timing=load.timing)
    for name in ("write_all", "write_overall"):
        whole &= run(client, load, statement(name), versions(load.number), settings)
    # What is published next must be readable from every replica.
    synced(client, load.cluster, "downloads_daily", "overall_daily", timing=load.timing)
    return whole


def checked(client: Client, load: Load, total: int, dimensions: Sequence[str]) -> list[LoadedDay]:
    """The days that a load has written, with these optional dimensions.

    Raises WarehouseError where their sums do not add up to the events.
    """
    own, alive = versions(load.number), load_settings(load) | keep_alive(client, load.timing)
    overall = {day: sums for day, *sums in ask(client, "written_overall", own, settings=alive)}
    days = []
    for day, with_mirrors, dropped, python, events, packages, rows, without_mirrors, agree in ask(
        client, "written", {**own, "dimensions": list(dimensions)}, settings=alive
    ):
        if not agree or overall.get(day, [0, 0]) != [with_mirrors, without_mirrors]:
            raise WarehouseError(f"the sums of {day} do not agree; nothing was published")
        days.append(LoadedDay(day, events, dropped, packages, rows, python))
    if not days:
        # What had been sent may have been removed by a writer that has taken the lease.
        raise WarehouseError("nothing was written of the input, and nothing was published")
    written = sum(day.events for day in days)
    if total and written != total:
        raise WarehouseError(f"{written:,} events were written of {total:,}; nothing was published")
    return days
