"""A load balancer before several nodes, as people run one.

It asks every node whether it is ready and gives a new connection to one that is. A connection stays
where it is for as long as both sides keep it, also when its node does not answer any more. Owns
connections and bytes; knows no protocol but that of the question.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random

import anyio
import httpx
from anyio.abc import SocketAttribute, SocketStream, TaskStatus

from collab_client.feeds import Bell

_BROKEN = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)
_CHUNK_BYTES = 65536
_ASK_EVERY_SECONDS = 0.25
_ANSWER_SECONDS = 1.0
_CONNECT_SECONDS = 1.0


class Balancer:
    """Made by `open_balancer`."""

    def __init__(self, nodes: Sequence[int], random: Random) -> None:
        self.port = 0
        self._nodes = list(nodes)
        self._random = random
        self._ready = dict.fromkeys(nodes, True)
        self._turns: list[int] = []
        self._node_of: dict[int, int] = {}
        self._changed = Bell()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def node_of(self, client_port: int) -> int | None:
        """The port of the node that the connection from `client_port` leads to."""
        return self._node_of.get(client_port)

    async def ready(self, node: int) -> None:
        """Wait until new connections are given to the node."""
        while not self._ready[node]:
            await self._changed.wait()

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", backlog=1024)
        self.port = listener.extra(SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            for node in self._nodes:
                tasks.start_soon(self._keep_asking, node)
            task_status.started()
            async with listener:
                await listener.serve(self._connect)

    async def _keep_asking(self, node: int) -> None:
        async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as client:
            while True:
                try:
                    answer = await client.get(f"http://127.0.0.1:{node}/readyz")
                    self._ready[node] = answer.status_code == 200
                except httpx.HTTPError:
                    self._ready[node] = False
                self._changed.ring()
                await anyio.sleep(_ASK_EVERY_SECONDS)

    async def _connect(self, client: SocketStream) -> None:
        client_port = client.extra(SocketAttribute.remote_port)
        async with client:
            with suppress(*_BROKEN):
                while (node := self._choose()) is not None:
                    server = await self._dial(node)
                    if server is None:
                        continue
                    self._node_of[client_port] = node
                    try:
                        async with server:
                            await _join(client, server)
                    finally:
                        del self._node_of[client_port]
                    return

    def _choose(self) -> int | None:
        """A node that is ready. All get a turn before one gets its second: so of a few clients
        that come one after the other, each node has some."""
        if not any(self._ready.values()):
            return None
        while True:
            if not self._turns:
                self._turns = self._random.sample(self._nodes, len(self._nodes))
            node = self._turns.pop()
            if self._ready[node]:
                return node

    async def _dial(self, node: int) -> SocketStream | None:
        """A connection to the node; None, and it is not chosen until it answers, if it refuses."""
        try:
            with anyio.fail_after(_CONNECT_SECONDS):
                return await anyio.connect_tcp("127.0.0.1", node)
        except (OSError, TimeoutError):
            self._ready[node] = False
            return None


async def _join(client: SocketStream, server: SocketStream) -> None:
    """Carry bytes both ways until one side is gone, which ends the other side too."""
    async with anyio.create_task_group() as tasks:

        async def carry(source: SocketStream, target: SocketStream) -> None:
            with suppress(*_BROKEN):
                while True:
                    await target.send(await source.receive(_CHUNK_BYTES))
            tasks.cancel_scope.cancel()

        tasks.start_soon(carry, client, server)
        tasks.start_soon(carry, server, client)


@asynccontextmanager
async def open_balancer(nodes: Sequence[int], random: Random) -> AsyncIterator[Balancer]:
    """A balancer before the nodes on these ports, for the length of the block."""
    balancer = Balancer(nodes, random)
    async with anyio.create_task_group() as tasks:
        await tasks.start(balancer.serve)
        yield balancer
        tasks.cancel_scope.cancel()
