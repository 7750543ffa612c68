"""GitHub and PyPI gone or hostile: whatever they do, statistics are what they are without them."""

import gzip
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.discovery.stub import Source, Stub
from tests.support.ecosystem import SETTINGS, running_ecosystem, urls_of
from tests.support.events import event
from tests.support.fixtures import Dataset

FOREVER = 10_000
SOURCES: list[Source] = ["github", "pypi"]
DEEP = b"[" * 100_000
BOMB = gzip.compress(bytes(200_000_000), 1)


def each(act: Callable[[Stub, Source], None]) -> Callable[[Stub], None]:
    def both(stub: Stub) -> None:
        for source in SOURCES:
            act(stub, source)

    return both


def says(body: bytes, status: int = 200, **headers: str) -> Callable[[Stub], None]:
    def act(stub: Stub, source: Source) -> None:
        named = {"Content-Type": "application/json"} | {key.replace("_", "-"): value for key, value in headers.items()}
        stub.fail_next(source, status=status, times=FOREVER, body=body, headers=named)

    return each(act)


HOSTILE: dict[str, Callable[[Stub], None]] = {
    "gone": each(lambda stub, source: stub.unplug(source)),
    "silent": each(lambda stub, source: stub.slow_next(source, 600, times=FOREVER)),
    "500": says(b"{}", 500),
    "503 for a year": says(b"", 503, Retry_After="31536000"),
    "429 until never": says(b"{}", 429, Retry_After="x" * 1000, X_RateLimit_Reset="-1", X_RateLimit_Remaining="many"),
    "a status of nobody": says(b"{}", 299),
    "nothing": says(b""),
    "noise": says(bytes(range(256)) * 10),
    "HTML": says(b"<html>Sign in to this network</html>", Content_Type="text/html"),
    "null": says(b"null"),
    "a number": says(b"1e999"),
    "a list": says(b"[[], {}, null]"),
    "wrong types": says(b'{"items": 5, "info": [], "releases": "x", "names": {}, "total_count": {}, "urls": 1}'),
    "wrong types inside": says(
        b'{"items": [{"name": 5, "full_name": null, "topics": 1}], "info": {"name": [], "keywords": 1}}'
    ),
    "deeply nested": says(DEEP),
    "lone surrogates": says(
        b'{"items": [{"full_name": "\\ud800/\\udfff"}], "info": {"name": "\\ud800", "summary": "\\ud800"}}'
    ),
    "cut": each(lambda stub, source: stub.cut_next(source, times=FOREVER)),
    "a huge body": each(lambda stub, source: stub.drip_next(source, b" " * 1_000_000, times=FOREVER)),
    "a dripping body": each(lambda stub, source: stub.drip_next(source, b" ", 0.05, times=FOREVER)),
    "a compressed bomb": says(BOMB, Content_Encoding="gzip"),
    "wrongly compressed": says(b"no gzip", Content_Encoding="gzip"),
    "a huge header": says(b"{}", X_Header="x" * 100_000),
    "a redirect to itself": each(lambda stub, source: stub.redirect_next(source, "", status=301, times=FOREVER)),
    "redirects in a circle": each(
        lambda stub, source: stub.redirect_next(
            source, f"{stub.github_url if source == 'github' else stub.pypi_url}/round", times=FOREVER
        )
    ),
    "redirects to a stranger": each(
        lambda stub, source: stub.redirect_next(source, f"{stub.elsewhere_url}/take", times=FOREVER)
    ),
    "redirects to no URL": each(lambda stub, source: stub.redirect_next(source, "http://[::1", times=FOREVER)),
}

EVENTS = [
    event("2026-03-09 12:00:00 UTC", python="2.7.18"),
    event("2026-03-10 12:00:00 UTC", installer="uv", system=None),
    event("2026-03-10 12:00:00 UTC", installer="bandersnatch"),
    event("2026-03-10 12:00:00 UTC", "numpy-financial"),
]
SERIES = ["overall", "python_major", "python_minor", "system", "installer", "version", "country", "file_type"]
STATISTICS = [
    *[f"/api/packages/{package}/{end}" for package in ("numpy", "numpy-financial") for end in ["recent", *SERIES]],
    "/api/packages/numpy/summary",
    "/api/packages/unknown/recent",
    "/api/recent?package=numpy&package=unknown",
    "/api/top",
    "/api/search?q=n",
    "/health",
]


@pytest.fixture(scope="module")
def dataset_of_some(make_dataset: Callable[[], Dataset]) -> Dataset:
    dataset = make_dataset()
    dataset.load(EVENTS)
    return dataset


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running_ecosystem() as stub:
        yield stub


def statistics(client: TestClient[Any]) -> dict[str, tuple[int, bytes]]:
    return {path: ((answer := client.get(path)).status_code, answer.content) for path in STATISTICS}


@pytest.fixture(scope="module")
def alone(dataset_of_some: Dataset) -> dict[str, tuple[int, bytes]]:
    """The responses of a server that sends no requests."""
    with dataset_of_some.client() as client:
        return statistics(client)


@pytest.mark.parametrize("fault", HOSTILE)
def test_statistics_are_untouched(
    dataset_of_some: Dataset, stub: Stub, alone: dict[str, tuple[int, bytes]], tmp_path: Any, fault: str
) -> None:
    """Twice over, while discovery fails in the background; and what is only discovery's says so."""
    HOSTILE[fault](stub)
    changes = SETTINGS | urls_of(stub) | {"local_index_cache_dir": str(tmp_path)}
    with dataset_of_some.client(**changes) as client:
        for _ in range(2):
            assert statistics(client) == alone
        listed = client.get("/api/packages")
        assert (listed.status_code, listed.headers["retry-after"].isdecimal()) == (503, True)
        package = client.get("/api/packages/numpy")
        assert package.status_code in {200, 503}
        if package.status_code == 200:
            assert {"pypi", "github"} & set(package.json()["unavailable"])
        assert client.get("/health?deep=1").status_code == 200
    assert stub.asked("elsewhere") == []
