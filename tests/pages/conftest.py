"""Fixtures of the pages' tests: ten weeks of downloads, a small ecosystem, and Chromium.

Downloads end on Tuesday, 2026-03-10. numpy has ten a day, and from 2026-03-04 on two of release 2.1.0 on top.
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.discovery.stub import Stub, running_stub
from tests.support.dataset import Dataset
from tests.support.ecosystem import add_ecosystem, indexed
from tests.support.events import event

NEWEST = date(2026, 3, 10)
DAYS = 70

README = """# NumPy

![logo](https://tracker.example/pixel.png) [![build](https://tracker.example/badge.svg)](https://ci.example)

The *fundamental* package. See [the guide](docs/guide.md).

<script>window.hacked = true</script>
<img src="x" onerror="window.hacked = true">
[click](javascript:window.hacked=true)
"""


def events() -> list[dict[str, Any]]:
    """The events of the data set."""
    found = []
    for back in range(DAYS):
        day = NEWEST - timedelta(days=back)
        noon = f"{day} 12:00:00 UTC"
        found += [event(noon, python="3.12.1")] * 6
        found += [event(noon, system="Windows", installer="uv")] * 4
        found += [event(noon, version="2.1.0", country="DE")] * 2 if back < 7 else []
        found += [event(noon, "pandas")] * 3
        found += [event(noon, "numpy-financial")] if back == 0 else []
    return found


def add_pages_ecosystem(stub: Stub) -> None:
    """The usual ecosystem, with a hostile README for numpy."""
    add_ecosystem(stub)
    (numpy,) = (found for found in stub.repositories.values() if found.full_name == "numpy/numpy")
    numpy.files["README.md"] = README


@pytest.fixture(scope="session")
def pages_data(make_dataset: Callable[[], Dataset]) -> Dataset:
    """The downloads, loaded."""
    dataset = make_dataset()
    dataset.load(events())
    return dataset


@pytest.fixture(scope="session")
def ecosystem() -> Iterator[Stub]:
    """GitHub and PyPI for all tests of pages."""
    with running_stub() as stub:
        add_pages_ecosystem(stub)
        yield stub


@pytest.fixture(scope="session")
def client(pages_data: Dataset, ecosystem: Stub) -> Iterator[TestClient[Any]]:
    """A client of an app with these downloads and an index."""
    with indexed(pages_data, ecosystem) as client:
        client.follow_redirects = False
        yield client


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium. Tests that need it are skipped if it is not installed."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return found
