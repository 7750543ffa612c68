"""What the handlers share: how a route is declared, and what it depends on."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from litestar import route
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.types import ExceptionHandlersMap

from app.api.parameters import NoQuery
from app.api.responses import Answers
from app.charts.render import Renderer
from app.discovery.service import Discovery
from app.metrics import Metrics
from app.settings import Settings


def endpoint(
    path: str,
    query: type[msgspec.Struct] = NoQuery,
    name: str | None = None,
    exception_handlers: "ExceptionHandlersMap | None" = None,
) -> Callable[[Any], HTTPRouteHandler]:
    """Declare a handler: GET and HEAD on a path, with the parameters that `query` has.

    Its operationId is its function's name, or `name` where one function serves several paths. Its errors are problems
    unless `exception_handlers` make something else of them.
    """

    def declare(function: Any) -> HTTPRouteHandler:
        operation = name or function.__name__
        return route(
            path,
            http_method=["GET", "HEAD"],
            name=operation,
            operation_id=operation,
            opt={"query": query},
            exception_handlers=exception_handlers,
        )(function)

    return declare


def provide_answers(state: State) -> Answers:
    """The answers that the app made when it started."""
    answers: Answers = state.answers
    return answers


class Services(NamedTuple):
    """What a handler needs that asks for more than downloads.

    One dependency and not two: Litestar starts a task for each where there are several, which doubles a request's time.
    """

    answers: Answers
    discovery: Discovery


def provide_services(state: State) -> Services:
    """Answers, and what the app knows of PyPI and GitHub."""
    return Services(state.answers, state.discovery)


class Watched(NamedTuple):
    """What a handler needs that shows metrics. One dependency, as above."""

    settings: Settings
    metrics: Metrics


def provide_watched(state: State) -> Watched:
    """The settings, and what has been counted."""
    return Watched(state.answers.settings, state.metrics)


class Drawing(NamedTuple):
    """What a handler needs that answers with pictures. One dependency, as above."""

    answers: Answers
    renderer: Renderer


def provide_drawing(state: State) -> Drawing:
    """Answers, and who draws them."""
    return Drawing(state.answers, state.renderer)
