"""Series and pictures as files: their names, and what other programs read, as docs/files.md shows it."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.pages.browser import serving
from tests.support.answers import body
from tests.support.dataset import Dataset
from tests.support.events import event

DOCS = (Path(__file__).parents[1] / "docs" / "files.md").read_text(encoding="utf-8")
NOON = "2026-03-10 12:00:00 UTC"
FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1"]
HARMLESS = ["pip", "a=b", "'quoted'", 'say "x", twice', "\U0001f40d", "null", "NA", "3.10"]


@pytest.fixture(scope="module")
def client(loaded: Dataset) -> Iterator[TestClient[Any]]:
    with loaded.client() as client:
        yield client


@pytest.fixture(scope="module")
def loaded(make_dataset: Any) -> Dataset:
    dataset: Dataset = make_dataset()
    dataset.load(
        [event(NOON, installer=name) for name in FORMULAS + HARMLESS]
        + [event(NOON, python=python, country=country) for python, country in [("3.10.1", "NA"), (None, None)]]
    )
    return dataset


INSTALLERS = "/api/packages/numpy/installer"


def test_a_program_reads_exactly_what_was_counted(client: TestClient[Any]) -> None:
    rows = csv.DictReader(io.StringIO(client.get(f"{INSTALLERS}?format=csv").content.decode(), newline=""))

    counted = body(client.get(INSTALLERS))["data"]
    assert {row["category"] for row in counted} >= {*FORMULAS, *HARMLESS}
    assert [{**row, "downloads": int(row["downloads"])} for row in rows] == counted


def test_a_spreadsheet_computes_nothing(client: TestClient[Any]) -> None:
    content = client.get(f"{INSTALLERS}?format=spreadsheet").content

    assert content.startswith(b"\xef\xbb\xbfcategory,date,downloads\r\n")
    cells = [row["category"] for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))]
    assert not [cell for cell in cells if cell[0] in "=+-@\t\r\n"]
    assert set(cells) >= {*(f"'{name}" for name in FORMULAS), *HARMLESS}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("overall?format=csv", "numpy-overall.csv"),
        ("python_minor?format=spreadsheet", "numpy-python_minor.csv"),
        ("chart/system", "numpy-system.png"),
        ("chart/system?format=svg", "numpy-system.svg"),
        ("badge", "numpy-badge.svg"),
    ],
)
def test_a_file_has_a_name(client: TestClient[Any], path: str, name: str) -> None:
    answer = client.get(f"/api/packages/NumPy/{path}")

    assert answer.headers["content-disposition"] == f'inline; filename="{name}"'
    again = client.get(f"/api/packages/NumPy/{path}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.headers["content-disposition"]) == (304, answer.headers["content-disposition"])


@pytest.mark.parametrize("path", ["overall", "chart/system?format=json", "badge?format=shields", "recent"])
def test_json_is_no_file(client: TestClient[Any], path: str) -> None:
    assert "content-disposition" not in client.get(f"/api/packages/numpy/{path}").headers


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("dimension", ["python_minor", "country"])
def test_the_documented_example_reads_null_na_and_3_10(loaded: Dataset, library: str, dimension: str) -> None:
    pytest.importorskip(library)
    (code,) = re.findall(rf"```python\n([^`]*import {library} .*?)```", DOCS, re.DOTALL)
    with serving(loaded.app()) as base:
        names: dict[str, Any] = {}
        exec(code.replace("http://127.0.0.1:8000", base).replace("python_minor", dimension), names)
    frame = names["downloads"]

    read = dict(zip(frame["category"], frame["downloads"], strict=True))
    assert read.items() >= {"python_minor": {"3.10": 1, "null": 1}, "country": {"NA": 1, "null": 1}}[dimension].items()
    assert {str(day)[:10] for day in frame["date"]} == {"2026-03-10"}
    assert all(isinstance(category, str) for category in frame["category"])
