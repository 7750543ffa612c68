"""Categories are what strangers have sent: long ones are cut at the load, with a mark, and break no answer."""

from typing import Any

import pytest

from tests.support.answers import body
from tests.support.dataset import Dataset
from tests.support.events import event

DIGITS = "9" * 5_000


@pytest.mark.parametrize(
    ("dimension", "values", "kept"),
    [
        ("version", {"version": DIGITS}, "9" * 99 + "…"),
        ("version", {"version": "é" * 101}, "é" * 99 + "…"),
        ("version", {"version": "é" * 100}, "é" * 100),
        ("python_minor", {"python": "3." + DIGITS}, "3." + "9" * 97 + "…"),
        ("installer", {"installer": "x" * 70_000}, "x" * 99 + "…"),
        ("country", {"country": "x" * 101}, "X" * 99 + "…"),
        ("file_type", {"file_type": "x" * 101}, "x" * 99 + "…"),
    ],
)
def test_a_long_category(dataset: Dataset, dimension: str, values: dict[str, Any], kept: str) -> None:
    dataset.load([event(**values), event(**values), event()])
    is_cut = kept.endswith("…")

    # An installer's name begins its category of installer_version too.
    cut = [dimension, *(["installer_version"] if dimension == "installer" else [])] if is_cut else []

    assert dataset.notes == [f"cut to 100 characters: 1 category of {name}, with 2 downloads" for name in cut]
    with dataset.client() as client:
        path = f"/api/packages/numpy/{dimension}"
        rows = {row["category"]: row["downloads"] for row in body(client.get(path))["data"]}
        assert rows[kept] == 2
        for form in ("json", "svg"):
            assert client.get(f"/api/packages/numpy/chart/{dimension}?format={form}").status_code == 200
        filtered = client.get(path, params={"version" if dimension == "python_minor" else _parameter(dimension): kept})
        assert sum(row["downloads"] for row in body(filtered)["data"]) == 2


def _parameter(dimension: str) -> str:
    return {"file_type": "type"}.get(dimension, dimension)
