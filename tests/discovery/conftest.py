"""The stub of GitHub and PyPI, a new one for each test."""

from collections.abc import Iterator

import pytest

from tests.discovery.stub import Stub, running_stub


@pytest.fixture
def stub() -> Iterator[Stub]:
    """GitHub and PyPI on loopback; no test may send a request to the stranger."""
    with running_stub() as stub:
        yield stub
    assert stub.asked("elsewhere") == []
