"""A TCP proxy before a ClickHouse, which ends connections as load balancers and broken networks do.

Whatever the statement was that the connection was waiting for: ClickHouse runs it to its end.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Moment = Literal["before", "running", "headers", "answered"]
"""When a request's connection is ended: before the request is passed on, while its statement runs (as by load
balancers that have seen no byte for a while) or, if that was quick, in place of its answer, among the headers of its
answer (the first bytes arrive, and no others), or once ClickHouse has answered, whose answer is lost."""

Cut = Callable[[int, bytes], Moment | None]
"""Says of a request, by its number from 0 on and its first bytes, when its connection is ended."""


CHUNK_BYTES = 1 << 16
PAUSE_SECONDS = 0.02
"""A client that has sent nothing for so long has sent its whole request."""


class Proxy:
    """Passes connections on to a port of this machine.

    It ends those that `cut` says, and those on which nothing was sent for `silent_seconds` (0: never). If it `goes`, it
    passes on nothing after that.
    """

    def __init__(self, target: int, cut: Cut, goes: bool, silent_seconds: float) -> None:
        self.port = 0
        self.ended = 0
        """Connections that were ended while a request waited for its answer."""
        self.requests = 0
        self.progress_headers = 0
        """Headers that ClickHouse has sent while it ran a statement."""
        self._target = target
        self._cut = cut
        self._goes = goes
        self._silent_seconds = silent_seconds or None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, ending: asyncio.Event, ready: threading.Event) -> None:
        """Forward connections until it is stopped."""
        tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(
            lambda reader, writer: tasks.add(asyncio.ensure_future(self._pass_on(reader, writer))), "127.0.0.1", 0
        )
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await ending.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._goes and self.ended:
            writer.close()
            return
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            with suppress(ConnectionError):
                await self._converse(reader, writer, server_reader, server_writer)
        finally:
            writer.close()
            server_writer.close()

    async def _converse(
        self,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        """Pass bytes on in both directions until one side, or a cut, ends it."""
        asked, answered = (asyncio.ensure_future(side.read(CHUNK_BYTES)) for side in (client, server))
        moment: Moment | None = None
        waiting, number, begun = False, 0, b""
        try:
            while True:
                seconds = PAUSE_SECONDS if waiting and moment == "running" else self._silent_seconds
                done, _ = await asyncio.wait({asked, answered}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                if self._goes and self.ended:
                    return
                if asked in done and (request := asked.result()):
                    if not waiting:
                        number, begun, moment = self.requests, b"", None
                        self.requests += 1
                    waiting = True
                    begun = (begun + request)[:CHUNK_BYTES]
                    moment = moment or self._cut(number, begun)
                    if moment != "before":
                        to_server.write(request)
                        await to_server.drain()
                        asked = asyncio.ensure_future(client.read(CHUNK_BYTES))
                        continue
                elif answered in done and moment not in {"answered", "running"} and (answer := answered.result()):
                    self.progress_headers += answer.count(b"X-ClickHouse-Progress:")
                    to_client.write(answer)
                    await to_client.drain()
                    if moment == "headers":
                        self.ended += 1
                        return
                    waiting = False
                    answered = asyncio.ensure_future(server.read(CHUNK_BYTES))
                    continue
                self.ended += waiting
                return
        finally:
            asked.cancel()
            answered.cancel()


@contextmanager
def running_proxy(
    target: int,
    cut: Cut = lambda _number, _request: None,
    *,
    goes: bool = False,
    silent_seconds: float = 0,
) -> Iterator[Proxy]:
    """A proxy in a thread of its own while the block lasts."""
    proxy, ready = Proxy(target, cut, goes, silent_seconds), threading.Event()
    loop, ending = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(proxy.serve(ending, ready)), name="proxy")
    thread.start()
    assert ready.wait(30)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()
        loop.close()
