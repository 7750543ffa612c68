"""The published clients, unmodified, against a server that a user could have started."""

import atexit
import importlib
import io
import json
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pypistats
import pypistats.cli
import pytest
import tap_pypistats.tap
from pypistats import _cache

# pypistats's command tidies its user's cache when Python ends; a test must not.
atexit.unregister(_cache.clear)

Row = dict[str, Any]


@pytest.fixture(autouse=True)
def clients_ask_us(base_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the clients ask is a constant of theirs; pypistats keeps answers on disk."""
    monkeypatch.setattr(pypistats, "BASE_URL", f"{base_url}/api/")
    monkeypatch.setattr(_cache, "CACHE_DIR", tmp_path)
    monkeypatch.setattr(tap_pypistats.tap, "BASE_URL", f"{base_url}/api")


def row(category: str, date: str | None, downloads: int) -> Row:
    """A row as pypistats gives it; without a date where it has summed."""
    return {"category": category, **({"date": date} if date else {}), "downloads": downloads}


SYSTEM = [
    row("Darwin", "2026-03-10", 1),
    row("Linux", "2026-02-28", 1),
    row("Linux", "2026-03-10", 1),
    row("Windows", "2026-02-28", 1),
    row("null", "2026-03-10", 1),
    row("other", "2026-03-09", 1),
]
PYTHON_MINOR = [
    row("2.7", "2026-03-09", 1),
    row("3.12", "2026-02-28", 2),
    row("3.13", "2026-03-10", 1),
    row("3.9", "2026-03-10", 1),
    row("null", "2026-03-10", 1),
]
WITH_MIRRORS = [
    row("with_mirrors", "2026-02-28", 2),
    row("with_mirrors", "2026-03-09", 1),
    row("with_mirrors", "2026-03-10", 5),
]
WITHOUT_MIRRORS = [
    row("without_mirrors", "2026-02-28", 2),
    row("without_mirrors", "2026-03-09", 1),
    row("without_mirrors", "2026-03-10", 3),
]


@pytest.mark.parametrize(
    ("ask", "data"),
    [
        (lambda **k: pypistats.recent("numpy", **k), {"last_day": 3, "last_month": 6, "last_week": 4}),
        (lambda **k: pypistats.recent("numpy", "week", **k), {"last_week": 4}),
        (lambda **k: pypistats.overall("numpy", total="daily", **k), WITH_MIRRORS + WITHOUT_MIRRORS),
        (lambda **k: pypistats.overall("numpy", mirrors=False, total="daily", **k), WITHOUT_MIRRORS),
        (lambda **k: pypistats.overall("numpy", mirrors=True, total="daily", **k), WITH_MIRRORS),
        (lambda **k: pypistats.overall("NumPy", **k), [row("with_mirrors", None, 8), row("without_mirrors", None, 6)]),
        (
            lambda **k: pypistats.overall("numpy", mirrors=False, total="monthly", **k),
            [row("without_mirrors", "2026-02", 2), row("without_mirrors", "2026-03", 4)],
        ),
        (
            lambda **k: pypistats.overall(
                "numpy", mirrors=False, start_date="2026-03-01", end_date="2026-03-09", total="daily", **k
            ),
            WITHOUT_MIRRORS[1:2],
        ),
        (
            lambda **k: pypistats.python_major("numpy", **k),
            [row("2", None, 1), row("3", None, 4), row("null", None, 1)],
        ),
        (
            lambda **k: pypistats.python_major("numpy", version="3", total="monthly", **k),
            [row("3", "2026-02", 2), row("3", "2026-03", 2)],
        ),
        (lambda **k: pypistats.python_minor("numpy", total="daily", **k), PYTHON_MINOR),
        (lambda **k: pypistats.python_minor("numpy", version=3.9, total="daily", **k), PYTHON_MINOR[3:4]),
        (lambda **k: pypistats.system("numpy", total="daily", **k), SYSTEM),
        (lambda **k: pypistats.system("numpy", os="linux", total="daily", **k), SYSTEM[1:3]),
    ],
)
def test_pypistats(ask: Callable[..., str], data: Any) -> None:
    assert json.loads(ask(format="json"))["data"] == data


def test_pypistats_s_table() -> None:
    assert pypistats.system("numpy", color="no").splitlines() == [
        "┌──────────┬─────────┬───────────┐",
        "│ category │ percent │ downloads │",
        "├──────────┼─────────┼───────────┤",
        "│ Linux    │  33.33% │         2 │",
        "│ Darwin   │  16.67% │         1 │",
        "│ Windows  │  16.67% │         1 │",
        "│ null     │  16.67% │         1 │",
        "│ other    │  16.67% │         1 │",
        "│ Total    │         │         6 │",
        "└──────────┴─────────┴───────────┘",
        "",
        "Date range: 2026-02-28 - 2026-03-10",
    ]


def test_pypistats_s_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    importlib.reload(pypistats.cli)  # its parser is the module's, and good for one call
    monkeypatch.setattr(sys, "argv", ["pypistats", "recent", "numpy", "--format", "json"])
    pypistats.cli.main()
    assert json.loads(capsys.readouterr().out) == {
        "data": {"last_day": 3, "last_month": 6, "last_week": 4},
        "package": "numpy",
        "type": "recent_downloads",
    }


def test_pypistats_says_that_a_package_is_unknown() -> None:
    with pytest.raises(Exception, match="HTTP Error 404"):
        pypistats.recent("unheard-of")


RECORDS = {
    "python_minor": [{"package": "numpy", **r} for r in PYTHON_MINOR]
    + [{"package": "numpy-financial", **row("3.13", "2026-03-10", 1)}],
    "system": [{"package": "numpy", **r} for r in SYSTEM]
    + [{"package": "numpy-financial", **row("Linux", "2026-03-10", 1)}],
}


def _assert_messages(lines: str) -> None:
    """The tap's messages, whole: for each stream its schema, then records that the schema allows."""
    messages = [json.loads(line) for line in lines.splitlines()]
    streams = {m["stream"]: m["schema"] for m in messages if m["type"] == "SCHEMA"}
    records: dict[str, list[Row]] = {stream: [] for stream in streams}
    for message in messages:
        if message["type"] == "RECORD":
            jsonschema_rs.Draft7Validator(streams[message["stream"]], validate_formats=True).validate(message["record"])
            records[message["stream"]].append(message["record"])
    assert records == RECORDS


def test_tap_pypistats(base_url: str) -> None:
    stream = io.StringIO()
    tap_pypistats.tap.sync_packages(f"{base_url}/api", ["numpy", "numpy-financial"], stream=stream)
    _assert_messages(stream.getvalue())


def test_tap_pypistats_s_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"packages": ["numpy", "numpy-financial"]}))
    monkeypatch.setattr(sys, "argv", ["tap-pypistats", "--config", str(config)])
    tap_pypistats.tap.main()
    _assert_messages(capsys.readouterr().out)


OLD_CLIENT_S = {"data": WITHOUT_MIRRORS, "package": "numpy", "type": "overall_downloads"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/packages/numpy/overall?&mirrors=false",
        "/api/packages/numpy/overall?mirrors=false&x=1",
        "/api/packages/NumPy/overall?mirrors=FALSE",
        "/api/package/numpy/overall?mirrors=false",
        "/api/package/numpy/overall?&mirrors=false",
    ],
)
def test_what_clients_in_the_wild_send(base_url: str, path: str) -> None:
    with urllib.request.urlopen(base_url + path) as response:
        assert json.load(response) == OLD_CLIENT_S
