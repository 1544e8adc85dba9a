"""A TCP proxy on this machine that can be slow, cut, frozen, half-open or gone.

Owns connections and bytes; knows no protocol.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.abc import SocketStream, TaskStatus

_BROKEN = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)
_CHUNK_BYTES = 65536


class Gate:
    """Bytes of one direction pass while it is open; `passages` counts the times that any did."""

    def __init__(self) -> None:
        self._opened = anyio.Event()
        self._arrived = anyio.Event()
        self._until: int | None = None
        self.passages = 0

    def shut(self, after: int = 0) -> None:
        """Let `after` more pass, and then nothing."""
        self._opened = anyio.Event()
        self._arrived = anyio.Event()
        self._until = self.passages + after

    def open(self) -> None:
        self._until = None
        self._opened.set()

    async def arrival(self) -> None:
        """Return when bytes wait at the shut gate."""
        await self._arrived.wait()

    async def passing(self) -> None:
        """Wait for the gate to be open."""
        while self._until is not None and self.passages >= self._until:
            self._arrived.set()
            await self._opened.wait()
        self.passages += 1


class Proxy:
    """Made by `open_proxy`. `requests` go to the server, `answers` come from it.

    Both shut: the network is frozen. Only `answers` shut: half-open, what is asked is done, and
    nobody hears of it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._connections: set[anyio.CancelScope] = set()
        self.requests = Gate()
        self.answers = Gate()
        self.delay_seconds = 0.0
        self.refusing = False
        self.port = 0
        self.accepted = 0

    def freeze(self) -> None:
        self.requests.shut()
        self.answers.shut()

    def thaw(self) -> None:
        self.requests.open()
        self.answers.open()

    def cut(self) -> None:
        """End every connection there is now; what was held is lost."""
        for connection in self._connections:
            connection.cancel()

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        self.port = listener.extra(anyio.abc.SocketAttribute.local_port)
        task_status.started()
        async with listener:
            await listener.serve(self._connect)

    async def _connect(self, client: SocketStream) -> None:
        self.accepted += 1
        async with client:
            if self.refusing:
                return
            with anyio.CancelScope() as scope, suppress(*_BROKEN):
                self._connections.add(scope)
                try:
                    async with await anyio.connect_tcp(*self._upstream) as server:
                        async with anyio.create_task_group() as tasks:
                            tasks.start_soon(self._pump, client, server, self.requests, scope)
                            tasks.start_soon(self._pump, server, client, self.answers, scope)
                finally:
                    self._connections.discard(scope)

    async def _pump(
        self, source: SocketStream, target: SocketStream, gate: Gate, scope: anyio.CancelScope
    ) -> None:
        """Move bytes until one side is gone, which ends the other side too."""
        with suppress(*_BROKEN):
            while True:
                data = await source.receive(_CHUNK_BYTES)
                if self.delay_seconds:
                    await anyio.sleep(self.delay_seconds)
                await gate.passing()
                await target.send(data)
        scope.cancel()


@asynccontextmanager
async def open_proxy(port: int, host: str = "127.0.0.1") -> AsyncIterator[Proxy]:
    """A proxy before `port` for the length of the block."""
    proxy = Proxy(host, port)
    async with anyio.create_task_group() as tasks:
        await tasks.start(proxy.serve)
        yield proxy
        tasks.cancel_scope.cancel()
