"""What is wrong with the input of a load: looked for before it, and again where ClickHouse has refused it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from clickhouse_connect.driver.client import Client

from app.warehouse.engines.errors import InputError, QueryFailedError, translated
from app.warehouse.loading.files import File, Received, Shape, raw_events, reason
from app.warehouse.loading.statements import ask, statement

OLDEST_DAY = date(2000, 1, 1)
"""A day before this one is a sign of a broken timestamp: PyPI is younger."""


class DayLoadedError(InputError):
    """A day of the input is published already, and replacing was not asked for."""


def require_usable(client: Client, file: File, shape: Shape) -> None:
    """Raises InputError for a file without an event that counts anywhere, or that cannot be read at all."""
    events = raw_events([(file, shape)])
    try:
        with translated():
            found = client.query(statement("usable", events.sql), parameters=events.parameters).result_rows
    except QueryFailedError as error:
        raise InputError(f"{file.name}: {reason(error)}") from None
    if not found:
        raise InputError(
            f"{file.name}: no usable row: each is empty, has no possible package name in column project, "
            "or a malformed version in column details.python"
        )


def row_count(client: Client, found: Sequence[tuple[File, Shape]]) -> int:
    """How many rows the input has, where that costs nothing to know: what was received is counted, and a Parquet file
    says so in its footer."""
    received = [file for file, _ in found if isinstance(file, Received)]
    if len(received) == len(found):
        return int(ask(client, "received_rows", {"load": received[0].load})[0][0])
    if any(file.format != "Parquet" or file.function != "file" for file, _ in found):
        return 0
    rows = 0
    for file, _ in found:
        with translated():
            rows += client.query(
                "SELECT count() FROM file({location:String}, 'Parquet')", parameters={"location": file.name}
            ).result_rows[0][0]
    return rows


def explain_refusal(
    client: Client, found: Sequence[tuple[File, Shape]], replace: bool, error: QueryFailedError
) -> InputError:
    """What it was in the input that stopped a load, by a look at one file after the other."""
    today = datetime.now(UTC).date()
    for file, shape in found:
        events = raw_events([(file, shape)])
        column = "timestamp" if "timestamp" in shape.structure else "date"
        parameters = {**events.parameters, "oldest": OLDEST_DAY, "replace": replace}
        try:
            with translated():
                ((unreadable, last, loaded),) = client.query(
                    statement("bad_days", events.sql), parameters=parameters
                ).result_rows
        except QueryFailedError as file_error:
            return InputError(f"{file.name}: {reason(file_error)}")
        if unreadable:
            return InputError(
                f"{file.name}: column {column} is empty, unreadable or before {OLDEST_DAY} in {unreadable:,} rows"
            )
        if last is not None and last > today:
            return InputError(f"{file.name}: column {column} has a date in the future, {last}; today is {today} (UTC)")
        if loaded:
            days = ", ".join(map(str, loaded))
            return DayLoadedError(f"{file.name}: already loaded: {days}; --replace loads the days of this call anew")
    return InputError(reason(error))
