"""An event loop in a thread of its own, for a library that blocks threads of its event loop's default executor."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any, TypeVar

Result = TypeVar("Result")


class BackgroundLoop:
    """Runs coroutines for other event loops. Its default executor has `threads` threads, and serves only them."""

    def __init__(self, threads: int, name: str) -> None:
        self._ending = asyncio.Event()
        started: Future[asyncio.AbstractEventLoop] = Future()
        executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        # A daemon: a program that does not close it ends nevertheless.
        self._thread = Thread(target=asyncio.run, args=[self._main(executor, started)], name=name, daemon=True)
        self._thread.start()
        self._loop = started.result()

    async def _main(self, executor: ThreadPoolExecutor, started: Future[asyncio.AbstractEventLoop]) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(executor)
        started.set_result(loop)
        await self._ending.wait()

    async def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """The result of a coroutine. To cancel the caller cancels the coroutine."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    async def close(self) -> None:
        """Cancel the coroutines that still run, and end the thread."""
        self._loop.call_soon_threadsafe(self._ending.set)
        await asyncio.to_thread(self._thread.join)
