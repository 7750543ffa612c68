"""The two borders of errors: the driver's become ours, and ours become problems that give nothing away."""

import ast
import inspect
import json
import logging
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver import exceptions as driver

from app.warehouse.engines.connection import ReaderLimits
from app.warehouse.engines.errors import (
    ConnectionLostError,
    QueryFailedError,
    WarehouseError,
    WarehouseUnavailableError,
    translate,
    translated,
)
from tests.support.answers import assert_problem, body
from tests.support.dataset import Dataset
from tests.support.events import event

pytestmark = pytest.mark.every_backend
APP = Path(__file__).parents[1] / "app"

# A decision for each class that the driver has. A class that is not here needs one.
DECISIONS: dict[str, type[WarehouseError] | None] = {
    "ClickHouseError": QueryFailedError,
    "Error": QueryFailedError,
    "DatabaseError": ConnectionLostError,
    "DataError": QueryFailedError,
    "IntegrityError": QueryFailedError,
    "InternalError": ConnectionLostError,
    "NotSupportedError": QueryFailedError,
    "ProgrammingError": QueryFailedError,
    "StreamClosedError": QueryFailedError,
    "InterfaceError": ConnectionLostError,
    "OperationalError": ConnectionLostError,
    "StreamFailureError": ConnectionLostError,
    "StreamCompleteException": None,  # the driver's own sign of the end of a stream
    "Warning": None,  # never raised
}
CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(driver, inspect.isclass)
    if issubclass(kind, BaseException) and kind.__module__ == driver.__name__
}


def test_there_is_a_decision_for_each_class_of_the_driver() -> None:
    assert set(CLASSES) == set(DECISIONS)


@pytest.mark.parametrize("name", [name for name, decision in DECISIONS.items() if decision])
def test_the_drivers_errors_become_ours_and_their_text_stays_behind(name: str) -> None:
    kind: Any = CLASSES[name]
    error = kind("SELECT hush") if kind is not driver.StreamClosedError else kind()
    with pytest.raises(WarehouseError) as ours, translated():
        raise error
    assert type(ours.value) is DECISIONS[name]
    assert ours.value.__cause__ is error
    assert "hush" not in str(ours.value)


@pytest.mark.parametrize("code", [159, 160, 202, 203, 209, 210, 236, 241, 279, 394, 425, 999])
def test_what_may_pass_is_unavailable(code: int) -> None:
    error = driver.DatabaseError("hush")
    error.code = code

    assert type(translate(error)) is WarehouseUnavailableError


@pytest.mark.parametrize("code", [47, 60, 62, 164, 497])
def test_what_does_not_pass_is_a_failure_with_its_code(code: int) -> None:
    error = driver.DatabaseError("hush")
    error.code = code

    ours = translate(error)

    assert isinstance(ours, QueryFailedError)
    assert (ours.code, "hush" in str(ours)) == (code, False)


def test_another_error_is_nobodys_to_translate() -> None:
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError


def test_problems_are_made_in_one_place() -> None:
    """Their media type and their members appear in no other module of the app."""
    makers = set()
    for path in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            keys = [ast.unparse(key) for key in node.keys if key] if isinstance(node, ast.Dict) else []
            is_media_type = isinstance(node, ast.Constant) and node.value == "application/problem+json"
            if is_media_type or {"'title'", "'detail'"} <= set(keys):
                makers.add(str(path.relative_to(APP)))

    assert makers == {"serving/problems.py"}


