"""From CLICKHOUSE_URL to an engine: the one place that knows which kinds there are."""

from app.settings import SettingError, Settings
from app.warehouse.engines.connection import Engine
from app.warehouse.engines.embedded import EmbeddedEngine, embedded_folder
from app.warehouse.engines.server import ServerEngine, server_address


def open_engine(settings: Settings) -> Engine:
    """The ClickHouse that the settings name. A server is not asked yet: it may come later.

    Raises SettingError for an unusable URL, WarehouseError for an embedded engine that cannot be opened.
    """
    url = settings.clickhouse_url
    match url.partition(":")[0]:
        case "chdb":
            return EmbeddedEngine(embedded_folder(url), settings.clickhouse_database)
        case "http" | "https":
            return ServerEngine(
                server_address(url),
                settings.clickhouse_user,
                settings.clickhouse_password,
                settings.clickhouse_database,
            )
    raise SettingError("CLICKHOUSE_URL accepts http://host:port, https://host:port and chdb:///path/to/folder")
