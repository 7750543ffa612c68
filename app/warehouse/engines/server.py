"""A ClickHouse server, or any node of a cluster, over HTTP.

A user may be allowed to change settings or not (`readonly=1`, as the public data set's); only what it may is sent.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.httputil import check_env_proxy, default_pool_manager

from app.settings import Secret, SettingError
from app.warehouse.engines.background_loop import BackgroundLoop
from app.warehouse.engines.connection import (
    DEFAULT_READER_LIMITS,
    NO_SETTINGS,
    Columns,
    QuerySettings,
    ReaderLimits,
)
from app.warehouse.engines.errors import WarehouseError, WarehouseUnavailableError, translated
from app.warehouse.engines.parameters import split_lists

OLDEST_VERSION = (24, 8)
"""Of ClickHouse; `make compat` runs everything on it, and on newer ones."""

CONNECT_SECONDS = 5
FIRST_CONTACT_SECONDS = 3 * CONNECT_SECONDS
"""The driver asks three things first: the version, the settings, and whether protocol versions are understood."""
POOLED_CONNECTIONS = 32
PARSERS = 64
"""Threads that read responses. A response that does not end holds one until its query times out, and no other query may
wait for that. The driver uses the default executor of its event loop and accepts no other, so it runs on a loop of its
own: the default executor of the caller's loop has few more threads than there are cores, and others need them too."""

EVERYBODY = {"session_timezone": "UTC"}
"""A day is a UTC day, whatever zone the server is in."""
READERS = EVERYBODY | {
    # On a cluster a package lives on one shard, and only that is asked.
    "optimize_skip_unused_shards": 1,
    # A role's settings may end a read early and return a partial result (those of the public data set do).
    "read_overflow_mode": "throw",
}
"""What is sent with every query, and its limits."""


class ServerAddress(NamedTuple):
    """Where a server listens."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def server_address(url: str, setting: str = "CLICKHOUSE_URL") -> ServerAddress:
    """What an http:// or https:// URL names. Without a port it is ClickHouse's own, 8123 or 8443.

    Raises SettingError, which does not repeat the URL: there may be a password in it.
    """
    scheme = url.partition(":")[0]
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        more = "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment
    except ValueError:
        host, port, more = None, None, True
    if not host or more:
        prefix = setting.removesuffix("_URL")
        raise SettingError(
            f"{setting}: a server is {scheme}://host:port and no more; "
            f"{prefix}_USER, {prefix}_PASSWORD and {prefix}_DATABASE say the rest"
        )
    return ServerAddress(scheme, host, port or (8443 if scheme == "https" else 8123))


class ServerEngine:
    """A ClickHouse server. Nothing is asked of it before the first client or query."""

    def __init__(
        self,
        address: ServerAddress,
        user: str,
        password: Secret,
        database: str,
        oldest_version: tuple[int, int] = OLDEST_VERSION,
    ) -> None:
        self.address = address
        self.user = user
        self.database = database
        self._password = password
        self._oldest_version = oldest_version

    @property
    def where(self) -> str:
        return f"at {self.address}, user {self.user}"

    def _options(self, database: str | None) -> dict[str, Any]:
        return {
            "interface": self.address.scheme,
            "host": self.address.host,
            "port": self.address.port,
            "username": self.user,
            "password": self._password.reveal(),
            "database": database,
            "connect_timeout": CONNECT_SECONDS,
            "client_name": "pypistats-server",
            # A session serves one query at a time, and none of ours needs one.
            "autogenerate_session_id": False,
        }

    def client(self, database: str | None = "") -> Client:
        """A new client, for one thread. The caller closes it. Raises WarehouseError."""
        with translated():
            client = clickhouse_connect.get_client(
                **self._options(self.database if database == "" else database), **self._without_foreign_proxy()
            )
            self._require_version(client.server_version)
            _set_allowed(client, EVERYBODY)
        return client

    def _without_foreign_proxy(self) -> dict[str, Any]:
        """HTTPS_PROXY is for https://, HTTP_PROXY for http://. The driver's synchronous client would take either."""
        scheme, host, port = self.address
        return {} if check_env_proxy(scheme, host, port) else {"pool_mgr": default_pool_manager()}

    async def async_client(self, limits: ReaderLimits) -> AsyncClient:
        """A new client, for readers. The caller closes it. Raises WarehouseError."""
        with translated():
            client = await clickhouse_connect.get_async_client(
                **self._options(self.database),
                send_receive_timeout=limits.answer_seconds,
                connector_limit=POOLED_CONNECTIONS,
                connector_limit_per_host=POOLED_CONNECTIONS,
            )
            try:
                self._require_version(client.server_version)
            except WarehouseError:
                await client.close()
                raise
            own = {"max_execution_time": limits.query_seconds, "max_result_rows": limits.max_rows}
            _set_allowed(client, READERS | own)
        return client

    def reader(self, limits: ReaderLimits = DEFAULT_READER_LIMITS) -> "ServerReader":
        return ServerReader(self, limits)

    def close(self) -> None:
        """Nothing is held but by clients and readers."""

    def _require_version(self, version: str | None) -> None:
        """Raises WarehouseUnavailableError for a ClickHouse that is too old."""
        numbers = tuple(int(part) for part in str(version).split(".")[:2] if part.isdecimal())
        if numbers < self._oldest_version:
            oldest = ".".join(map(str, self._oldest_version))
            raise WarehouseUnavailableError(f"ClickHouse is version {version}: {oldest} or newer is needed")


