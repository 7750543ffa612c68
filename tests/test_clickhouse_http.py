"""The facade of tests/support/clickhouse_http.py answers as ClickHouse does, and as the engine in this process."""

import asyncio
import gzip
import http.client
import json
import re
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import clickhouse_connect
import httpx
import lz4.frame
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError, StreamFailureError

from tests.support.clickhouse_users import USERS
from tests.support.dataset import Dataset
from tests.support.facade import Facade

ALL_TYPES = """
SELECT
    toDate('2026-03-10') AS day, toDate32('1900-01-01') AS early, toDateTime('2026-03-10 01:02:03', 'UTC') AS second,
    toDateTime64('2026-03-10 01:02:03.456', 3, 'UTC') AS millisecond, toUInt8(255) AS u8, toUInt16(65535) AS u16,
    toUInt64(18446744073709551615) AS u64, toInt64(-9223372036854775808) AS i64, 0.1 AS f64, true AS b,
    'é\\0\\n\\'' AS text, toFixedString('ab', 3) AS fixed, CAST(NULL AS Nullable(String)) AS nothing,
    CAST('x' AS LowCardinality(String)) AS low, CAST(NULL AS LowCardinality(Nullable(String))) AS low_nothing,
    CAST('b' AS Enum8('a' = 1, 'b' = 2)) AS choice, [1, 2, 3] AS numbers, CAST([] AS Array(String)) AS empty,
    [(toDate('2026-03-10'), 'a', toUInt64(1))] AS tuples, map('k', toUInt64(5)) AS pairs,
    [CAST('a' AS LowCardinality(String)), 'b'] AS lows, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS id,
    toDecimal64(1.25, 2) AS decimal, CAST((1, 'x') AS Tuple(a UInt8, b String)) AS named
FROM numbers(3)
"""


def connect(facade: Facade, user: str = "admin", **options: Any) -> Client:
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=facade.port, username=user, password=USERS[user].password, **options
    )


async def connect_async(facade: Facade, user: str = "admin", **options: Any) -> AsyncClient:
    return await clickhouse_connect.get_async_client(
        host="127.0.0.1", port=facade.port, username=user, password=USERS[user].password, **options
    )


def ask(facade: Facade, sql: str = "", user: str = "admin", **options: Any) -> httpx.Response:
    """A request as curl would send it."""
    return httpx.post(facade.url, content=sql, auth=(user, USERS[user].password), **options)


@pytest.fixture
def client(facade: Facade) -> Iterator[Client]:
    """A synchronous client of the facade, and a table `t.x` for it."""
    with connect(facade) as client:
        client.command("CREATE DATABASE IF NOT EXISTS t")
        client.command("CREATE OR REPLACE TABLE t.x (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
        yield client


async def test_every_type_is_the_same_from_the_engine_and_over_http(facade: Facade, dataset: Dataset) -> None:
    with dataset.engine.client() as embedded, connect(facade) as over_http:
        expected = embedded.query(ALL_TYPES)
        answers = [over_http.query(ALL_TYPES)]
    client = await connect_async(facade)
    answers.append(await client.query(ALL_TYPES))
    await client.close()

    for answer in answers:
        assert answer.column_names == expected.column_names
        assert [kind.name for kind in answer.column_types] == [kind.name for kind in expected.column_types]
        assert answer.result_rows == expected.result_rows


def test_rows_of_every_type_can_be_inserted(facade: Facade, client: Client) -> None:
    client.command(f"CREATE OR REPLACE TABLE t.all ENGINE = MergeTree ORDER BY day AS {ALL_TYPES} LIMIT 0")
    rows = client.query(ALL_TYPES).result_rows
    summary = client.insert("all", rows, database="t")

    assert summary.written_rows == 3
    assert client.query("SELECT * FROM t.all").result_rows == rows


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "br", "gzip"])
async def test_every_compression_both_ways(facade: Facade, client: Client, compress: bool | str) -> None:
    rows = [[n, "x" * 100] for n in range(2000)]
    with connect(facade, compress=compress, database="t") as writer:
        facade.requests()
        writer.insert("x", rows, column_names=["n", "s"])
        (insert,) = [seen for seen in facade.requests() if "INSERT" in seen["sql"]]
        assert insert["encoding"] == (compress or "")
        assert writer.query("SELECT n, s FROM x ORDER BY n").result_rows == [tuple(row) for row in rows]
    reader = await connect_async(facade, compress=compress, database="t")
    assert (await reader.query("SELECT n, s FROM x ORDER BY n")).result_rows == [tuple(row) for row in rows]
    await reader.close()


