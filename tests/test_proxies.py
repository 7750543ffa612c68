"""HTTPS_PROXY, HTTP_PROXY and NO_PROXY: one rule for ClickHouse and for discovery."""

import socketserver
import threading
from collections.abc import Iterator

import aiohttp
import pytest

from app.discovery.sources.http import open_session
from app.settings import Secret
from app.warehouse.engines.errors import WarehouseError
from app.warehouse.engines.server import ServerEngine, server_address

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


class Proxy(socketserver.ThreadingTCPServer):
    """Keeps the first line of what it is asked for, and refuses."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Refusal)


class Refusal(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Proxy)
        self.server.asked.append(self.rfile.readline().decode().split("?")[0].strip())
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield proxy
        proxy.shutdown()
        thread.join()


async def ask_all(scheme: str, port: int) -> None:
    """Ask as loads do, as readers do, and as discovery does. The host's name is none, so nobody but a proxy answers."""
    server = ServerEngine(server_address(f"{scheme}://nobody.invalid:{port}"), "api", Secret(""), "pypi")
    with pytest.raises(WarehouseError):
        server.client()
    reader = server.reader()
    with pytest.raises(WarehouseError):
        await reader.query("SELECT 1", {})
    await reader.close()
    async with open_session() as session:
        try:
            async with session.get(f"{scheme}://nobody.invalid:{port}/") as answer:
                assert answer.status == 403
        except aiohttp.ClientError:
            pass


@pytest.mark.parametrize(
    ("scheme", "variable", "without", "asks"),
    [
        ("http", "HTTP_PROXY", "", "http://nobody.invalid:8123/"),
        ("http", "http_proxy", "", "http://nobody.invalid:8123/"),
        ("http", "HTTPS_PROXY", "", ""),
        ("http", "HTTP_PROXY", "other.invalid,.invalid", ""),
        ("http", "HTTP_PROXY", "*", ""),
        ("https", "HTTPS_PROXY", "", "CONNECT nobody.invalid:8123"),
        ("https", "HTTP_PROXY", "", ""),
        ("https", "HTTPS_PROXY", "nobody.invalid", ""),
    ],
)
async def test_all_go_by_one_rule(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, scheme: str, variable: str, without: str, asks: str
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.server_address[1]}")
    monkeypatch.setenv("NO_PROXY", without)
    await ask_all(scheme, 8123)

    if asks:
        assert len(proxy.asked) >= 3
        assert all(asks in line for line in proxy.asked)
    else:
        assert proxy.asked == []
