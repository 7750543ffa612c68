"""Download events for the benchmark, as a folder of Parquet files that the engine makes: one file a day, 30 days.

Runs in a process of its own (see workers.py).
"""

from datetime import date, timedelta
from functools import cache
from pathlib import Path

from clickhouse_connect.driver.client import Client

FOLDER = Path(__file__).parent
REAL_VOLUMES = FOLDER.parents[1] / "shared" / "data" / "top-packages.csv"

FIRST_DAY = date(2026, 3, 1)
DAYS = 30
SLOTS = 1_000_000

ZIPF_VOLUMES = (
    "SELECT concat('package-', toString(number + 1)) AS project, 1e9 / (number + 1) AS downloads FROM numbers(15000)"
)


def distribution() -> str:
    """Where the packages' volumes come from, in words."""
    return (
        "the 15,000 most downloaded packages' own volumes" if REAL_VOLUMES.exists() else "15,000 packages by Zipf's law"
    )


@cache
def sql(name: str) -> str:
    """A statement of this folder."""
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def make_events(client: Client, folder: Path, events: int) -> None:
    """Write the events into a folder. The same number gives the same events."""
    volumes = f"SELECT * FROM file('{REAL_VOLUMES}', 'CSVWithNames')" if REAL_VOLUMES.exists() else ZIPF_VOLUMES
    client.command(sql("packages").replace("{{volumes}}", volumes), parameters={"slots": SLOTS})
    slots = client.query("SELECT count() FROM slots").result_rows[0][0]
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        client.command(
            sql("events"),
            parameters={
                "location": str(folder / f"{day}.parquet"),
                "day": day,
                "slots": slots,
                "events": events * (number + 1) // DAYS - events * number // DAYS,
            },
        )
    client.command("DROP TABLE slots")