def test_an_answer_is_compressed_as_it_is_accepted(facade: Facade) -> None:
    sql = "SELECT number FROM numbers(1000)"
    plain = ask(facade, sql, params={"enable_http_compression": "0"}, headers={"Accept-Encoding": "gzip"})
    packed = ask(facade, sql, headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content == "".join(f"{n}\n" for n in range(1000)).encode()


@pytest.mark.parametrize("count", [1, 500, 5000])
def test_parameters_in_the_url_and_in_a_form(facade: Facade, client: Client, count: int) -> None:
    names = [f"name-{n}-'é\\\t" for n in range(count)]
    rows = client.query(
        "SELECT {names:Array(String)} AS names, {day:Date} AS day, {n:UInt64} AS n",
        {"names": names, "day": "2026-03-10", "n": 7},
    ).result_rows

    assert [(list(names), day.isoformat(), n) for names, day, n in rows] == [(names, "2026-03-10", 7)]


@pytest.mark.parametrize(
    ("options", "text", "named"),
    [
        ({}, "1\n", "TabSeparated"),
        ({"params": {"default_format": "JSONEachRow"}}, '{"a":1}\n', "JSONEachRow"),
        ({"headers": {"X-ClickHouse-Format": "CSV"}}, "1\n", "CSV"),
    ],
)
def test_formats(facade: Facade, options: dict[str, Any], text: str, named: str) -> None:
    answer = ask(facade, "SELECT 1 AS a", **options)

    assert (answer.status_code, answer.text, answer.headers["x-clickhouse-format"]) == (200, text, named)
    assert ask(facade, "SELECT 1 AS a FORMAT TSVWithNames", **options).text == "a\n1\n"


def test_headers_of_an_answer(facade: Facade) -> None:
    answer = ask(facade, "SELECT count() FROM numbers(5)", params={"query_id": "mine"})

    assert answer.headers["x-clickhouse-query-id"] == "mine"
    assert answer.headers["x-clickhouse-server-display-name"]
    assert answer.headers["x-clickhouse-timezone"]
    assert json.loads(answer.headers["x-clickhouse-summary"])["read_rows"] == "5"


def test_the_query_in_the_url_the_body_or_both(facade: Facade) -> None:
    auth = ("admin", USERS["admin"].password)
    assert httpx.get(facade.url, params={"query": "SELECT 1"}, auth=auth).text == "1\n"
    assert ask(facade, "+ 2", params={"query": "SELECT 1"}).text == "3\n"
    assert ask(facade).headers["x-clickhouse-exception-code"] == "62"
    assert httpx.get(f"{facade.url}/ping").text == "Ok.\n"


def test_a_get_may_not_change_anything(facade: Facade, client: Client) -> None:
    answer = httpx.get(facade.url, params={"query": "DROP TABLE t.x"}, auth=("admin", USERS["admin"].password))

    assert answer.headers["x-clickhouse-exception-code"] == "164"
    assert client.query("EXISTS TABLE t.x").result_rows == [(1,)]


@pytest.mark.parametrize(
    ("sql", "database", "code", "status", "name"),
    [
        ("SELECT * FROM nope", "", 60, 404, "UNKNOWN_TABLE"),
        ("SELECT nope", "", 47, 404, "UNKNOWN_IDENTIFIER"),
        ("SELEC 1", "", 62, 400, "SYNTAX_ERROR"),
        ("SELECT 1", "nope", 81, 404, "UNKNOWN_DATABASE"),
        ("SELECT throwIf(1)", "", 395, 500, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
    ],
)
async def test_exceptions_with_their_codes(
    facade: Facade, sql: str, database: str, code: int, status: int, name: str
) -> None:
    answer = ask(facade, sql, params={"database": database} if database else {})

    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (status, str(code))
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert answer.text.count("DB::Exception") == 1
    assert f"({name})" in answer.text
    if not database:
        client = await connect_async(facade)
        with pytest.raises(DatabaseError) as error:
            await client.query(sql)
        await client.close()
        assert (error.value.code, error.value.name) == (code, name)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"auth": ("admin", USERS["admin"].password)}, None),
        ({"headers": {"X-ClickHouse-User": "admin", "X-ClickHouse-Key": USERS["admin"].password}}, None),
        ({"params": {"user": "admin", "password": USERS["admin"].password}}, None),
        ({"auth": ("demo", "")}, None),
        ({"auth": ("admin", "wrong")}, "516"),
        ({"headers": {"X-ClickHouse-User": "admin"}}, "516"),
        ({"auth": ("nobody", "")}, "516"),
        ({}, "516"),
    ],
)
def test_who_may_ask(facade: Facade, options: dict[str, Any], code: str | None) -> None:
    answer = httpx.post(facade.url, content="SELECT 1", **options)

    assert answer.headers.get("x-clickhouse-exception-code") == code
    assert answer.status_code == (403 if code else 200)


