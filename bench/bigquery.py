"""Measure how BigQuery's rows are read: their rate, and the memory of the process that reads them.

python -m bench.bigquery [--rows 10000000]

BigQuery is the emulator that `make emulator` installs. Each of its packages has one download, which is nine rows.
"""

import argparse
import resource
import tempfile
import time
from datetime import date
from pathlib import Path

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from app.settings import Settings
from app.warehouse.sources import bigquery_client
from app.warehouse.sources.bigquery import BigQuery
from app.windows import Window
from tests.support.bigquery import DATASET, PROJECT, running_emulator

ROWS_OF_A_PACKAGE = 9
DAY = date(2026, 3, 10)
MAKE_EVENTS = """
CREATE TABLE `{table}` AS
SELECT
  TIMESTAMP '2026-03-10 12:00:00 UTC' AS timestamp,
  'US' AS country_code,
  CONCAT('a-package-of-usual-length-', CAST(n AS STRING)) AS project,
  STRUCT('1.0.0' AS version, 'bdist_wheel' AS type) AS file,
  STRUCT(STRUCT('pip' AS name) AS installer, '3.13.1' AS python, STRUCT('Linux' AS name) AS system) AS details
FROM UNNEST(GENERATE_ARRAY(1, {packages})) AS n
"""


def peak_bytes() -> int:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """The command."""
    bigquery_client.REQUEST_SECONDS = bigquery_client.QUERY_SECONDS  # the emulator runs a query before it accepts it
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    packages = -(-parser.parse_args().rows // ROWS_OF_A_PACKAGE)
    table = f"{DATASET}.downloads"
    with tempfile.TemporaryDirectory() as folder, running_emulator(Path(folder, "log")) as url:
        with bigquery.Client(PROJECT, AnonymousCredentials(), client_options={"api_endpoint": url}) as client:
            client.create_dataset(DATASET)
            client.query(MAKE_EVENTS.format(table=table, packages=packages)).result()
        source = BigQuery(Settings(bigquery_project=PROJECT, bigquery_table=table, bigquery_api_endpoint=url))
        before, began, rows, largest = peak_bytes(), time.monotonic(), 0, 0
        for batch in source.counts(None, Window(DAY, DAY)):
            if not rows:
                print(f"first batch after {time.monotonic() - began:.1f} s")
                began = time.monotonic()
            rows += len(batch.packages)
            largest = max(largest, len(batch.packages))
        seconds = time.monotonic() - began
    print(f"{rows:,} rows in batches of up to {largest:,}: {seconds:.1f} s, {rows / seconds:,.0f} rows a second")
    print(f"peak memory {peak_bytes() / 2**20:.0f} MiB, {before / 2**20:.0f} MiB before the first row")


if __name__ == "__main__":
    main()
