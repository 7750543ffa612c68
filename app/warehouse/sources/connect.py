"""From settings to a source: the one place that knows which kinds there are."""

from collections.abc import Callable
from datetime import datetime

from app.settings import Settings
from app.warehouse.engines.connect import Places, open_engine
from app.warehouse.sources.bigquery import BigQuery
from app.warehouse.sources.clickpy import ClickPy


def open_source(settings: Settings, places: Places, now: Callable[[], datetime]) -> ClickPy | BigQuery | None:
    """The source that the settings name; None without one. It is not asked yet."""
    if settings.sync_from == "bigquery":
        return BigQuery(settings, now)
    return ClickPy(open_engine(places.source), places.title, now) if places.source else None
