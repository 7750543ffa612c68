"""Calls of a source, which cannot be interrupted and may take minutes: they are given up when the server stops."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

from app.warehouse.sources.errors import SourceError

Result = TypeVar("Result")


class SourceCalls:
    """Runs calls in threads that keep no process from ending."""

    def __init__(self) -> None:
        self._given_up: Future[Any] = Future()

    def run(self, call: Callable[[], Result]) -> Result:
        """What a call returns or raises. Raises SourceError once it is given up."""
        done: Future[Any] = Future()

        def work() -> None:
            try:
                done.set_result(call())
            except BaseException as error:
                done.set_exception(error)

        if not self._given_up.done():
            threading.Thread(target=work, name="source", daemon=True).start()
            wait([done, self._given_up], return_when=FIRST_COMPLETED)
        if not done.done():
            raise SourceError("the server is stopping")
        result: Result = done.result()
        return result

    def each(self, items: Iterable[Result]) -> Iterator[Result]:
        """The items, none of which is None; each is a call."""
        iterator = iter(items)
        while (item := self.run(lambda: next(iterator, None))) is not None:
            yield item

    def give_up(self) -> None:
        """Let no call wait any longer, nor one that comes later."""
        if not self._given_up.done():
            self._given_up.set_result(None)
