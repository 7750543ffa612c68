"""How a route is declared."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import route
from litestar.handlers import HTTPRouteHandler
from litestar.types import ExceptionHandlersMap

from app.api.parameters import NoQuery


def endpoint(
    path: str,
    query: type[msgspec.Struct] = NoQuery,
    response: type[msgspec.Struct] | None = None,
    name: str | None = None,
    exception_handlers: "ExceptionHandlersMap | None" = None,
) -> Callable[[Any], HTTPRouteHandler]:
    """Declare a handler: GET and HEAD on a path, with the parameters that `query` has.

    `response` is the struct of its JSON body; tests/test_contract_bodies.py compares it with openapi.yaml.
    The operationId is the function's name, or `name` for a function that serves several paths. Errors are problems,
    unless `exception_handlers` says otherwise.
    """

    def declare(function: Any) -> HTTPRouteHandler:
        operation = name or function.__name__
        return route(
            path,
            http_method=["GET", "HEAD"],
            name=operation,
            operation_id=operation,
            opt={"query": query, "response": response},
            exception_handlers=exception_handlers,
        )(function)

    return declare
