"""Clients of an app in a test's own event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from litestar import Litestar

from tests.support.contract import validate_answer


@asynccontextmanager
async def client_of(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app that runs while the block lasts; every answer is held against the contract."""
    async with app.lifespan():
        # An app that fails answers 500, as it does on a socket.
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        hooks = {"response": [_validate]}
        async with httpx.AsyncClient(transport=transport, base_url="http://test", event_hooks=hooks) as client:
            yield client


async def _validate(response: httpx.Response) -> None:
    await response.aread()
    validate_answer(response)
