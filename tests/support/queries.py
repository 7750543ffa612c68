"""A look at which questions an app asks its ClickHouse, while ClickHouse answers them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from litestar import Litestar


@contextmanager
def counted(app: Litestar) -> Iterator[list[str]]:
    """The names of the questions that reach the connection while the block runs, but for the look at what is published,
    which an app has every few seconds."""
    layout = app.state.answers.warehouse.layout
    asked: list[str] = []
    ask = layout._ask

    async def ask_and_note(name: str, *args: Any, **kwargs: Any) -> Any:
        if name != "published":
            asked.append(name)
        return await ask(name, *args, **kwargs)

    layout._ask = ask_and_note
    try:
        yield asked
    finally:
        del layout._ask
