"""app/serving/protocol.py uses undocumented parts of uvicorn: each of its names is listed here, and exists."""

import ast
import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn import _types as types
from uvicorn.protocols.http import httptools_impl as http
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from app.serving import protocol
from app.serving.protocol import Protocol

OVERRIDDEN = {
    "__init__",
    "_start_asgi_task",
    "_unset_keepalive_if_required",
    "connection_lost",
    "connection_made",
    "data_received",
    "eof_received",
    "on_body",
    "on_header",
    "on_headers_complete",
    "on_message_begin",
    "on_message_complete",
    "on_response_complete",
    "on_url",
    "pause_writing",
    "resume_writing",
    "shutdown",
    "timeout_keep_alive_handler",
}
"""Methods that are overridden, or called."""
NAMES = {
    "protocol": {
        *OVERRIDDEN,
        *(
            "app",
            "client",
            "connections",
            "cycle",
            "flow",
            "headers",
            "loop",
            "parser",
            "pipeline",
            "scope",
            "server_state",
        ),
        *("transport", "url"),
    },
    "cycle": {
        *("default_headers", "disconnected", "keep_alive", "message_event", "on_response", "response_complete"),
        *("response_started", "send", "send_500_response", "transport", "waiting_for_100_continue"),
    },
    "flow": {"drain", "resume_reading", "write_paused"},
    "server_state": {"default_headers"},
    "_types": {"ASGI3Application", "ASGIReceiveCallable", "ASGISendCallable", "Scope"},
    "httptools_impl": {"STATUS_LINE", "HttpToolsProtocol", "RequestResponseCycle"},
}
"""What is used of each object or module."""


@pytest.fixture
def owners() -> Iterator[dict[str, object]]:
    """The objects and modules, by the keys of NAMES."""
    loop = asyncio.new_event_loop()
    connection = http.HttpToolsProtocol(uvicorn.Config(lambda: None, log_config=None), ServerState(), {}, loop)
    connection.on_message_begin()
    parameters: dict[str, Any] = dict.fromkeys(inspect.signature(http.RequestResponseCycle).parameters)
    yield {
        "protocol": connection,
        "cycle": http.RequestResponseCycle(**parameters),
        "flow": FlowControl(asyncio.Transport()),
        "server_state": ServerState(),
        "_types": types,
        "httptools_impl": http,
    }
    loop.close()


def test_uvicorn_has_them(owners: dict[str, object]) -> None:
    gone = [f"{owner} {name}" for owner in NAMES for name in sorted(NAMES[owner]) if not hasattr(owners[owner], name)]

    assert not gone, f"uvicorn {uvicorn.__version__} lacks what app/serving/protocol.py uses: {', '.join(gone)}"


def test_they_are_all_that_are_used(owners: dict[str, Any]) -> None:
    """A name that is used and not listed would not be missed."""
    tree = ast.parse(Path(protocol.__file__).read_text(encoding="utf-8"))
    used: dict[str, set[str]] = {owner: set() for owner in NAMES}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("uvicorn"):
            used[str(node.module).rpartition(".")[2]] |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute) and (owner := owner_of(node.value)) in used:
            used[owner].add(node.attr)
    uvicorns = owners["protocol"]
    ours = Protocol(uvicorns.config, ServerState(), {}, uvicorns.loop)
    used["protocol"] |= {name for name, value in vars(Protocol).items() if callable(value)}
    used["protocol"] -= set(dir(ours)) - set(dir(uvicorns))

    assert used == NAMES


def owner_of(value: ast.expr) -> str:
    """The key in NAMES of what an attribute is read from."""
    name = ast.unparse(value).removeprefix("self.")
    return {"self": "protocol", "super()": "protocol", "_active_cycle": "cycle"}.get(name, name)
