"""A TCP proxy before the API server, by which the network between it and the operator goes bad.

Connections may be delayed, cut, or left half-open: neither side hears of the other any more, and neither is told.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

_CHUNK = 65536


class Proxy:
    """The proxy.

    Args:
        port: Of loopback, to which connections lead.
    """

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._open: set[asyncio.StreamWriter] = set()
        self._frozen: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.delay_seconds = 0.0
        """How long each piece of an answer is held back."""
        self.port = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Proxy"]:
        """Take connections while the block runs."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._open:
            writer.transport.abort()

    def freeze(self) -> None:
        """Leave every connection that is open half-open; later ones are as they should be."""
        self._frozen |= self._open

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            return
        ours = {writer, upstream}
        self._open |= ours
        pumps = [
            asyncio.create_task(self._pump(reader, upstream, delayed=False)),
            asyncio.create_task(self._pump(upstream_reader, writer, delayed=True)),
        ]
        self._tasks.update(pumps)
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        self._tasks.difference_update(pumps)
        self._open -= ours
        for end in ours:
            end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, delayed: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                if delayed and self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                if writer in self._frozen:
                    await asyncio.get_running_loop().create_future()
                writer.write(data)
                await writer.drain()
