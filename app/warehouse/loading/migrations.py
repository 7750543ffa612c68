"""Our own tables: the numbered files of schema/, each applied once, in order.

A file may be applied again without harm, so two workers may migrate at once: whatever both apply is the same in the
end. On a cluster, what holds downloads is sharded by package, and `{name}_local` is the part on a shard; the
journals are whole on every node.
"""

import time
from functools import cache

import msgspec
from clickhouse_connect.driver.client import Client

from app.warehouse.engines.errors import QueryFailedError, WarehouseError, translated
from app.warehouse.loading.statements import ask, is_embedded
from app.warehouse.sources.clickpy import is_clickpys
from app.warehouse.sql import read_sql, sql_files

SCHEMA_TABLE = "schema_versions"
UNKNOWN_TABLE = 60
CANNOT_ASSIGN_ALTER = 517
"""Another node has altered the table at this moment."""
ALTER_TRIES = 10

NOT_OURS = "the database has ClickPy's tables, which are not ours to fill: see CLICKHOUSE_DATABASE"

REPLICATED_SHARD = "ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')"
REPLICATED_EVERYWHERE = "ReplicatedMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}')"
"""One path for the replicas of all shards. The parts in braces are macros of each node's configuration."""


class SchemaError(WarehouseError):
    """The tables are not those that this version works with; the message says what to do."""


class Schema(msgspec.Struct, frozen=True):
    """How the tables' schema compares with this version's: `current`, `older` or `newer`, and what to do."""

    state: str
    advice: str = ""


class Migration(msgspec.Struct, frozen=True):
    number: int
    name: str
    sql: str
    cluster_only: bool


@cache
def migrations() -> tuple[Migration, ...]:
    names = [(path, path.rpartition("/")[2].removesuffix(".sql")) for path in sql_files("loading/schema")]
    return tuple(
        Migration(int(name[:3]), name, read_sql(path), cluster_only=name.endswith(".cluster")) for path, name in names
    )


def rendered(migration: Migration, database: str, cluster: str = "") -> str:
    """A file's statement for one server, or for a cluster."""
    parts = {
        "local": "_local" if cluster else "",
        "on_cluster": f" ON CLUSTER {cluster}" if cluster else "",
        "sharded": REPLICATED_SHARD if cluster else "MergeTree",
        "everywhere": REPLICATED_EVERYWHERE if cluster else "MergeTree",
        "cluster": cluster,
        "database": database,
    }
    sql = migration.sql
    for name, text in parts.items():
        sql = sql.replace(f"{{{{{name}}}}}", text)
    return sql


def create_database(client: Client, database: str, cluster: str = "") -> None:
    """Create the database, on all nodes of a cluster. Both names are of settings, which hold them to identifiers."""
    with translated():
        client.command(f"CREATE DATABASE IF NOT EXISTS {database}{f' ON CLUSTER {cluster}' if cluster else ''}")


def migrate(client: Client, cluster: str = "") -> list[str]:
    """Apply the files of schema/ that have not been; return their names.

    Tables that were made before schemas had numbers are taken over as they are. Raises SchemaError where the tables
    are newer than this version, not of this cluster, or not ours.
    """
    if is_clickpys(client):
        raise SchemaError(NOT_OURS)
    _require_cluster(client, cluster)
    applied = _applied(client)
    if (schema := compared(max(applied, default=0))).state == "newer":
        raise SchemaError(schema.advice)
    missing = [migration for migration in migrations() if migration.number not in applied]
    for migration in missing:
        if cluster or not migration.cluster_only:
            _apply(client, rendered(migration, str(client.database), cluster))
    if missing:
        # At the end, all at once: if the migration stops before, the files are applied again, without harm.
        applied_now = [[migration.number, migration.name] for migration in missing]
        with translated():
            client.insert(SCHEMA_TABLE, applied_now, column_names=["number", "name"])
    return [migration.name for migration in missing]


def prepare(client: Client) -> None:
    """Before the first use: an embedded engine is migrated at once, a server's tables are its operator's to migrate.

    Raises SchemaError where they have not been.
    """
    if is_embedded(client):
        migrate(client)
    else:
        require_schema(client)


def _apply(client: Client, sql: str) -> None:
    for last in [False] * (ALTER_TRIES - 1) + [True]:
        try:
            with translated():
                client.command(sql)
        except QueryFailedError as error:
            if error.code != CANNOT_ASSIGN_ALTER or last:
                raise
            time.sleep(0.5)
        else:
            return


def _require_cluster(client: Client, cluster: str) -> None:
    _refuse_replicas(client, cluster)
    there = _clusters(client).get("downloads_daily", cluster)
    if there != cluster:
        of = f"of the cluster {there}" if there else "of a single server"
        raise SchemaError(f"the tables in {client.database} are {of}, and CLICKHOUSE_CLUSTER is {cluster!r}")


def _refuse_replicas(client: Client, cluster: str) -> None:
    """Raise SchemaError where several replicas stand behind one address, as those of a managed ClickHouse.

    What one request has written, the next may not see there, so a load could be published without its rows, and two
    writers could take one number. On a cluster of CLICKHOUSE_CLUSTER, both wait for the replicas.
    """
    engines = [] if cluster else ask(client, "replicas")
    if engines:
        raise SchemaError(
            f"{client.database} is kept by replicas behind one address (engine {engines[0][0]}), where a load could be "
            "published before each of them has its rows: use a single server, or a cluster with CLICKHOUSE_CLUSTER"
        )


def _applied(client: Client) -> list[int]:
    try:
        return [number for (number,) in ask(client, "schema_applied")]
    except QueryFailedError as error:
        if error.code != UNKNOWN_TABLE:
            raise
        return []


def require_schema(client: Client) -> None:
    """Raises SchemaError where the tables are older than this version, or newer, or not ours."""
    if is_clickpys(client):
        raise SchemaError(NOT_OURS)
    schema = compared(max(_applied(client), default=0))
    if schema.advice:
        raise SchemaError(schema.advice)
    _refuse_replicas(client, cluster_of(client))


def compared(applied: int) -> Schema:
    """What is to be said of tables to which the files up to this number have been applied."""
    newest = migrations()[-1].number
    if applied < newest:
        which = f"schema {applied} of {newest}"
        return Schema("older", f"the tables are older than this version ({which}): run `pypistats-server migrate`")
    if applied > newest:
        return Schema("newer", f"the tables are newer than this version (schema {applied}, not {newest}): update it")
    return Schema("current")


def cluster_of(client: Client) -> str:
    """The cluster whose shards have the tables; the empty string on a single server."""
    return "" if is_embedded(client) else _clusters(client).get("downloads_daily", "")


def _clusters(client: Client) -> dict[str, str]:
    return {str(name): str(cluster) for name, cluster in ask(client, "tables")}
