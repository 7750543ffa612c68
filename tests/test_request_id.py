"""Every request has an id: the client's own if it is valid; its response and its log lines carry it."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from app.serving.logs import JSONFormatter
from tests.support.dataset import Dataset
from tests.support.events import event

PATH = "/api/packages/numpy/recent"


@pytest.fixture(scope="module")
def client(client_of: Callable[..., TestClient[Any]]) -> TestClient[Any]:
    return client_of([event()])


@pytest.mark.parametrize(
    "request_id",
    ["a", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "Root=1-67891233-abcdef012345678912345678", "x" * 128, "a+b/c="],
)
def test_a_valid_one_is_kept(client: TestClient[Any], request_id: str) -> None:
    """By an answer that is worked out, one from memory, an error and one of an unknown path."""
    for path in (PATH, PATH, "/api/top?limit=0", "/nowhere"):
        assert client.get(path, headers={"X-Request-ID": request_id}).headers.get_list("x-request-id") == [request_id]


@pytest.mark.parametrize(
    "request_id", ["", " ", "a b", "x" * 129, "<script>", "a,b", "a;b", "a\tb", "naïve", "\x7f", '"a"']
)
def test_any_other_is_replaced(client: TestClient[Any], request_id: str) -> None:
    for _ in range(2):
        (given,) = client.get(PATH, headers={"X-Request-ID": request_id.encode()}).headers.get_list("x-request-id")
        assert given != request_id
        assert len(given) == 16


def test_no_two_are_alike(client: TestClient[Any]) -> None:
    ids = [client.get(path).headers["x-request-id"] for path in [PATH, "/nowhere", "/health"] * 10]

    assert len(set(ids)) == len(ids)


def test_log_lines_have_it(dataset: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    """Those of a failed query and of a failed request."""
    dataset.load([event()])
    lines: list[dict[str, Any]] = []

    class Noted(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JSONFormatter().format(record)))

    handler = Noted()
    logging.getLogger("app").addHandler(handler)
    try:
        with dataset.client() as client:
            client.get("/api/top")
            dataset.query("DROP TABLE downloads_daily SYNC")
            assert client.get(PATH, headers={"X-Request-ID": "the-one"}).status_code == 500
    finally:
        logging.getLogger("app").removeHandler(handler)

    assert [line["logger"] for line in lines if line.get("request_id") == "the-one"] == [
        "app.warehouse.reading.query_metrics",
        "app.api.errors",
    ]


def test_the_access_log(dataset: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    """One line for every request, from memory or not, where ACCESS_LOG asks for it; else none."""
    dataset.load([event()])
    asked = [
        (PATH, {"status": 200, "operation": "get_recent_downloads", "cached": "miss"}),
        (PATH, {"status": 200, "operation": "get_recent_downloads", "cached": "hit"}),
        ("/api/top?limit=0", {"status": 400, "operation": "get_top_packages", "cached": "miss"}),
        ("/nowhere", {"status": 404, "operation": "none", "cached": "miss"}),
    ]
    for access_log in (False, True):
        with caplog.at_level(logging.INFO, logger="app.access"), dataset.client(access_log=access_log) as client:
            for path, _ in asked:
                client.get(path, headers={"X-Request-ID": "mine"})
    lines = [json.loads(JSONFormatter().format(record)) for record in caplog.records if record.name == "app.access"]

    assert len(lines) == len(asked)
    for line, (path, facts) in zip(lines, asked, strict=True):
        assert line["message"] == f"GET {path}"
        assert line | facts == line
        assert (line["request_id"], line["client"]) == ("mine", "testclient")
        assert 0 <= line["seconds"] < 60
