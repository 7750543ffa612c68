"""Encodes series piece by piece: a package with thousands of releases has a million rows.

Encoding holds the interpreter, so the event loop handles other requests between two pieces.
"""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable
from functools import partial

import msgspec

from app.stats.questions import SeriesRow
from app.warehouse.reading.results import Series

PIECE_ROWS = 5_000


async def series_as_json(series: Series, body: msgspec.Struct) -> bytes:
    """The JSON of a body whose only array, which is empty, gets the rows of a series."""
    start, end = msgspec.json.encode(body).split(b"[]")
    rows = b",".join([piece async for piece in _pieces(series, lambda rows: msgspec.json.encode(rows)[1:-1])])
    return b"%b[%b]%b" % (start, rows, end)


async def series_as_csv(series: Series, written: Callable[[str], str] = str) -> bytes:
    """A series as CSV (RFC 4180): a header, then category (as it is to be written), date, downloads."""
    header = ",".join(SeriesRow.__struct_fields__).encode() + b"\r\n"
    return header + b"".join([piece async for piece in _pieces(series, partial(_csv, written))])


async def _pieces(series: Series, encode: Callable[[list[SeriesRow]], bytes]) -> AsyncIterator[bytes]:
    for first in range(0, len(series.downloads), PIECE_ROWS):
        if first:
            await asyncio.sleep(0)
        yield encode(list(map(SeriesRow, *(column[first : first + PIECE_ROWS] for column in series))))


def _csv(written: Callable[[str], str], rows: list[SeriesRow]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows((written(row.category), row.date, row.downloads) for row in rows)
    return text.getvalue().encode()