@pytest.mark.parametrize("user", ["demo", "api"])
@pytest.mark.parametrize(
    "sql", ["DROP TABLE t.x", "CREATE TABLE t.y (n UInt8) ENGINE = Memory", "INSERT INTO t.x VALUES (1, 'a')"]
)
def test_readers_may_not_write(facade: Facade, client: Client, user: str, sql: str) -> None:
    assert ask(facade, sql, user).headers["x-clickhouse-exception-code"] == "164"
    assert client.query("SELECT count() FROM t.x").result_rows == [(0,)]


@pytest.mark.parametrize(
    ("user", "params", "sql", "code"),
    [
        ("demo", {"max_threads": "1"}, "SELECT 1", "164"),
        ("demo", {"max_result_rows": "1000"}, "SELECT 1", None),  # what it is already
        ("demo", {}, "SELECT 1 SETTINGS max_threads = 1", "164"),
        ("demo", {}, "SET max_threads = 1", "164"),
        ("api", {"max_threads": "1"}, "SELECT 1", None),
        ("api", {"readonly": "0"}, "SELECT 1", "164"),
        ("admin", {"nonesuch": "1"}, "SELECT 1", "115"),
    ],
)
def test_who_may_change_which_settings(
    facade: Facade, user: str, params: dict[str, str], sql: str, code: str | None
) -> None:
    assert ask(facade, sql, user, params=params).headers.get("x-clickhouse-exception-code") == code


def test_settings_last_as_long_as_their_request_or_session(facade: Facade) -> None:
    shown = "SELECT getSetting('max_threads')"
    assert ask(facade, shown, params={"max_threads": "7"}).text == "7\n"
    assert ask(facade, "SET max_threads = 7").status_code == 200
    assert ask(facade, shown).text != "7\n"
    assert ask(facade, "SET max_threads = 7", params={"session_id": "mine"}).status_code == 200
    assert ask(facade, shown, params={"session_id": "mine"}).text == "7\n"
    assert (
        ask(facade, "SELECT currentDatabase()", params={"session_id": "mine", "database": "system"}).text == "system\n"
    )


@pytest.mark.parametrize("rows", [999, 1000, 1001, 5000])
def test_the_public_role_gets_cut_results_and_no_error(facade: Facade, rows: int) -> None:
    answer = ask(facade, f"SELECT number FROM numbers({rows})", "demo")

    assert answer.status_code == 200
    assert len(answer.text.splitlines()) == min(rows, 1000)
    assert ask(facade, f"SELECT count() FROM (SELECT number FROM numbers({rows}))", "demo").text == f"{rows}\n"
    assert ask(facade, f"SELECT length(groupArray(number)) FROM numbers({rows})", "demo").text == f"{rows}\n"


INSERTS: dict[str, Callable[[Client], bytes]] = {
    "CSV": lambda client: b'1,"a"\n2,"b"\n',
    "JSONEachRow": lambda client: b'{"n":1,"s":"a"}\n{"n":2,"s":"b"}\n',
    "Parquet": lambda client: client.raw_query(
        "SELECT * FROM VALUES('n UInt64, s String', (1, 'a'), (2, 'b'))", fmt="Parquet"
    ),
}


