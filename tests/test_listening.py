"""Where `serve` listens, what it prints of that, and for how long it keeps idle connections."""

import re
import socket
from pathlib import Path

import httpx
import pytest

from app.cli.listening import listening_sockets, local_url
from app.settings import SettingError
from tests.support.server import Served, run, started


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")


@needs_ipv6
def test_all_addresses_are_ipv4s_too(tmp_path: Path) -> None:
    with started("--host", "::", cwd=tmp_path, CLICKHOUSE_URL="chdb://data") as server:
        for host in ("127.0.0.1", "[::1]"):
            assert httpx.get(f"http://{host}:{server.port}/health").json() == {"status": "ok"}
        assert f"running on http://[::]:{server.port} " in server.logged()


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_address_is_printed_in_brackets(host: str) -> None:
    (listener,) = sockets = listening_sockets(host, 0)
    with listener:
        assert local_url(host, sockets) == f"http://[::1]:{listener.getsockname()[1]}"
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", listener.getsockname()[1]))


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "127.0.0.1")])
def test_the_hints_name_an_address_that_can_be_opened(host: str, shown: str) -> None:
    sockets = listening_sockets(host, 0)
    assert local_url(host, sockets) == f"http://{shown}:{sockets[0].getsockname()[1]}"
    for listener in sockets:
        listener.close()


def test_all_addresses_of_a_name_have_one_port() -> None:
    sockets = listening_sockets("localhost", 0)
    assert len({listener.getsockname()[1] for listener in sockets}) == 1
    for listener in sockets:
        listener.close()


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port), cwd=tmp_path, CLICKHOUSE_URL="chdb://data")

    assert result.returncode == 1
    assert f"--host 127.0.0.1, --port {port}: nothing can listen there: Address already in use" in result.stderr


def test_a_host_without_an_address_is_named() -> None:
    with pytest.raises(SettingError, match=r"^--host nobody\.invalid, --port 8000: nothing can listen there: "):
        listening_sockets("nobody.invalid", 8000)


def asked_once(server: Served) -> socket.socket:
    """A connection on which a response has come."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert re.match(rb"HTTP/1\.1 200 .*ok", connection.recv(65536), re.DOTALL)
    return connection


def test_idle_connections_are_kept_as_long_as_the_setting_says(tmp_path: Path) -> None:
    (tmp_path / "short").mkdir()
    with (
        started(cwd=tmp_path, CLICKHOUSE_URL="chdb://data") as usual,
        started(cwd=tmp_path / "short", CLICKHOUSE_URL="chdb://data", KEEP_ALIVE_SECONDS="7") as short,
        asked_once(usual) as kept,
        asked_once(short) as ended,
    ):
        assert ended.recv(1) == b""
        # uvicorn's own default is 5 s.
        kept.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(65536).startswith(b"HTTP/1.1 200 ")