class ServerReader:
    """Async queries on a server, through pooled connections. The first query connects; after a failure, the next.

    `limits` may be changed: a query uses the current ones, whatever its connection had before.
    """

    def __init__(self, server: ServerEngine, limits: ReaderLimits = DEFAULT_READER_LIMITS) -> None:
        self.limits = limits
        self._server = server
        self._client: AsyncClient | None = None
        self._loop: BackgroundLoop | None = None
        self._connecting: asyncio.Task[AsyncClient] | None = None

    async def _connected(self) -> AsyncClient:
        """The client. However many wait for the first connection, it is tried once at a time; and it goes on for the
        next, where no request waits for it any more: a slow server takes longer than the time limit."""
        if self._client is not None:
            return self._client
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
            # Retrieved, because perhaps no request waits for it any more.
            self._connecting.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> AsyncClient:
        # Everybody waits for this one: it may not hang for as long as a query may.
        async with asyncio.timeout(FIRST_CONTACT_SECONDS):
            self._client = await self._server.async_client(self.limits)
        return self._client

    async def query(self, sql: str, parameters: Mapping[str, Any], settings: QuerySettings = NO_SETTINGS) -> Columns:
        """What a query returns. Raises WarehouseError."""
        if self._loop is None:
            self._loop = BackgroundLoop(PARSERS, "clickhouse-reader")
        return await self._loop.run(self._query(sql, parameters, settings))

    async def _query(self, sql: str, parameters: Mapping[str, Any], settings: QuerySettings) -> Columns:
        try:
            async with asyncio.timeout(self.limits.answer_seconds):
                client = await self._connected()
                sql, fields = split_lists(sql, parameters)
                with translated():
                    found = await client.query(
                        sql, parameters=fields, settings=allowed_settings(client, settings), column_oriented=True
                    )
                    return found.result_set
        except TimeoutError:
            raise WarehouseUnavailableError("ClickHouse did not answer in time") from None
        except WarehouseError:
            raise
        except Exception as error:
            # Of bytes that no ClickHouse has sent, each decompressor makes an error of its own.
            raise WarehouseUnavailableError("ClickHouse's answer cannot be read") from error

    async def close(self) -> None:
        if self._loop is not None:
            await self._loop.run(self._close())
            await self._loop.close()

    async def _close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._client is not None:
            await self._client.close()


def _set_allowed(client: Client, settings: Mapping[str, Any]) -> None:
    """Send these settings with every query: those that the user may change, and never looser than its own."""
    for name, value in allowed_settings(client, settings).items():
        client.set_client_setting(name, _stricter(value, client.server_settings[name].value))


def allowed_settings(client: Client, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those that the server knows and the user may change: the driver refuses to send others."""
    known = client.server_settings
    return {name: value for name, value in settings.items() if name in known and not known[name].readonly}


def _stricter(ours: int | str, theirs: str) -> int | str:
    """Of two limits the lower one; 0 is no limit."""
    if isinstance(ours, int) and theirs.isdecimal() and 0 < int(theirs) < ours:
        return int(theirs)
    return ours
