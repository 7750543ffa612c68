"""A small ecosystem on the stub of GitHub and PyPI, and apps that have it in their index."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from litestar.testing import TestClient

from app.settings import Secret
from tests.discovery.stub import Stub, running_stub
from tests.support.dataset import NOON, Dataset

SECONDS = 20

SETTINGS: dict[str, Any] = {
    "github_token": Secret("ghp_of-the-tests"),
    "discovery_topics": "numpy",
    "discovery_official_repo": "numpy/numpy",
    "discovery_official_path": "packages",
}


@contextmanager
def running_ecosystem() -> Iterator[Stub]:
    """A stub of GitHub and PyPI that has the ecosystem."""
    with running_stub() as stub:
        add_ecosystem(stub)
        yield stub


def add_ecosystem(stub: Stub) -> None:
    """numpy, official; numpy-financial, which links to its repository; and a repository that is no package."""
    stub.add_repository(
        "numpy/numpy",
        topics=["numpy", "array"],
        stars=31000,
        forks=12000,
        open_issues=2200,
        license="BSD-3-Clause",
        readme="# NumPy\n",
        files={"CHANGELOG.md": "# 2.1.0\n", "packages/numpy/pyproject.toml": ""},
        pushed_at="2026-03-10T08:00:00Z",
    )
    stub.add_project(
        "NumPy",
        version="2.1.0",
        releases={"2.0.0": "2024-06-16T10:00:00", "2.0.1": "2024-07-21T10:00:00", "2.1.0": "2026-03-01T12:00:00"},
        yanked=["2.0.1"],
        summary="Fundamental package for array computing in Python",
        license_expression="BSD-3-Clause",
        requires_python=">=3.11",
        keywords="array,science",
        project_urls={"homepage": "https://numpy.org", "source": "https://github.com/numpy/numpy"},
    )
    stub.add_repository("numpy/numpy-financial", topics=["numpy", "finance"], stars=400, readme="# Financial\n")
    stub.add_project(
        "numpy-financial",
        version="1.0.0",
        releases={"1.0.0": "2026-02-20T12:00:00"},
        summary="Simple financial functions",
        license="BSD",
        requires_dist=["numpy>=1.15"],
        project_urls={"Homepage": "https://github.com/numpy/numpy-financial"},
    )
    stub.add_repository("somebody/notebooks", topics=["numpy"], stars=3)


def environment_of(stub: Stub) -> dict[str, str]:
    """The variables with which a server of its own has the ecosystem in its index."""
    settings = SETTINGS | {"github_token": "ghp_of-the-tests"} | urls_of(stub)
    return {name.upper(): value for name, value in settings.items()}


def urls_of(stub: Stub) -> dict[str, str]:
    """The settings that say where GitHub and PyPI are."""
    return {"github_api_url": stub.github_url, "pypi_api_url": stub.pypi_url}


def wait_for_index(client: httpx.Client) -> None:
    """Wait until the first index is built."""
    deadline = time.monotonic() + SECONDS
    while client.get("/api/packages").status_code != 200:
        assert time.monotonic() < deadline, client.get("/health?deep=1").text
        time.sleep(0.02)


@contextmanager
def indexed(dataset: Dataset, stub: Stub, **changes: Any) -> Iterator[TestClient[Any]]:
    """A client of an app that has built its index from the stub."""
    stub.clock = NOON.timestamp  # the clock of such apps
    with dataset.client(**SETTINGS | urls_of(stub) | changes) as client:
        wait_for_index(client)
        yield client
