"""The stub of GitHub and PyPI, a new one for each test; clients of it; a clock that sleeping moves on."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from app.discovery.sources.github import GitHub
from app.discovery.sources.http import open_session
from app.discovery.sources.pypi import PyPI
from app.settings import Secret
from tests.discovery.stub import Stub, running_stub

TOKEN = "ghp_a-very-secret-token"
TEST_SECONDS = 60
"""Within this, a test that waits for an event fails."""


class Clock:
    """A clock that stands still but for `sleep`, which takes no time. `naps` are the seconds of each sleep."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 11, 12, tzinfo=UTC)
        self.naps: list[float] = []

    def __call__(self) -> datetime:
        return self.time

    def timestamp(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.time += timedelta(seconds=seconds)


class SteppedClock(Clock):
    """A clock whose sleepers wait until the test lets the time pass."""

    def __init__(self) -> None:
        super().__init__()
        self._sleeps: asyncio.Queue[float] = asyncio.Queue()
        self._wake_up: asyncio.Queue[None] = asyncio.Queue()
        self._seconds = 0.0

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._sleeps.put_nowait(seconds)
            await self._wake_up.get()

    async def asleep(self) -> float:
        """Wait until the sleeper sleeps; for how many seconds it wants to."""
        self._seconds = await asyncio.wait_for(self._sleeps.get(), TEST_SECONDS)
        return self._seconds

    def wake(self) -> None:
        """Let the time of the sleep pass."""
        self.time += timedelta(seconds=self._seconds)
        self._wake_up.put_nowait(None)

    async def step(self) -> float:
        """Let the time of the sleep pass, and wait for the next one."""
        self.wake()
        return await self.asleep()


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that looks a host's name up: nothing here has a name."""
    looked_up: list[str] = []
    getaddrinfo = socket.getaddrinfo

    def look_up(host: str | None, *args: Any, **kwargs: Any) -> Any:
        if host not in {None, "127.0.0.1", "::1", "localhost"}:
            looked_up.append(str(host))
            raise socket.gaierror(socket.EAI_NONAME, "no network in tests")
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield
    assert looked_up == []


@pytest.fixture
def stub() -> Iterator[Stub]:
    """GitHub and PyPI on loopback; no test may send a request to the other host."""
    with running_stub() as stub:
        yield stub
    assert stub.asked("elsewhere") == []


@pytest.fixture
def clock(stub: Stub) -> Clock:
    """The clock of the clients and of the stub's quotas."""
    clock = Clock()
    stub.clock = clock.timestamp
    return clock


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The clients' session, which has time on a busy machine, too."""
    async with open_session(connect_seconds=TEST_SECONDS, total_seconds=TEST_SECONDS) as session:
        yield session


@pytest.fixture
def make_github(stub: Stub, clock: Clock, session: aiohttp.ClientSession) -> Callable[..., GitHub]:
    """Makes clients of the stub's GitHub."""

    def make(*, base_url: str = "", token: str = TOKEN, **more: Any) -> GitHub:
        more = {"now": clock, "sleep": clock.sleep} | more
        return GitHub(session, base_url or stub.github_url, Secret(token), **more)

    return make


@pytest.fixture
def github(make_github: Callable[..., GitHub]) -> GitHub:
    """A client of the stub's GitHub."""
    return make_github()


@pytest.fixture
def pypi(stub: Stub, clock: Clock, session: aiohttp.ClientSession) -> PyPI:
    """A client of the stub's PyPI."""
    return PyPI(session, stub.pypi_url, sleep=clock.sleep)
