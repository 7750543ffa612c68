"""Statements for a server as multipart forms: the request line, which proxies limit to 8 KiB, has settings only.

The driver would put there the parameters of a command, and the formats of files that come with one.
"""

import secrets
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import msgspec
from clickhouse_connect.driver.binding import bind_query
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.summary import QuerySummary

MAX_FILES = 300
"""In one form: each takes three of the 1,000 fields that ClickHouse accepts (`http_max_fields`)."""


class FormFile(msgspec.Struct, frozen=True):
    """A file that comes with a statement, for which it is a table of this name. ClickHouse holds it in memory."""

    name: str
    format: str
    structure: str
    content: bytes


def post(
    client: Client,
    sql: str,
    parameters: Mapping[str, Any],
    settings: Mapping[str, Any],
    files: Sequence[FormFile] = (),
) -> QuerySummary:
    """Run a statement that returns no rows. It is sent once: the driver repeats no body that is a generator."""
    query, bound = bind_query(sql, dict(parameters))
    fields = [("query", query), *bound.items()]
    for file in files:
        fields += [(f"{file.name}_format", file.format), (f"{file.name}_structure", file.structure)]
    boundary = secrets.token_hex(16)
    return client.raw_insert(
        "",
        insert_block=_multipart(boundary, fields, files),
        settings=dict(settings),
        transport_settings={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )


def _multipart(
    boundary: str, fields: Sequence[tuple[str, Any]], files: Sequence[FormFile]
) -> Generator[bytes, None, None]:
    for name, value in fields:
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for file in files:
        disposition = f'form-data; name="{file.name}"; filename="{file.name}"'
        yield f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + file.content + b"\r\n"
    yield f"--{boundary}--\r\n".encode()
