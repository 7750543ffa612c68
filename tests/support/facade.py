"""A facade of ClickHouse in a process of its own, for as long as a block lasts."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.server import REPOSITORY, environment


class Facade:
    """A ClickHouse server for tests. Its users are those of tests/support/clickhouse_engine.py."""

    def __init__(self, port: int, control_port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._control = f"http://127.0.0.1:{control_port}"

    @contextmanager
    def broken(self, kind: str, **details: Any) -> Iterator[None]:
        """Break it, as tests/support/clickhouse_http.py can, while the block lasts."""
        try:
            self.set_fault(kind, **details)
            yield
        finally:
            self.set_fault("none")

    def set_fault(self, kind: str, **details: Any) -> None:
        """Break it, or mend it with `none`."""
        httpx.post(f"{self._control}/fault", json={"kind": kind, **details}, timeout=60).raise_for_status()

    @contextmanager
    def limited(self, **limits: Any) -> Iterator[None]:
        """Limit what may be asked, as tests/support/clickhouse_http.py can, while the block lasts."""
        try:
            self._set_limits(limits)
            yield
        finally:
            self._set_limits({})

    def _set_limits(self, limits: dict[str, Any]) -> None:
        httpx.post(f"{self._control}/limits", json=limits, timeout=60).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """The requests since this was asked last."""
        requests: list[dict[str, Any]] = httpx.get(f"{self._control}/requests").json()
        return requests

    def counts(self) -> dict[str, int]:
        """Since this was asked last: the requests `asked`, and `most_at_once`; and how many are `slowed` now."""
        counts: dict[str, int] = httpx.get(f"{self._control}/counts").json()
        return counts


@contextmanager
def running_facade(folder: Path, **variables: str) -> Iterator[Facade]:
    """A facade on an engine's folder; `variables` are of its environment."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.clickhouse_http", "--folder", str(folder)],
        cwd=REPOSITORY,
        env=environment(**variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        port, control_port = map(int, process.stdout.readline().split())
        yield Facade(port, control_port)
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
