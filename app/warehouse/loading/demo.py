"""Synthetic events for a first look. They go through ingest as any others do."""

from datetime import date, timedelta
from importlib.resources import files

from msgspec import structs

from app.warehouse.loading.files import RawEvents
from app.warehouse.loading.ingest import ingest_events
from app.warehouse.loading.journal import LoadedDay, loaded_days
from app.warehouse.loading.migrations import prepare
from app.warehouse.loading.progress import LOADING, WRITING, Progress, Report
from app.warehouse.loading.statements import Connect, statement
from app.warehouse.reading.tables import DEMO_SOURCE

DEMO_URL = "chdb://.data/demo"
DEMO_DAYS = 180


# Packages that did not exist at the start of the 180 days: name, downloads a day, age in days.
YOUNG = [("demo-newcomer", 180_000, 95), ("demo-rising-star", 45_000, 40), ("demo-first-week", 900, 6)]


def load_demo(connect: Connect, today: date, report: Report = lambda _: None, days: int = DEMO_DAYS) -> list[LoadedDay]:
    """Load what is missing of the days that ended yesterday; return the days that were loaded now."""
    last = today - timedelta(days=1)
    wanted = [last - timedelta(days=back) for back in reversed(range(days))]
    with connect() as client:
        prepare(client)
        there = set(loaded_days(client))
    missing = [day for day in wanted if day not in there]
    if not missing:
        return []
    # Young packages are young as seen from the end of the days that were loaded here first.
    seen_from = min(there, default=wanted[0]) + timedelta(days=days - 1)
    packages = demo_packages()
    parameters = {"packages": packages, "days": missing, "last": seen_from}
    step = f"making synthetic downloads of {len(packages)} packages on {len(missing)} day{'s'[: len(missing) > 1]}"

    def report_packages(progress: Progress) -> None:
        # Rows that are read here are packages, and all at once: they say nothing of how far it is.
        is_making = progress.step in {LOADING, WRITING}
        report(structs.replace(progress, step=step if is_making else progress.step, rows_read=0))

    return ingest_events(connect, RawEvents(statement("demo_events"), parameters), DEMO_SOURCE, report_packages)


def demo_packages() -> list[tuple[str, int, int]]:
    """Name, downloads a day, age in days (0 for old ones): well-known packages, from the most downloaded on.

    Their volumes are made up, but of the right order. The first has 3,000 times the last.
    """
    names = (files("app.warehouse.loading") / "demo_packages.txt").read_text(encoding="utf-8").split()
    head, tail = 60_000_000, 20_000
    step = (tail / head) ** (1 / (len(names) - 1))
    old = [(name, round(head * step**rank), 0) for rank, name in enumerate(names)]
    return old + YOUNG