@pytest.mark.parametrize("encoding", ["", "gzip", "lz4"])
@pytest.mark.parametrize("kind", INSERTS)
def test_inserts_of_files_streamed_in_chunks(facade: Facade, client: Client, kind: str, encoding: str) -> None:
    data = {"": bytes, "gzip": gzip.compress, "lz4": lz4.frame.compress}[encoding](INSERTS[kind](client))
    for statement in (
        f"INSERT INTO t.x (n, s) FORMAT {kind}",
        f"INSERT INTO t.x (n, s) SETTINGS max_threads = 1 FORMAT {kind}",
        f"INSERT INTO t.x (n, s) SELECT n, s FROM input('n UInt64, s String') FORMAT {kind}",
    ):
        client.command("TRUNCATE TABLE t.x")
        answer = httpx.post(
            facade.url,
            params={"query": statement},
            content=(data[at : at + 7] for at in range(0, len(data), 7)),
            headers={"Content-Encoding": encoding} if encoding else {},
            auth=("ingest", USERS["ingest"].password),
        )
        assert answer.status_code == 200, answer.text
        assert client.query("SELECT n, s FROM t.x ORDER BY n").result_rows == [(1, "a"), (2, "b")]


def test_inserts_whose_data_follow_in_the_body(facade: Facade, client: Client) -> None:
    assert ask(facade, "INSERT INTO t.x VALUES (1, 'a')").status_code == 200
    assert ask(facade, "INSERT INTO t.x FORMAT CSV\n2,b\n").status_code == 200
    assert ask(facade, "INSERT INTO t.x SELECT number, 'c' FROM numbers(3, 1)").status_code == 200
    assert client.query("SELECT n, s FROM t.x ORDER BY n").result_rows == [(1, "a"), (2, "b"), (3, "c")]
    assert ask(facade, "INSERT INTO t.x FORMAT CSV\nnonsense\n").status_code == 400


async def test_queries_run_side_by_side(facade: Facade) -> None:
    client = await connect_async(facade)
    began = time.monotonic()
    answers = await asyncio.gather(*(client.query(f"SELECT {n}, sleep(1.5)") for n in range(10)))
    elapsed = time.monotonic() - began
    await client.close()

    assert [answer.result_rows[0][0] for answer in answers] == list(range(10))
    assert elapsed < 10  # one after the other they would take 15


def test_a_running_query_is_seen_and_killed_by_another_connection(facade: Facade, client: Client) -> None:
    failure = []

    def run() -> None:
        with connect(facade) as other, pytest.raises(DatabaseError) as error:
            other.query(
                "SELECT sleepEachRow(0.1) FROM numbers(300)",
                settings={"log_comment": "to be killed", "max_block_size": 1},
            )
        failure.append(error.value.code)

    thread = threading.Thread(target=run)
    thread.start()
    mine = "Settings['log_comment'] = 'to be killed'"
    while not client.query(f"SELECT 1 FROM system.processes WHERE {mine}").result_rows:
        assert thread.is_alive()
        time.sleep(0.02)
    client.command(f"KILL QUERY WHERE {mine} SYNC")
    thread.join()

    assert failure == [394]


@pytest.mark.parametrize(
    ("fault", "raised", "code"),
    [
        ({"kind": "refuse"}, OperationalError, None),
        ({"kind": "error", "code": 241}, DatabaseError, 241),
        ({"kind": "error", "code": 202, "status": 503}, OperationalError, 202),
        ({"kind": "error", "code": 0, "status": 502}, DatabaseError, None),
        ({"kind": "cut"}, StreamFailureError, None),
        ({"kind": "exception", "code": 241}, StreamFailureError, 241),
    ],
)
async def test_faults_as_a_client_sees_them(
    facade: Facade, fault: dict[str, Any], raised: type[Exception], code: int | None
) -> None:
    client = await connect_async(facade)
    sql = "SELECT number FROM numbers(10000)"
    with facade.broken(**fault), pytest.raises(raised) as error:
        await client.query(sql)
    assert getattr(error.value, "code", None) == code
    assert len((await client.query(sql)).result_rows) == 10000
    await client.close()


async def test_hanging_and_being_slow(facade: Facade) -> None:
    hurried, client = await connect_async(facade, send_receive_timeout=0.5), await connect_async(facade)
    with facade.broken("hang"), pytest.raises(OperationalError):
        await hurried.query("SELECT 1")
    await hurried.close()
    began = time.monotonic()
    with facade.broken("slow", seconds=0.3):
        assert (await client.query("SELECT 1")).result_rows == [(1,)]
    assert time.monotonic() - began > 0.3
    await client.close()


