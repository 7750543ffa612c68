"""From settings to engines: the one place that knows which kinds there are."""

import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import msgspec

from app.settings import Secret, SettingError, Settings
from app.warehouse.engines.connection import Engine
from app.warehouse.engines.embedded import EmbeddedEngine, embedded_folder
from app.warehouse.engines.errors import WarehouseError
from app.warehouse.engines.server import ServerEngine, server_address
from app.warehouse.sources.clickpy import is_clickpys

STORE_FOLDER = "store"

ASK_SECONDS = 5.0
"""How long a server may take to say which tables it has."""


class Place(msgspec.Struct, frozen=True):
    """A ClickHouse: its URL, user, password and database; `setting` is the variable of the URL."""

    setting: str
    url: str
    user: str
    password: Secret
    database: str


def clickhouse_place(settings: Settings) -> Place:
    """What CLICKHOUSE_URL names."""
    return Place(
        "CLICKHOUSE_URL",
        settings.clickhouse_url,
        settings.clickhouse_user,
        settings.clickhouse_password,
        settings.clickhouse_database,
    )


def store_place(settings: Settings) -> Place:
    """What STORE_URL names."""
    folder = Path(settings.data_dir).absolute() / STORE_FOLDER
    return Place(
        "STORE_URL",
        settings.store_url or f"chdb://{quote(str(folder))}",
        settings.store_user,
        settings.store_password,
        settings.store_database,
    )


class Places(msgspec.Struct, frozen=True):
    """The store, and the ClickHouse with ClickPy's tables that is its source, if there is one."""

    store: Place
    source: Place | None = None

    @property
    def title(self) -> str:
        """The name of the source in messages."""
        if self.source is None:
            return ""
        return (
            "the public server" if self.source.url == Settings().clickhouse_url else f"ClickHouse at {self.source.url}"
        )

    @property
    def dataset(self) -> str:
        """The origin of the downloads: `public` for ClickPy's, else `own`."""
        return "public" if self.source else "own"


def find_places(settings: Settings) -> Places:
    """What the settings name. A server at CLICKHOUSE_URL is asked for its tables, unless the settings say what it is.

    Raises SettingError for an unusable URL.
    """
    there, store = clickhouse_place(settings), store_place(settings)
    is_default = there.url == Settings().clickhouse_url
    if settings.sync_from == "bigquery":
        is_store = not (settings.store_url or is_default or _has_clickpys_tables(there))
        return Places(there if is_store else store)
    if settings.sync_from == "off" and (settings.store_url or is_default):
        return Places(store)
    if settings.store_url or is_default or settings.sync_from == "clickpy" or _has_clickpys_tables(there):
        return Places(store, there)
    return Places(there)


def _has_clickpys_tables(place: Place) -> bool:
    """Whether a server has ClickPy's tables; False if it does not answer soon: it may be a store that comes later."""
    if place.url.startswith("chdb:"):
        return False
    engine = open_engine(place)
    found: list[bool] = []

    def ask() -> None:
        with suppress(WarehouseError), engine.client() as client:
            found.append(is_clickpys(client))

    # A daemon thread: one that hangs delays neither the start nor the end of the process.
    asking = threading.Thread(target=ask, name="tables", daemon=True)
    asking.start()
    asking.join(ASK_SECONDS)
    return bool(found) and found[0]


def open_engine(place: Place) -> Engine:
    """The ClickHouse at a place. A server is not asked yet: it may come later.

    Raises SettingError for an unusable URL, WarehouseError for an embedded engine that cannot be opened.
    """
    match place.url.partition(":")[0]:
        case "chdb":
            return EmbeddedEngine(embedded_folder(place.url, place.setting), place.database)
        case "http" | "https":
            return ServerEngine(server_address(place.url, place.setting), place.user, place.password, place.database)
    raise SettingError(f"{place.setting} accepts http://host:port, https://host:port and chdb:///path/to/folder")
