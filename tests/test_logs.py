"""What an operator reads: one JSON line per event, or lines for people; every failed query by its name; no secret."""

import json
import logging
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.serving.logs import JSONFormatter, TextFormatter, chosen_format, configure, request_id
from app.settings import Secret, Settings
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.server import run, served

SECRET = "hush-hush-token"
LINE = re.compile(r"\{.*\}")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """These tests change what every other test would log through."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, [logging.getLogger(name).level for name in ("app", "uvicorn")]
    yield
    configure(Settings())
    root.handlers[:], root.level = before[:2]
    for name, level in zip(("app", "uvicorn"), before[2], strict=True):
        logging.getLogger(name).setLevel(level)


@contextmanager
def asked_as(name: str) -> Iterator[None]:
    token = request_id.set(name)
    yield
    request_id.reset(token)


def record(message: str, *values: object, **extra: Any) -> logging.LogRecord:
    return logging.getLogger("app.test").makeRecord(
        "app.test", logging.WARNING, __file__, 1, message, values, None, extra=extra
    )


def fail(error: Exception) -> None:
    raise error


def events(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines() if LINE.fullmatch(line)]


def test_a_line_for_machines() -> None:
    with asked_as("abc"):
        line = JSONFormatter().format(record("%s was\nloaded", "x.csv", days=3))
    entry = json.loads(line)

    assert "\n" not in line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
    assert entry == {
        "level": "warning",
        "logger": "app.test",
        "message": "x.csv was\nloaded",
        "days": 3,
        "request_id": "abc",
    }


def test_a_line_for_people() -> None:
    with asked_as("abc"):
        assert TextFormatter().format(record("loaded", days=3)) == "WARNING:  loaded  days=3  request_id=abc"


@pytest.mark.parametrize("text", ["a\nERROR: forged", "a\rb", "\x1b[2J", "\x9b2J", "\0"])
def test_nobody_forges_lines(text: str) -> None:
    """Neither a second line nor what a terminal would obey."""
    for formatter in (TextFormatter(), JSONFormatter()):
        line = formatter.format(record("%s is asked for", text))
        assert not re.search(r"[\x00-\x1f]", line)
    assert not re.search(r"[\x7f-\x9f]", TextFormatter().format(record("%s", text)))


def test_a_traceback_is_in_its_event() -> None:
    try:
        fail(ValueError("what went wrong"))
    except ValueError:
        failed = logging.getLogger("app.test").makeRecord(
            "app.test", logging.ERROR, __file__, 1, "it failed", (), sys.exc_info()
        )
    entry = json.loads(JSONFormatter().format(failed))

    assert entry["exception"].startswith("Traceback ")
    assert entry["exception"].endswith("ValueError: what went wrong")
    assert TextFormatter().format(failed).splitlines()[0] == "ERROR:    it failed"


@pytest.mark.parametrize(
    ("setting", "is_terminal", "form"),
    [("auto", True, "text"), ("auto", False, "json"), ("json", True, "json"), ("text", False, "text")],
)
def test_which_form(setting: str, is_terminal: bool, form: str, tmp_path: Path) -> None:
    ends = os.openpty() if is_terminal else (os.open(tmp_path / "log", os.O_CREAT | os.O_WRONLY),)
    with ExitStack() as stack:
        *_, stderr = [stack.enter_context(os.fdopen(end, "w")) for end in ends]
        stack.enter_context(redirect_stderr(stderr))

        assert chosen_format(Settings(log_format=setting)) == form


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_secret_is_masked_wherever_it_comes_from(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings(github_token=Secret(SECRET), clickhouse_password=Secret("pass-word"), log_format=form))
    try:
        fail(OSError(f"no answer from https://user:{SECRET}@host"))
    except OSError:
        logging.getLogger("app.test").exception("tried with pass-word", extra={"header": f"Bearer {SECRET}"})

    written = capsys.readouterr().err
    assert "no answer from https://user:…@host" in written
    assert "tried with …" in written
    assert "hush" not in written
    assert "pass-word" not in written


def test_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings(log_level="warning", log_format="text"))
    for name in ("app.test", "uvicorn.error", "a_library"):
        logging.getLogger(name).info("unheard")
        logging.getLogger(name).warning("heard from %s", name)

    assert capsys.readouterr().err.splitlines() == [
        "WARNING:  heard from app.test",
        "WARNING:  heard from uvicorn.error",
        "WARNING:  heard from a_library",
    ]


def test_a_failed_query_has_one_line_with_its_name(dataset: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    dataset.load([event()])
    with dataset.client() as client:
        client.get("/api/top")
        dataset.query("DROP TABLE downloads_daily SYNC")
        with caplog.at_level(logging.WARNING, logger="app.warehouse"):
            assert client.get("/api/packages/numpy/python_minor?version=3.13").status_code == 500
    (line,) = [line for line in caplog.records if line.name == "app.warehouse.reading.query_metrics"]

    assert line.query == "series"  # type: ignore[attr-defined]
    assert 0 <= line.seconds < 60  # type: ignore[attr-defined]
    shown = JSONFormatter().format(line)
    assert not any(part in shown for part in ("SELECT", "3.13", "numpy"))


def test_a_server_that_is_not_on_a_terminal(tmp_path: Path) -> None:
    """uvicorn's lines too: of all that is written to the log, every line is an event."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        settings = {
            "CLICKHOUSE_URL": f"http://127.0.0.1:{port}",
            "CLICKHOUSE_PASSWORD": "pass-word",
            "GITHUB_TOKEN": SECRET,
            "GITHUB_API_URL": f"http://127.0.0.1:{port}",
            "DISCOVERY_TOPICS": "flet",
        }
        with served(cwd=tmp_path, **settings) as base:
            assert httpx.get(f"{base}/api/packages/numpy/recent").status_code == 503
    log = (tmp_path / "serve.log").read_text()
    lines = events(log)

    assert len(lines) == len(log.splitlines())
    assert {line["logger"].split(".")[0] for line in lines} == {"app", "uvicorn"}
    start = next(line for line in lines if line["message"].startswith("serving from ClickHouse"))
    assert start["settings"]["GITHUB_TOKEN"] == start["settings"]["CLICKHOUSE_PASSWORD"] == "…"
    assert start["settings"]["CLICKHOUSE_URL"] == settings["CLICKHOUSE_URL"]
    assert any(line["message"].startswith("a query failed: ") and line["query"] == "tables" for line in lines)
    assert SECRET not in log
    assert "pass-word" not in log


def test_text_where_it_is_asked_for(tmp_path: Path) -> None:
    with served(cwd=tmp_path, CLICKHOUSE_URL="chdb://data", LOG_FORMAT="text") as base:
        assert httpx.get(f"{base}/health").status_code == 200
    lines = (tmp_path / "serve.log").read_text().splitlines()

    assert any(line.startswith("INFO:     serving from ClickHouse embedded in ") for line in lines)
    assert not [line for line in lines if LINE.fullmatch(line)]


@pytest.mark.parametrize(("variable", "value"), [("LOG_FORMAT", "xml"), ("LOG_LEVEL", "loud")])
def test_a_setting_that_is_none(tmp_path: Path, variable: str, value: str) -> None:
    result = run("serve", cwd=tmp_path, CLICKHOUSE_URL="chdb://data", **{variable: value})

    assert (result.returncode, f"{variable}={value!r} is not accepted" in result.stderr) == (1, True)