def fields(**values: str) -> dict[str, tuple[None, str]]:
    """The parts of a form, without file names."""
    return {name: (None, value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (fields(query="SELECT length({x:String})", param_x="x" * 131_072), None),
        (fields(query="SELECT length({x:String})", param_x="x" * 131_073), "Field value too long"),
        (fields(query="SELECT 1 -- " + "x" * 131_072), "Field value too long"),
        (fields(query="SELECT 1", **{"param_" + "x" * 4_090: "1"}), None),
        (fields(query="SELECT 1", **{"param_" + "x" * 4_091: "1"}), "Field name too long"),
        (fields(query="SELECT 1", **{f"param_{n}": "1" for n in range(999)}), None),
        (fields(query="SELECT 1", **{f"param_{n}": "1" for n in range(1_000)}), "Too many form fields"),
    ],
    ids=["value", "value+1", "query", "name", "name+1", "fields", "fields+1"],
)
def test_a_form_is_as_long_as_clickhouse_accepts_it(facade: Facade, parts: dict[str, Any], says: str | None) -> None:
    """src/Server/HTTP/HTMLForm.cpp; each limit is of a setting, http_max_field_value_size and so on."""
    answer = httpx.post(facade.url, files=parts, auth=("admin", USERS["admin"].password))

    assert (answer.status_code, answer.headers.get("x-clickhouse-exception-code")) == (
        (500, "1000") if says else (200, None)
    )
    if says:
        assert answer.text.startswith(
            f"Poco::Exception. Code: 1000, e.code() = 0, HTML Form Exception: {says} (version "
        )


def ask_by_url(facade: Facade, query: str) -> tuple[int, str | None, str]:
    """Status, code and text of the answer to a request with a long URL, which httpx would not send."""
    connection = http.client.HTTPConnection("127.0.0.1", facade.port)
    credentials = b64encode(f"admin:{USERS['admin'].password}".encode()).decode()
    connection.request("POST", f"/?{query}", "SELECT 1", {"Authorization": f"Basic {credentials}"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.getheader("x-clickhouse-exception-code"), text


@pytest.mark.parametrize(
    ("value", "code"),
    [("x" * 131_072, None), ("x" * 131_073, "1000"), ("%20" * 43_690, None), ("%20" * 43_691, "1000")],
    ids=["plain", "plain+1", "encoded", "encoded+1"],
)
def test_a_field_of_a_url_is_measured_before_it_is_decoded(facade: Facade, value: str, code: str | None) -> None:
    assert ask_by_url(facade, f"param_x={value}")[1] == code


def test_a_statement_in_the_body_is_no_field(facade: Facade) -> None:
    assert ask(facade, f"SELECT 1 -- {'x' * 200_000}").text == "1\n"


def test_a_request_line_is_as_long_as_clickhouse_or_a_proxy_accepts_it(facade: Facade) -> None:
    """src/Server/HTTP/HTTPServerRequest.cpp gives up before there is a query, so there is no code."""
    long = "&".join(f"param_{n}={'x' * 100_000}" for n in range(11))
    assert ask_by_url(facade, long[: (1 << 20) - 2])[0] == 200
    assert ask_by_url(facade, long[: (1 << 20) - 1]) == (400, None, "")

    line = len("POST /?param_x= HTTP/1.1\r\n")
    with facade.limited(request_line=8_192):
        assert ask_by_url(facade, f"param_x={'x' * (8_192 - line)}")[0] == 200
        assert ask_by_url(facade, f"param_x={'x' * (8_193 - line)}")[:2] == (414, None)
    assert ask_by_url(facade, f"param_x={'x' * 8_193}")[0] == 200


def test_a_quota_is_exceeded_as_clickhouse_says_it(facade: Facade) -> None:
    """src/Access/EnabledQuota.cpp; what reads system.one, as a query without tables does, is not counted."""
    counted, free = "SELECT count() FROM numbers(1)", ("SELECT version(), timezone()", "SELECT * FROM system.one")
    with facade.limited(user="demo", queries=2, seconds=3600):
        answers = [ask(facade, sql, "demo") for sql in (*free, counted, counted, counted, *free)]
        others = ask(facade, counted, "api")

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 500, 200, 200]
    assert answers[4].headers["x-clickhouse-exception-code"] == "201"
    said = re.fullmatch(
        r"Code: 201. DB::Exception: Quota for user `demo` for 3600s has been exceeded: queries = 3/2. "
        r"Interval will end at (\d{4}-\d\d-\d\d \d\d:00:00). Name of quota template: `demo`. \(QUOTA_EXCEEDED\) "
        r"\(version [\d.]+ \(official build\)\)\n",
        answers[4].text,
    )
    assert said
    assert others.status_code == 200
    assert ask(facade, counted, "demo").status_code == 200
