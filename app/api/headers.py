"""What every answer carries, errors and preflights too: CORS for everybody, and whether the data are synthetic."""

from litestar import Litestar
from litestar.types import HTTPScope, Message, Scope

CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Link, Retry-After, X-Dataset"),
]
PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-max-age", b"86400"),
]
DEMO = [(b"x-dataset", b"demo")]


async def add_common_headers(message: Message, scope: Scope) -> None:
    """A hook that the app calls with each message that it sends."""
    if message["type"] != "http.response.start":
        return
    app: Litestar = scope["litestar_app"]
    headers = [*message["headers"], *CORS]
    if _method(scope) == "OPTIONS":
        headers += PREFLIGHT
    if app.state.answers.warehouse.is_demo:
        headers += DEMO
    message["headers"] = headers


def _method(scope: Scope | HTTPScope) -> str:
    return str(scope.get("method"))
