"""Clients of an app in a test's own event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from litestar import Litestar

from tests.support.contract import validate_answer


@asynccontextmanager
async def client_of(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app that runs while the block lasts; every answer is held against the contract."""
    async with app.lifespan(), _client(app) as client:
        yield client


def at_address(client: httpx.AsyncClient, address: str) -> httpx.AsyncClient:
    """A client of the same app, at another address."""
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    return _client(transport.app, address)


def _client(app: Any, address: str = "127.0.0.1") -> httpx.AsyncClient:
    # An app that fails answers 500, as it does on a socket.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 123))
    return httpx.AsyncClient(transport=transport, base_url="http://test", event_hooks={"response": [_validate]})


async def _validate(response: httpx.Response) -> None:
    await response.aread()
    validate_answer(response)
