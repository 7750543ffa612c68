"""How a command runs: what it says of errors, and how Ctrl-C ends it."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from app.cli.terminal import errors, printable
from app.settings import SettingError
from app.warehouse.engines.connection import Engine
from app.warehouse.engines.errors import InputError, WarehouseError
from app.warehouse.loading.progress import cancel

Result = TypeVar("Result")


@contextmanager
def plain_errors() -> Iterator[None]:
    """Errors that a user can fix become one line on stderr and exit status 1; other exceptions are bugs."""
    try:
        yield
    except (SettingError, InputError, WarehouseError) as error:
        errors.print("[red]error:[/] ", end="")
        errors.print(printable(str(error)), markup=False, soft_wrap=True)
        sys.exit(1)


def interruptible(engine: Engine, load: Callable[[], Result]) -> Result:
    """Load in a thread, so that Ctrl-C works: calls of the engine cannot be interrupted, only cancelled."""
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(load())
        except BaseException as error:
            failure.append(error)
        finally:
            ended.set()

    # Not Thread.join: a Ctrl-C during it can make CPython 3.11 take a running thread for ended.
    ended = threading.Event()
    threading.Thread(target=run, name="load").start()
    try:
        while not ended.wait(0.2):
            pass
    except KeyboardInterrupt:
        # Repeatedly: the load may be between two statements.
        while not ended.wait(0.2):
            with suppress(WarehouseError):
                cancel(engine.client)
        if failure:
            raise InputError("interrupted; nothing was published") from None
    if failure:
        raise failure[0]
    return outcome[0]