PATHS = [
    "/api/packages/numpy/recent",
    "/api/packages/numpy/overall",
    "/api/packages/numpy/summary",
    "/api/recent?package=numpy",
    "/api/top",
    "/api/search?q=n",
    "/api/packages/numpy/chart/system",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_query_that_fails_is_a_500_that_gives_nothing_away(
    dataset: Dataset, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    dataset.load([event()])
    with dataset.client() as client, caplog.at_level(logging.ERROR, logger="app"):
        for table in dataset.answering_tables:
            dataset.query(f"DROP TABLE {table} SYNC")
        answer = client.get(path)

    assert_problem(answer, 500, "Internal Server Error", "the server failed to answer; its log says why")
    assert "retry-after" not in answer.headers
    (record,) = [record for record in caplog.records if record.name == "app.api.errors"]
    assert record.exc_info
    assert "UNKNOWN_TABLE" in str(record.exc_info[1])


def network_error(cause: Exception) -> Exception:
    """The driver's error for a failure of the network, raised from what it comes from."""
    error = driver.OperationalError("Network Error: hush")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (driver.DatabaseError("hush", code=516), "see CLICKHOUSE_USER and CLICKHOUSE_PASSWORD"),
        (driver.DatabaseError("hush", code=81), "see CLICKHOUSE_DATABASE"),
        (driver.DatabaseError("hush: HTTP status 502"), "something else does at its address"),
        (network_error(ConnectionRefusedError("hush")), "the connection is refused"),
        (network_error(socket.gaierror("hush")), "its host's name is unknown"),
        (network_error(ssl.SSLCertVerificationError("hush")), "its certificate cannot be verified"),
        (network_error(ssl.SSLError("hush")), "no TLS"),
        (network_error(TimeoutError("hush")), "did not answer in time"),
        (network_error(OSError("hush")), "ClickHouse does not answer"),
    ],
)
def test_what_an_operator_can_mend_is_said_and_tried_again(error: Any, says: str) -> None:
    with pytest.raises(WarehouseUnavailableError, match=says) as ours, translated():
        raise error

    assert "hush" not in str(ours.value)


def test_the_next_request_after_a_failure_is_answered(dataset: Dataset) -> None:
    dataset.load([event()])
    with dataset.client() as client:
        dataset.query(f"RENAME TABLE {dataset.ranking_table} TO elsewhere")
        assert client.get("/api/top").status_code == 500
        dataset.query(f"RENAME TABLE elsewhere TO {dataset.ranking_table}")
        assert body(client.get("/api/top"))["data"] == [{"package": "numpy", "downloads": 1}]


def test_a_query_that_takes_too_long_is_a_503_to_be_tried_again(dataset: Dataset) -> None:
    dataset.load(event(project=name) for name in "abc")
    with dataset.client(reader_limits=ReaderLimits(query_seconds=1)) as client:
        dataset.query(f"RENAME TABLE {dataset.ranking_table} TO elsewhere")
        dataset.query(
            f"CREATE VIEW {dataset.ranking_table} AS "
            "SELECT date, project, category, version, downloads + sleepEachRow(0.5) AS downloads FROM elsewhere"
        )
        answer = client.get("/api/top")

    assert_problem(answer, 503, "Service Unavailable", "the statistics cannot be read at the moment")
    assert int(answer.headers["retry-after"]) > 0


def test_nothing_loaded_is_a_503_to_be_tried_again(dataset: Dataset) -> None:
    with dataset.client() as client:
        for path in PATHS:
            answer = client.get(path)

            assert_problem(answer, 503, "Service Unavailable", "no day of downloads has been loaded yet")
            assert int(answer.headers["retry-after"]) > 0
        assert client.get("/api/packages/a%20b/recent").status_code == 400


def test_no_problem_holds_what_is_inside(dataset: Dataset) -> None:
    dataset.load([event()])
    with dataset.client() as client:
        for table in dataset.answering_tables:
            dataset.query(f"DROP TABLE {table} SYNC")
        problems = [client.get(path) for path in (*PATHS[:4], "/nope", "/api/top?limit=x", "/api/packages/-/recent")]

    for answer in problems:
        text = json.dumps(answer.json()).lower()
        for inside in ("select", "clickhouse", "chdb", "code:", "exception", "traceback", "/app/", str(dataset.folder)):
            assert inside not in text
