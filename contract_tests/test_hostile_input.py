"""What no contract describes: generated trailers on the socket, and generated categories in the data."""

import json
import os
import socket
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.raw_http import read_answers
from tests.support.scale import sized

pytestmark = pytest.mark.large

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", sized("10", "30")))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
CATEGORIES = 30
"""Of each load."""

generated = hypothesis.settings(
    derandomize=SEED == 1,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)

names = st.sampled_from([b"X", b"Host", b"Content-Length", b"Transfer-Encoding", b"X-Forwarded-For", b"X-Request-ID"])
values = st.one_of(st.binary(max_size=50), st.sampled_from([b"chunked", b"0", b"127.0.0.9", b"x" * 40_000]))
trailers = st.lists(st.tuples(st.one_of(names, st.binary(max_size=20)), values), max_size=150)
sizes = st.one_of(st.just(b"1"), st.sampled_from([b"0", b"-1", b"1;x=y", b"ffffffffffffffff", b"1 ", b"", b"0x1"]))
chunks = st.lists(st.tuples(sizes, st.just(b"a")), max_size=3)


@hypothesis.seed(SEED)
@hypothesis.settings(generated, max_examples=20 * EXAMPLES)
@hypothesis.given(chunks, trailers, st.booleans())
def test_trailers(
    base_url: str, chunks: list[tuple[bytes, bytes]], trailers: list[tuple[bytes, bytes]], ends: bool
) -> None:
    """The request is answered or refused, what follows it is no other answer's, and the server goes on."""
    body = b"".join(b"%b\r\n%b\r\n" % chunk for chunk in chunks) + b"0\r\n"
    body += b"".join(b"%b: %b\r\n" % trailer for trailer in trailers) + b"\r\n" * ends
    head = b"GET /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", urlsplit(base_url).port or 0), timeout=60) as connection:
        with suppress(ConnectionError):
            connection.sendall(head + body)
            connection.shutdown(socket.SHUT_WR)
        try:
            answers = read_answers(connection)
        except ConnectionError:
            answers = []

    assert {status for status, _, _ in answers} <= {200, 400, 404, 405, 408, 414, 431}
    assert len([status for status, _, _ in answers if status == 200]) <= 2
    for status, headers, content in answers:
        assert headers["x-request-id"] != "from-a-trailer" or status == 400
        assert json.loads(content)


texts = st.one_of(
    st.text(max_size=120),
    st.text("0123456789.", max_size=6_000),
    st.sampled_from(
        [
            *("=cmd|' /C calc'!A0", "<script>alert(1)</script>", "\x1b]0;title\x07", "a\u202eb", "\r\nSet-Cookie: a=b"),
            *(
                "1" * 5_000,
                "1!" + "1." * 3_000,
                "%00",
                "\\N",
                "NaN",
                "]]>",
                "{{7*7}}",
                "null",
                "\ufeff",
                "\ud7ff",
                "a\0b",
            ),
        ]
    ),
)


@hypothesis.seed(SEED)
@hypothesis.settings(generated, max_examples=max(1, EXAMPLES // 10))
@hypothesis.given(st.lists(texts, min_size=CATEGORIES, max_size=CATEGORIES))
def test_categories(dataset: Dataset, texts: list[str]) -> None:
    """Each is counted, and every form of its series is answered."""
    dataset.load(
        [
            event(
                version=text, installer=text, country=text, file_type=text, system=text, cpu=text, python="3.1" + text
            )
            for text in texts
        ]
        + [event()],
        replace=True,
    )
    with dataset.client() as client:
        for dimension in ("version", "installer", "country", "file_type", "system", "python_minor", "cpu"):
            series: Any = client.get(f"/api/packages/numpy/{dimension}")
            assert series.status_code == 200, series.text
            for path in (
                *(f"/api/packages/numpy/{dimension}?format={form}" for form in ("csv", "spreadsheet")),
                *(f"/api/packages/numpy/chart/{dimension}?format={form}" for form in ("json", "svg")),
            ):
                assert client.get(path).status_code == 200, path
            total = sum(row["downloads"] for row in series.json()["data"])
            assert 0 < total <= len(texts) + 1
        for path in ("/packages/numpy", "/api/packages/numpy/summary", "/api/packages/numpy/profile"):
            assert client.get(path).status_code == 200, path
