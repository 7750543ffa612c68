"""Parameters of queries to a server: each is a form field, and ClickHouse accepts 131,072 bytes in one of those
(`http_max_field_value_size`), and 1,000 fields (`http_max_fields`)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

FIELD_BYTES = 60_000
"""Of a list in one field. Escaped, it may be twice as long."""

PUNCTUATION = 4
"""Bytes around an element of a list: its quotes, a comma, a space."""


def split_lists(sql: str, parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The same query, where each list that is too long for a field is several parameters."""
    fields: dict[str, Any] = {}
    for name, value in parameters.items():
        parts = list(_parts(value)) if isinstance(value, list | tuple) else []
        if len(parts) < 2:  # noqa: PLR2004
            fields[name] = value
            continue
        numbered = {f"{name}_{number}": part for number, part in enumerate(parts)}
        joined = ", ".join(rf"{{{part}:\1}}" for part in numbered)
        sql = re.sub(rf"{{{name}:([^}}]+)}}", f"arrayConcat({joined})", sql)
        fields |= numbered
    return sql, fields


def _parts(values: Sequence[Any]) -> Iterator[list[Any]]:
    part: list[Any] = []
    size = 0
    for value in values:
        length = len(str(value).encode()) + PUNCTUATION
        if part and size + length > FIELD_BYTES:
            yield part
            part, size = [], 0
        part.append(value)
        size += length
    yield part
