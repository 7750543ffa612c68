"""Series that are encoded piece by piece are those that would be encoded at once."""

import asyncio
import csv
import io
from datetime import date, timedelta

import msgspec
import pytest

from app.api.encoding import PIECE_ROWS, series_as_csv, series_as_json
from app.api.series import Series as Body
from app.stats.questions import SeriesRow
from app.warehouse.reading.results import Series


def series_of(rows: int) -> Series:
    days = [date(2026, 1, 1) + timedelta(days=row % 300) for row in range(rows)]
    return Series([f'1.{row // 300}, "é"' for row in range(rows)], days, list(range(rows)))


@pytest.mark.parametrize("rows", [0, 1, PIECE_ROWS, PIECE_ROWS + 1, 3 * PIECE_ROWS + 7])
async def test_pieces_make_the_whole(rows: int) -> None:
    series = series_of(rows)
    whole = list(map(SeriesRow, *series))
    table = list(csv.reader(io.StringIO((await series_as_csv(series)).decode(), newline="")))

    assert await series_as_json(series, Body((), "numpy", "version_downloads")) == msgspec.json.encode(
        Body(whole, "numpy", "version_downloads")
    )
    assert table == [
        ["category", "date", "downloads"],
        *([row.category, str(row.date), str(row.downloads)] for row in whole),
    ]


async def test_others_have_their_turn_between_two_pieces() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(other())
    await series_as_csv(series_of(10 * PIECE_ROWS))
    task.cancel()

    assert turns >= 8
